using System.Runtime.Versioning;

namespace Engine.Tests.Processes;

/// <summary>A run that takes more of the disk than it may.</summary>
[UnsupportedOSPlatform("windows")]
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "xunit disposes through IAsyncLifetime.")]
public sealed class DiskBoundTests : IAsyncLifetime
{
    private const string Bytes =
        "The run took more than 1,000,000 bytes on disk (Engine:Processes:MaxDiskBytes): it was ended, and its files are "
        + "not kept.";

    private const string Files =
        "The run took more than 20 files and directories (Engine:Processes:MaxFiles): it was ended, and its files are "
        + "not kept.";

    private const string Deep =
        "The run made directories within directories until their path was longer than the system allows: it was ended, and "
        + "its files are not kept.";

    private const string GoDeep =
        "name=$(printf 'd%.0s' $(seq 200)); for i in $(seq 25); do mkdir $name && cd $name || exit 9; done; echo x > file";

    private readonly ProcessHarness _harness = new();

    public DiskBoundTests() => (_harness.Settings.MaxDiskBytes, _harness.Settings.MaxFiles) = (1_000_000, 20);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _harness.DisposeAsync();

    [Theory]
    [InlineData("head -c 1100000 /dev/zero > big")]
    [InlineData("head -c 1100000 /dev/zero > $HOME/big")]
    [InlineData("head -c 600000 /dev/zero > one; mkdir -p a/b; head -c 600000 /dev/zero > a/b/.two")]
    public async Task A_program_that_fills_the_disk_is_killed_while_it_works(string fill)
    {
        // It does not care what it is asked, and would never end by itself.
        var running = _harness.ShellAsync($"trap '' TERM; echo child $$; {fill}; while :; do sleep 600; done");
        int child = await _harness.NumberAfterAsync("child");
        var failed = Assert.IsType<JobOutcome.Failed>(await running);

        Assert.Equal((Bytes, false), (failed.Error, failed.Retryable));
        Assert.False(ProcessHarness.IsAlive(child));
        Assert.False(Directory.Exists(_harness.WorkDirectory));
    }

    [Theory]
    [InlineData("head -c 1100000 /dev/zero > big", Bytes)]
    [InlineData("head -c 1100000 /dev/zero > $TMPDIR/big", Bytes)]
    [InlineData("head -c 600000 /dev/zero > one; ln one two; head -c 600000 /dev/zero > three", Bytes)]
    [InlineData("truncate -s 1T sparse; head -c 1100000 /dev/zero | dd of=sparse conv=notrunc 2> $TMPDIR/dd", Bytes)]
    [InlineData("for i in 1 2 3 4 5 6 7; do mkdir d$i; : > d$i/file; ln -s / d$i/link; done", Files)]
    public async Task What_was_written_since_the_last_look_is_found_at_the_end(string script, string error)
    {
        var failed = Assert.IsType<JobOutcome.Failed>(await _harness.ShellAsync(script));

        Assert.Equal((error, false), (failed.Error, failed.Retryable));
        Assert.False(Directory.Exists(_harness.WorkDirectory));
    }

    [Theory]
    [InlineData("head -c 999000 /dev/zero > big; ln -s / everything; ln -s /dev/zero endless")]
    [InlineData("for i in 1 2 3 4 5 6 7 8 9; do mkdir d$i; : > d$i/file; done")]
    [InlineData("rm -rf \"$PWD\" \"$HOME\"")]
    [InlineData("truncate -s 1T sparse; head -c 900000 /dev/zero > dense")]
    [InlineData("head -c 600000 /dev/zero > one; ln one two; mkdir a; ln one a/three")]
    public async Task What_stays_within_the_limits_is_left_alone(string script) =>
        Assert.IsType<JobOutcome.Completed>(await _harness.ShellAsync(script));

    /// <summary>Nobody could count what lies there, whatever it takes.</summary>
    [Theory]
    [InlineData("", "")]
    [InlineData("cd $HOME; ", "")]
    [InlineData("", "; while :; do sleep 600; done")]
    public async Task A_directory_deeper_than_paths_can_be_ends_the_run_and_is_removed(string before, string then)
    {
        _harness.Settings.MaxFiles = 1_000;

        var failed = Assert.IsType<JobOutcome.Failed>(await _harness.ShellAsync(before + GoDeep + then));

        Assert.Equal((Deep, false), (failed.Error, failed.Retryable));
        Assert.False(Directory.Exists(_harness.WorkDirectory));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(_harness.Data, "runs/.scratch")));
    }

    [Fact]
    public async Task Inputs_count_before_the_program_starts()
    {
        _harness.Settings.InputDirectory = _harness.Directory;
        await File.WriteAllBytesAsync(Path.Combine(_harness.Directory, "input"), new byte[1_000_001]);

        var failed = Assert.IsType<JobOutcome.Failed>(await _harness.RunAsync(
            new { program = "sh", arguments = (string[])["-c", "echo started"], input_files = (string[])["input"] }));

        Assert.Equal(Bytes, failed.Error);
        Assert.Empty(await _harness.LinesAsync());
        Assert.False(Directory.Exists(_harness.WorkDirectory));
    }

    [Fact]
    public async Task A_run_that_is_told_to_stop_before_its_program_starts_does_not_start_it()
    {
        string mark = Path.Combine(_harness.Directory, "mark");

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => _harness.ShellAsync($": > {mark}; sleep 600", new CancellationToken(canceled: true)));

        Assert.False(File.Exists(mark));
        Assert.Empty(Directory.GetFiles(Path.Combine(_harness.Data, "runs", ".active")));
    }
}
