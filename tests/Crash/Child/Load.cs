using System.Collections.Concurrent;

namespace Engine.Tests.Crash.Child;

/// <summary>Everybody who wants something from the engine: users who submit, repeat, cancel and confirm, and workers that
/// claim and end runs themselves. Each writes down what it asks before it asks, and what it heard when it heard it.</summary>
internal sealed class Load(JobEngine engine, ChildOptions options, Ledger ledger, Effects effects, ShiftedTime time)
{
    private const int Submitters = 4;
    private const int RecentJobs = 64;
    private const int Burst = 40;

    /// <summary>Submissions that can be without an answer at one moment.</summary>
    internal const int MaxUnderWay = Submitters * Burst;

    private readonly ConcurrentQueue<JobId> _recent = new();
    private int _next = options.First - 1;

    /// <summary>Works until the engine stops, or, when draining, until everything is worked off.</summary>
    internal async Task RunAsync()
    {
        var remote = WorkRemotelyAsync();
        await ConfirmAllAsync();
        if (options.Mode == ChildMode.Drain)
        {
            await DrainAsync();
            return;
        }

        await Task.WhenAll(Enumerable.Range(0, Submitters).Select(SubmitAsync).Append(remote));
    }

    /// <summary>Reports every change that is shown to anybody, and confirms what waits for it.</summary>
    internal async Task WatchAsync(UpdateFeed feed)
    {
        await foreach (var update in feed.ReadAllAsync())
        {
            if (update.Kind == JobUpdateKind.Resync)
            {
                ledger.Write("lagged");
                continue;
            }

            ledger.Write("saw", update.EventId, update.JobId, update.State);
            if (update.State == JobState.AwaitingConfirmation)
            {
                _ = ConfirmAsync(update.JobId);
            }
            else if (update is { State: JobState.Running, Kind: JobUpdateKind.Progress } && Dice.For(update.JobId.Seed, 3).Chance(40))
            {
                _ = CancelAsync(update.JobId);
            }
        }
    }

    /// <summary>Workers of earlier processes that did not notice: they still hold what they took for a lease (L5).</summary>
    internal async Task SendZombiesAsync()
    {
        foreach (var lease in options.Zombies)
        {
            var answer = await engine.EndRunAsync(lease, new RunOutcome.Completed("\"late\""u8.ToArray()));
            ledger.Write("zombie", lease.JobId, lease.Run, lease.Epoch, answer);
        }
    }

    /// <summary>Asks an engine that has failed: whatever it answers, it has none to give (D5).</summary>
    internal async Task ShowSilenceAsync()
    {
        for (int i = 0; i < 3; i++)
        {
            try
            {
                await SubmitOneAsync(Interlocked.Increment(ref _next));
                throw new InvalidOperationException("An engine that had failed answered a submission.");
            }
            catch (EngineStoppedException)
            {
                // As it should be: the outcome is unknown to it.
            }
        }
    }

    private async Task SubmitAsync(int lane)
    {
        // Different in every process, or each life would repeat and cancel the same.
        var dice = Dice.For(options.Seed + (ulong)options.First, (ulong)lane + 1);
        try
        {
            while (true)
            {
                int n = Interlocked.Increment(ref _next);
                await SubmitOneAsync(n);
                if (dice.Chance(3))
                {
                    // Somebody who wants it all at once: more than the queue takes, and more than a block of the log holds.
                    await Task.WhenAll(Enumerable.Range(0, Burst).Select(_ => SubmitOneAsync(Interlocked.Increment(ref _next))));
                }

                if (dice.Chance(15) && options.First > 0)
                {
                    // A client of an earlier life that never heard, or did not believe, its answer.
                    await SubmitOneAsync(dice.Below(options.First));
                }

                if (dice.Chance(10))
                {
                    await SubmitOneAsync(n);
                }

                if (dice.Chance(8) && _recent.TryPeek(out var id))
                {
                    await CancelAsync(id);
                }

                await Task.Delay(1 + dice.Below(4));
            }
        }
        catch (EngineStoppedException)
        {
            // What was asked last has no answer: the parent finds out what became of it.
        }
    }

    private async Task SubmitOneAsync(int n)
    {
        var request = Workload.Request(options.Seed, n);
        ledger.Write("try", n);
        var result = await engine.SubmitAsync(request);
        ledger.Write(
            "got",
            n,
            result.Outcome,
            result.Outcome == SubmitOutcome.Refused ? "-" : result.JobId,
            result.Repeated ? 1 : 0,
            result.Position,
            result.ScheduledFor?.ToUnixTimeMilliseconds() ?? 0,
            result.Refusal?.Reason.ToString() ?? "-");
        if (result.Outcome == SubmitOutcome.Refused)
        {
            return;
        }

        _recent.Enqueue(result.JobId);
        if (_recent.Count > RecentJobs)
        {
            _recent.TryDequeue(out _);
        }
    }

    private async Task CancelAsync(JobId id)
    {
        try
        {
            ledger.Write("tryCancel", id);
            var result = await engine.CancelAsync(id);
            ledger.Write("cancel", id, result.Outcome);
        }
        catch (EngineStoppedException)
        {
            // As above.
        }
    }

    private async Task ConfirmAsync(JobId id)
    {
        try
        {
            ledger.Write("tryConfirm", id);
            var result = await engine.ConfirmAsync(id);
            ledger.Write("confirm", id, result.Outcome, result.IterationsGranted);
        }
        catch (EngineStoppedException)
        {
            // As above.
        }
    }

    /// <summary>Confirms what earlier processes left waiting.</summary>
    private async Task ConfirmAllAsync()
    {
        try
        {
            for (int user = 0; user < Workload.Users; user++)
            {
                await ConfirmAllAsync(user);
            }
        }
        catch (EngineStoppedException)
        {
            // As above.
        }
    }

    private async Task ConfirmAllAsync(int user)
    {
        var query = new JobQuery
        {
            UserId = Workload.UserOf(user),
            State = JobState.AwaitingConfirmation,
            Limit = 200,
        };
        JobPage page;
        do
        {
            page = await engine.ListAsync(query);
            foreach (var job in page.Jobs)
            {
                await ConfirmAsync(job.Id);
            }

            query = query with { Cursor = page.NextCursor };
        }
        while (page.NextCursor is not null);
    }

    private async Task WorkRemotelyAsync()
    {
        try
        {
            while (true)
            {
                var runs = await engine.ClaimAsync(new ClaimRequest { Types = [Workload.Remote], MaxRuns = 3 });
                if (runs.Count == 0)
                {
                    return;
                }

                foreach (var run in runs)
                {
                    await EndRemotelyAsync(run);
                }
            }
        }
        catch (EngineStoppedException)
        {
            // As above.
        }
    }

    private async Task EndRemotelyAsync(ClaimedRun run)
    {
        var lease = run.Lease;
        effects.Started(lease);
        ledger.Write("ran", lease.JobId, lease.Run, lease.Epoch);
        await Task.Delay(Dice.For(lease.JobId.Seed, (ulong)lease.Run).Below(5));
        effects.Done(lease);
        ledger.Write("tryEnd", lease.JobId, lease.Run, lease.Epoch);
        var answer = await engine.EndRunAsync(lease, new RunOutcome.Completed("\"done\""u8.ToArray()));
        ledger.Write("ended", lease.JobId, lease.Run, lease.Epoch, answer);

        // The same once more, as a worker does that lost the first answer: it must change nothing.
        var second = await engine.EndRunAsync(lease, new RunOutcome.Completed("\"again\""u8.ToArray()));
        ledger.Write("endedAgain", lease.JobId, lease.Run, lease.Epoch, second);
    }

    private async Task DrainAsync()
    {
        while (true)
        {
            var queue = await engine.GetQueueAsync();
            if (queue.Queued + queue.Running + queue.AwaitingConfirmation == 0)
            {
                if (queue.Scheduled == 0)
                {
                    return;
                }

                // Only the days stand between the rest and the queue.
                time.Leap(TimeSpan.FromHours(6));
            }

            if (queue.AwaitingConfirmation > 0)
            {
                await ConfirmAllAsync();
            }

            await Task.Delay(2);
        }
    }
}
