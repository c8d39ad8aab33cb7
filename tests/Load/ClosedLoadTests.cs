using Engine.Tests.Hosts;
using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Driving;
using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;
using Xunit.Abstractions;

namespace Engine.Tests.Load;

/// <summary>Callers who wait for their answers and do everything that users do: submit, send again, look, confirm,
/// cancel, watch. They find a full house, so that every limit is met, and go on when it empties.</summary>
public sealed class ClosedLoadTests(ITestOutputHelper output)
{
    private const int Callers = 32;

    /// <summary>One part in so many finds the house full: far more submissions than may wait.</summary>
    private const int FullShare = 10;

    private static readonly Limits Tight = new() { GlobalCap = 100, Runs = 12, Daily = 20 };

    /// <summary>Little is kept, so that snapshots are small and much is cut off.</summary>
    private static readonly Limits Forgetful = new()
    {
        GlobalCap = 1_000,
        Runs = 32,
        Daily = 1_000_000,
        Retention = 100,
    };

    [Theory]
    [InlineData("memory", 20_000)]
    [InlineData("faster", 6_000)]
    public async Task A1_A3_A5_under_a_crowd_in_process_every_limit_is_met_and_none_is_broken(
        string journal, int operations)
    {
        var kind = journal == "faster" ? JournalKind.Faster : JournalKind.Memory;
        var plan = new LoadPlan { Journal = kind, Limits = Tight, Users = 10, Streams = 8 };
        await using var session = await LoadSession.StartAsync(plan);
        await using var house = await FullHouse.FillAsync(session);

        var recorder = await session.ClosedAsync(Callers, operations, OperateAsync);
        await ConfirmAsync(session);
        int resent = await session.SettleAcrossARestartAsync();

        session.AssertClean(output, $"closed_inprocess_{journal}", recorder);
        Assert.Equal(operations, recorder.All.Count);
        Assert.InRange(resent, 50, int.MaxValue);
        AssertMet(session, Tight);
        AssertDone(session, "queued", "scheduled", "confirmed", "cancelled", "sent_twice", "streams_to_the_end",
            "refused_system-busy");

        async ValueTask<Operation> OperateAsync(long number)
        {
            if (number == operations / FullShare)
            {
                await house.EmptyAsync();
            }

            return await session.Traffic.AnyAsync(number);
        }
    }

    [Fact]
    public Task D2_snapshots_on_disk_under_load_and_every_frame_is_checked_before_it_is_cut_off() =>
        CutOffAsync(JournalKind.Faster);

    [RedisFact]
    public Task D2_snapshots_in_Redis_under_load_and_every_frame_is_checked_before_it_is_cut_off() =>
        CutOffAsync(JournalKind.Redis);

    [Fact]
    public Task F1_D1_a_host_killed_under_a_crowd_has_everything_that_it_acknowledged() =>
        KilledAsync(JournalKind.Faster);

    [RedisFact]
    public Task F1_D1_a_host_killed_under_a_crowd_has_everything_that_it_acknowledged_in_Redis() =>
        KilledAsync(JournalKind.Redis);

    private async Task CutOffAsync(JournalKind journal)
    {
        const int Rounds = 10;
        const int Operations = 500;
        var plan = new LoadPlan { Journal = journal, SnapshotBytes = 128 * 1024, Limits = Forgetful };
        await using var session = await LoadSession.StartAsync(plan);

        // What is done is let go, so that most of the journal is about jobs that are in no snapshot any more.
        var recorder = new Recorder();
        for (int round = 0; round < Rounds; round++)
        {
            recorder = await session.ClosedAsync(Callers, Operations, session.Traffic.SubmitOnlyAsync);
            await WorkedOffAsync(session);
        }

        await session.SettleAcrossARestartAsync();

        session.AssertClean(output, $"cut_off_{journal}", recorder);
        Assert.Equal(session.Ledger.Accepted.Count, session.Audit.Jobs.Count);

        // Who comes later finds the first frames gone.
        var gone = await Record.ExceptionAsync(async () =>
        {
            await foreach (var frame in session.Target.Journal!.ReadAsync(1))
            {
                Assert.Fail($"Frame {frame.Sequence} is still there: nothing was cut off.");
            }
        });
        string said = journal == JournalKind.Faster ? "were cut off" : "no longer in";
        Assert.Contains(said, gone?.Message, StringComparison.Ordinal);
    }

    // Asks the engine only: whoever waits for the checks waits until they have read the whole journal.
    private static async Task WorkedOffAsync(LoadSession session)
    {
        using var guard = new CancellationTokenSource(HostProcess.Guard);
        while (await session.Target.QueueAsync() is not { Queued: 0, Running: 0 })
        {
            guard.Token.ThrowIfCancellationRequested();
        }
    }

    private async Task KilledAsync(JournalKind journal)
    {
        const int Operations = 3_000;
        var plan = new LoadPlan
        {
            Target = TargetKind.Http,
            Journal = journal,
            Limits = Tight,
            Users = 10,
            Streams = 8,
        };
        await using var session = await LoadSession.StartAsync(plan);
        await using var house = await FullHouse.FillAsync(session);

        // The half of it is done when the host dies; the other half finds nobody there, or its successor.
        using var stop = new CancellationTokenSource();
        var halfDone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var emptied = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var isDead = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var driven = session.ClosedAsync(Callers, Operations, OperateAsync, stop.Token);
        await Task.WhenAny(halfDone.Task, driven);
        var killed = session.EndAsync(kill: true);
        await stop.CancelAsync();
        await killed;
        isDead.SetResult();
        var before = await driven;
        await session.StartAgainAsync();
        var after = await session.ClosedAsync(Callers, Operations / 2);
        await ConfirmAsync(session);
        await session.DrainAsync();
        int resent = await session.SettleAsync(resend: true);

        session.AssertClean(output, $"closed_http_killed_{journal}", after);
        Assert.InRange(before.All.Count, (Operations / 2) - Callers, Operations);
        Assert.Equal(Operations / 2, after.All.Count);
        Assert.InRange(resent, 50, int.MaxValue);
        AssertMet(session, Tight);
        AssertDone(session, "queued", "scheduled", "confirmed", "cancelled", "sent_twice", "streams_to_the_end",
            "not_answered");

        async ValueTask<Operation> OperateAsync(long number)
        {
            if (number == Operations / FullShare)
            {
                // Of whoever is still held, processes would be left.
                try
                {
                    await house.EmptyAsync();
                }
                finally
                {
                    emptied.SetResult();
                }
            }
            else if (number == Operations / 2)
            {
                // One at least finds nobody.
                await emptied.Task;
                halfDone.SetResult();
                await isDead.Task;
            }

            return await session.Traffic.AnyAsync(number);
        }
    }

    // Whoever still waits for it: callers look at some jobs only.
    private static async Task ConfirmAsync(LoadSession session)
    {
        await session.DrainAsync();
        var all = session.Ledger.Accepted.Values.ToList();
        await session.ClosedAsync(Callers, all.Count, number => session.Traffic.LookAtAsync(all[(int)number]));
    }

    // A limit that is never met would hold whatever the engine did.
    private static void AssertMet(LoadSession session, Limits limits)
    {
        Assert.Equal(limits.GlobalCap, session.Audit.Peak(JournalAudit.QueuedCount));
        Assert.Equal(limits.Runs, session.Audit.Peak(JournalAudit.RunningCount));
        Assert.Equal(limits.TierOf(Limits.Scale).UserSlots, session.Audit.Peak(JournalAudit.UserCount));
        Assert.Equal(limits.TierOf(Limits.Scale).ProjectSlots, session.Audit.Peak(JournalAudit.ProjectCount));
        Assert.Equal(limits.Gpus, session.Audit.Peak(JournalAudit.ResourceCount));
    }

    private static void AssertDone(LoadSession session, params string[] corners) =>
        Assert.Equal(corners, corners.Where(session.Ledger.Answers.ContainsKey));
}
