using System.Globalization;
using Engine.Core;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;
using Engine.Tests.Crash.Rigs;

namespace Engine.Tests.Crash;

/// <summary>A real process whose system calls fail or take long (F4, F5, F7). What is injected is counted for each
/// thread: most syncs are the committer's.</summary>
public sealed class InjectedErrorTests
{
    [StraceTheory]
    [InlineData("fdatasync", "EIO", 1)]
    [InlineData("fdatasync", "EIO", 15)]
    [InlineData("fdatasync", "ENOSPC", 40)]
    [InlineData("fsync", "EIO", 1)]
    [InlineData("pwrite64", "EIO", 10)]
    [InlineData("pwrite64", "ENOSPC", 40)]
    public async Task F5_a_call_that_fails_ends_all_acknowledgements_and_loses_none(string call, string error, int n)
    {
        using var life = new Life(seed: 50 + (ulong)n, new Tally());
        await life.CycleAsync(new Kill("busy", DelayMs: 200));
        var inject = Strace.Inject(call, string.Create(CultureInfo.InvariantCulture, $"error={error}:when={n}+"));
        await using (var child = life.Start(life.Options() with { Mode = ChildMode.Endure }, inject))
        {
            Assert.True(await child.HearAsync("latched", Guards.Start) is not null, child.Complaint);
            await child.Exited.WaitAsync(Guards.Long);
            Assert.True(child.ExitCode == 0, child.Complaint);
        }

        await life.CheckAsync();
        await life.DrainAsync();
    }

    [StraceTheory]
    [InlineData("delay_exit=200000")]
    [InlineData("delay_exit=3000000:when=20+40")]
    public async Task F7_a_slow_disk_delays_answers_and_expires_no_lease(string slow)
    {
        const int LeaseMs = 1_000;
        const long MaxMemoryKb = 512 * 1024;
        using var life = new Life(seed: 70, new Tally()) { LeaseMs = LeaseMs };
        long memory;
        await using (var child = life.Start(life.Options(), Strace.Inject("fdatasync", slow)))
        {
            Assert.True(await child.HearAsync("up", Guards.Long) is not null, child.Complaint);

            // Not a wait for something: how long the disk is slow under load.
            await Task.Delay(6 * LeaseMs);
            memory = Posix.PeakMemoryKb(child.Id);
            await life.StopAsync(child);
        }

        var model = await life.CheckAsync();
        Assert.InRange(memory, 1, MaxMemoryKb);

        // Each caller is answered or waits: those without an answer are what was under way when it was told to stop.
        int unanswered = life.Book.Submissions.Values.Sum(asked => asked.Asked - asked.Answers.Count);
        Assert.InRange(unanswered, 0, Load.MaxUnderWay);
        Assert.True(model.Jobs.Count > 5, $"only {model.Jobs.Count} jobs: that was no load");
        Assert.DoesNotContain(
            RunEnd.Lost, model.Jobs.Values.Where(job => job.Type != Workload.Remote).SelectMany(job => job.Runs).Select(run => run.End));
    }
}
