using System.Diagnostics;

namespace Engine.Tests.Processes;

/// <summary>No process outlives its run: not by being a grandchild, by deafness, nor by the host's death.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "xunit disposes through IAsyncLifetime.")]
public sealed class ProcessTreeTests : IAsyncLifetime
{
    private readonly ProcessHarness _harness = new();
    private readonly CancellationTokenSource _cancel = new();

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        _cancel.Dispose();
        await _harness.DisposeAsync();
    }

    [Fact]
    public async Task Cancelling_ends_children_and_grandchildren()
    {
        var run = _harness.ShellAsync(
            "sh -c 'sleep 600 & echo grandchild $!; wait' & echo child $!; sleep 600", _cancel.Token);
        int child = await _harness.NumberAfterAsync("child");
        int grandchild = await _harness.NumberAfterAsync("grandchild");
        Assert.True(ProcessHarness.IsAlive(child) && ProcessHarness.IsAlive(grandchild));

        await _cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.False(ProcessHarness.IsAlive(child));
        Assert.False(ProcessHarness.IsAlive(grandchild));
    }

    [Fact]
    public async Task A_program_may_use_its_grace_to_tidy_up()
    {
        var run = _harness.ShellAsync("trap 'echo tidied up; exit 0' TERM; echo ready 1; while :; do sleep 0.05; done", _cancel.Token);
        await _harness.NumberAfterAsync("ready");

        await _cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Contains("tidied up", await _harness.LinesAsync());
    }

    [Fact]
    public async Task What_ignores_the_request_to_end_is_killed()
    {
        _harness.Settings.KillGrace = TimeSpan.FromMilliseconds(200);
        var run = _harness.ShellAsync("trap '' TERM HUP INT; sh -c 'echo child $$; while :; do sleep 1; done'", _cancel.Token);
        int child = await _harness.NumberAfterAsync("child");

        await _cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.False(ProcessHarness.IsAlive(child));
    }

    [Fact]
    public async Task A_daemon_in_a_session_of_its_own_is_killed_with_its_run()
    {
        _harness.Settings.KillGrace = TimeSpan.Zero;

        // Forks twice, leaves session, directory and output behind: all that a daemon does.
        var run = _harness.ShellAsync(
            "(setsid sh -c 'cd /; trap \"\" TERM; echo daemon $$; exec >/dev/null 2>&1 </dev/null; while :; do sleep 1; done' &) ;"
            + " sleep 600",
            _cancel.Token);
        int daemon = await _harness.NumberAfterAsync("daemon");
        Assert.True(ProcessHarness.IsAlive(daemon));

        await _cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.False(ProcessHarness.IsAlive(daemon));
    }

    [Theory]
    [InlineData("sleep 600 & echo child $!; echo done 1")]
    [InlineData("(setsid sh -c 'echo child $$; : > ready; exec sleep 600' &); until [ -e ready ]; do sleep 0.02; done")]
    public async Task What_a_program_leaves_running_ends_with_it(string script)
    {
        var outcome = await _harness.ShellAsync(script);

        Assert.IsType<JobOutcome.Completed>(outcome);
        Assert.False(ProcessHarness.IsAlive(await _harness.NumberAfterAsync("child")));
        Assert.Contains(await _harness.LinesAsync("engine"), line => line.Contains("killed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_process_that_multiplies_is_killed_with_all_it_made()
    {
        // Each forks a successor and dies: at most a few live at any moment, none for long.
        await File.WriteAllTextAsync(
            Path.Combine(_harness.Directory, "again.sh"), "trap '' TERM\nsh \"$0\" &\nexit 0\n");
        _harness.Settings.KillGrace = TimeSpan.FromMilliseconds(50);
        var run = _harness.ShellAsync(
            $"echo ready 1; sh {_harness.Directory}/again.sh; exec sleep 600", _cancel.Token);
        await _harness.NumberAfterAsync("ready");

        await _cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Empty(RunProcesses());
    }

    [Fact]
    public async Task Cancelled_before_the_start_it_still_leaves_nothing()
    {
        await _cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _harness.ShellAsync("sleep 600", _cancel.Token));
        Assert.Empty(RunProcesses());
    }

    [Fact]
    public async Task The_next_host_kills_what_a_crashed_one_left()
    {
        // The run goes on while its directories are opened again, as after a kill -9 of the host that started it.
        var run = _harness.ShellAsync("(setsid sh -c 'echo daemon $$; exec sleep 600' &); echo child $$; sleep 600");
        int child = await _harness.NumberAfterAsync("child");
        int daemon = await _harness.NumberAfterAsync("daemon");

        int killed = await _harness.Reopen().EndLeftoversAsync(TimeProvider.System);

        Assert.InRange(killed, 2, 4);
        Assert.False(ProcessHarness.IsAlive(child));
        Assert.False(ProcessHarness.IsAlive(daemon));
        Assert.Equal(0, await _harness.Reopen().EndLeftoversAsync(TimeProvider.System));
        Assert.IsType<JobOutcome.Failed>(await run);
    }

    [Fact]
    public async Task A_note_whose_process_id_is_anothers_by_now_kills_nobody()
    {
        using var bystander = Process.Start(new ProcessStartInfo("sleep", "600"))!;
        try
        {
            string note = Path.Combine(_harness.Data, "runs", ".active", "old.json");
            string boot = Engine.Host.Processes.ProcessTable.BootId;
            await File.WriteAllTextAsync(
                note, $$"""{"BootId":"{{boot}}","Token":"none","Pid":{{bystander.Id}},"StartTicks":1}""");

            Assert.Equal(0, await _harness.Directories.EndLeftoversAsync(TimeProvider.System));

            Assert.False(bystander.HasExited);
            Assert.False(File.Exists(note));
        }
        finally
        {
            bystander.Kill();
            await bystander.WaitForExitAsync();
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("{\"BootId\":")]
    [InlineData("{\"BootId\":\"another boot\",\"Token\":\"x\",\"Pid\":1,\"StartTicks\":0}")]
    public async Task A_note_that_says_nothing_is_dropped(string note)
    {
        string path = Path.Combine(_harness.Data, "runs", ".active", "old.json");
        await File.WriteAllTextAsync(path, note);

        Assert.Equal(0, await _harness.Directories.EndLeftoversAsync(TimeProvider.System));
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_second_host_does_not_get_the_directories()
    {
        Assert.Throws<Engine.Storage.JournalLockedException>(
            () => ProcessHarness.Open(_harness.Data));
    }

    private List<int> RunProcesses() =>
    [
        .. Engine.Host.Processes.ProcessTable.Snapshot()
            .Where(process => !process.IsDead && Engine.Host.Processes.ProcessTable.HasVariable(
                process.Pid, "ENGINE_JOB_ID", _harness.Job.ToString()))
            .Select(process => process.Pid),
    ];
}
