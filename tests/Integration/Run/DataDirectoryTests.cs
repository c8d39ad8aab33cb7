using System.Diagnostics;
using Engine.Host.Cli;
using Engine.Tests.Hosts;

namespace Engine.Tests.Run;

/// <summary>Data directories that cannot be used: the start ends before anything is made, and says what must be.</summary>
public sealed class DataDirectoryTests : IDisposable
{
    private const string Rule =
        "Engine:DataDirectory: must be a directory in which the user of this program may make files; found '";

    // Not in the directory for temporary files of these tests, which is this user's alone.
    private readonly string _directory = Directory.CreateDirectory(
        Path.Combine(AppContext.BaseDirectory, "data-directories", Guid.NewGuid().ToString("N"))).FullName;

    public DataDirectoryTests()
    {
        File.WriteAllText(PathOf("jobs.jsonl"), "");

        // The other user passes through, and reads the file of jobs.
        Permit("", 0b111_101_101);
        Permit("jobs.jsonl", 0b110_100_100);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [UnprivilegedTheory]
    [InlineData("")]
    [InlineData("journal")]
    [InlineData("logs")]
    [InlineData("runs")]
    public async Task Where_the_user_may_not_make_files_run_says_so_and_ends_with_78(string part)
    {
        string denied = Denied(part);
        await using var run = Unprivileged.Start(_directory, "run", "jobs.jsonl", "--data", "data", "--plain");

        var (code, text) = await run.EndedAsync();

        Assert.True(code == ExitCode.Configuration, $"{code}: {text}");
        Assert.Contains($"{Rule}{denied}': Permission denied.", text, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(PathOf("data"), "*", SearchOption.AllDirectories));
    }

    [UnprivilegedTheory]
    [InlineData("data")]
    [InlineData("data/below")]
    public async Task Where_the_user_may_not_make_files_serve_says_so_and_ends_with_78(string named)
    {
        Denied("");
        await using var serve = Unprivileged.Start(
            _directory,
            "serve",
            "--environment=Development",
            "--urls=http://127.0.0.1:0",
            $"--Engine:DataDirectory={named}");

        var (code, text) = await serve.EndedAsync();

        Assert.True(code == ExitCode.Configuration, $"{code}: {text}");
        Assert.Contains($"{Rule}{named}': Permission denied.", text, StringComparison.Ordinal);
    }

    [UnprivilegedTheory]
    [InlineData("verify")]
    [InlineData("inspect")]
    public async Task A_journal_that_the_user_may_not_read_is_named_with_what_to_do(string tool)
    {
        Directory.CreateDirectory(PathOf("data/journal"));
        Permit("data/journal", 0);
        try
        {
            await using var journal = Unprivileged.Start(_directory, "journal", tool, "data");

            var (code, text) = await journal.EndedAsync();

            Assert.True(code == ExitCode.StorageFailed, $"{code}: {text}");
            Assert.Contains("data/journal' is denied. Do it as the user that owns it", text, StringComparison.Ordinal);
        }
        finally
        {
            Permit("data/journal", 0b111_000_000);
        }
    }

    [Theory]
    [InlineData("data")]
    [InlineData("data/below")]
    public async Task A_data_directory_that_is_a_file_or_below_one_ends_with_78(string named)
    {
        await File.WriteAllTextAsync(PathOf("data"), "");
        await using var run = HostProcess.Start("Production", _directory, "run", "jobs.jsonl", "--data", named);

        var (code, text) = await run.EndedAsync();

        Assert.True(code == ExitCode.Configuration, $"{code}: {text}");
        Assert.Contains(
            $"Engine:DataDirectory: must be a directory, or be free to become one; found '{named}': ",
            text,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("journal", "faster", ExitCode.Configuration)]
    [InlineData("logs", "faster", ExitCode.Configuration)]
    [InlineData("runs", "faster", ExitCode.Configuration)]
    [InlineData("runs", "memory", ExitCode.Configuration)]
    [InlineData("journal", "memory", ExitCode.Success)]
    [InlineData("logs", "memory", ExitCode.Success)]
    public async Task Something_else_in_the_place_of_what_is_needed_ends_with_78(string part, string journal, int expected)
    {
        Directory.CreateDirectory(PathOf("data"));
        File.CreateSymbolicLink(PathOf($"data/{part}"), PathOf("nowhere"));
        await using var run = HostProcess.Start(
            "Production", _directory, "run", "jobs.jsonl", "--data", "data", "--journal", journal);

        var (code, text) = await run.EndedAsync();

        Assert.True(code == expected, $"{code}: {text}");
        Assert.Equal(
            expected == ExitCode.Configuration,
            text.Contains($"free to become one; found 'data/{part}': it is something else.", StringComparison.Ordinal));
    }

    /// <summary>By the limit of the shell that starts it; the system's own answer to it would be to end the process.</summary>
    [Fact]
    public async Task Where_files_may_not_grow_so_large_run_says_so_and_ends_with_74()
    {
        if (!OperatingSystem.IsLinux())
        {
            // The limit is the shell's, and its unit differs.
            return;
        }

        await using var run = HostProcess.Start(_directory, [], start =>
        {
            // The runtime keeps what it compiles in a file of its own, unless told not to.
            start.Environment["DOTNET_EnableWriteXorExecute"] = "0";
            string host = start.ArgumentList[0];
            start.ArgumentList.Clear();
            string[] words =
            [
                "-c", "ulimit -f 40000 && exec \"$0\" \"$@\"", start.FileName, host, "run", "jobs.jsonl", "--data", "data",
            ];
            start.FileName = "/bin/sh";
            words.ToList().ForEach(start.ArgumentList.Add);
        });

        var (code, text) = await run.EndedAsync();

        Assert.True(code == ExitCode.StorageFailed, $"{code}: {text}");
        Assert.Contains("Cannot start: ", text, StringComparison.Ordinal);
        Assert.Contains("journal/segment-0000000000.log", text, StringComparison.Ordinal);
    }

    [UnprivilegedTheory]
    [InlineData("run", "-")]
    [InlineData("serve", "--urls=http://127.0.0.1:0")]
    public async Task A_current_directory_that_the_user_may_not_see_ends_the_start_with_78(string command, string argument)
    {
        if (!Environment.IsPrivilegedProcess)
        {
            // Who may see less than this one cannot be started from there.
            return;
        }

        Permit("", 0b111_000_000);
        await using var host = Unprivileged.Start(_directory, command, argument);

        var (code, text) = await host.EndedAsync();

        Assert.True(code == ExitCode.Configuration, $"{code}: {text}");
        Assert.Contains(
            $"The current directory '{_directory}', where settings are looked for, is gone or may not be read.",
            text,
            StringComparison.Ordinal);
    }

    private string PathOf(string name) => Path.Combine(_directory, name);

    private void Permit(string name, int mode)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(PathOf(name), (UnixFileMode)mode);
        }
    }

    /// <summary>Makes a data directory of which this part does not let others write; the rest does.</summary>
    private string Denied(string part)
    {
        string denied = Path.Combine("data", part);
        Directory.CreateDirectory(PathOf(denied));
        Permit("data", 0b111_111_111);
        Permit(denied, 0b101_101_101);
        return denied;
    }
}

/// <summary>Runs the host as a user to whom permissions mean something.</summary>
internal static class Unprivileged
{
    private const string Setpriv = "/usr/bin/setpriv";
    private static readonly string[] Nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];

    /// <summary>Why it cannot be done here; null where it can.</summary>
    internal static string? Missing { get; } = WhatIsMissing();

    internal static HostProcess Start(string directory, params string[] arguments) =>
        HostProcess.Start(directory, arguments, start =>
        {
            if (Environment.IsPrivilegedProcess)
            {
                string[] words = [.. Nobody, start.FileName, .. start.ArgumentList];
                start.ArgumentList.Clear();
                words.ToList().ForEach(start.ArgumentList.Add);
                start.FileName = Setpriv;
                start.Environment["HOME"] = Path.GetTempPath();
            }
        });

    private static string? WhatIsMissing()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "users and permissions are tested on Linux";
        }

        if (!Environment.IsPrivilegedProcess)
        {
            return null;
        }

        if (!File.Exists(Setpriv))
        {
            return "root may write everywhere, and there is no setpriv to be somebody else";
        }

        using var reading = Process.Start(
            Setpriv, [.. Nobody, "test", "-r", Path.Combine(AppContext.BaseDirectory, "Engine.Host.dll")]);
        reading.WaitForExit();
        return reading.ExitCode == 0 ? null : "root may write everywhere, and nobody else may read what was built";
    }
}

/// <summary>A test of what permissions forbid.</summary>
internal sealed class UnprivilegedTheoryAttribute : TheoryAttribute
{
    public UnprivilegedTheoryAttribute() => Skip = Unprivileged.Missing is { } reason ? $"SKIP permissions: {reason}" : null;
}
