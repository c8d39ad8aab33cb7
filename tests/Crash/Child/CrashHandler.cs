namespace Engine.Tests.Crash.Child;

/// <summary>Does what the job's type says, with side effects that outlive the process.</summary>
internal sealed class CrashHandler(ChildJournal journal, Effects effects, Ledger ledger) : IJobHandler
{
    public async Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken)
    {
        // Every run of this pool was handed out by this process, so its epoch is the run's.
        var lease = new RunLease(context.JobId, context.Run, journal.Epoch);
        effects.Started(lease);
        ledger.Write("ran", lease.JobId, lease.Run, lease.Epoch);
        var outcome = await WorkAsync(context, Dice.For(context.JobId.Seed, (ulong)context.Run), cancellationToken);
        effects.Done(lease);
        ledger.Write("did", lease.JobId, lease.Run, lease.Epoch);
        return outcome;
    }

    private static async Task<JobOutcome> WorkAsync(JobContext context, Dice dice, CancellationToken cancellationToken)
    {
        switch (context.Type)
        {
            case Workload.Slow:
                await context.ReportProgressAsync(50, "half way");

                // Some do not listen: they are still at work when the process dies, though they were told to stop.
                await Task.Delay(50 + dice.Below(250), dice.Chance(50) ? CancellationToken.None : cancellationToken);
                return JobOutcome.Done;
            case Workload.Flaky:
                return dice.Chance(60) ? new JobOutcome.Failed("it does that") : JobOutcome.Done;
            case Workload.Steps:
                return await IterateAsync(context);
            case Workload.Staged:
                await context.MoveToAsync("two");
                await context.MoveToAsync("three", "nearly there");
                return new JobOutcome.Completed("{\"ok\":true}"u8.ToArray());
            case Workload.Fragile when context.Run < 3 && dice.Chance(50):
                // Likely to be found here by the kill, and by the next one, which is one too many.
                await Task.Delay(100 + dice.Below(500), cancellationToken);
                return JobOutcome.Done;
            case Workload.Heavy or Workload.Fragile:
                await Task.Delay(dice.Below(20), cancellationToken);
                return JobOutcome.Done;
            default:
                return JobOutcome.Done;
        }
    }

    private static async Task<JobOutcome> IterateAsync(JobContext context)
    {
        while (true)
        {
            switch (await context.BeginIterationAsync())
            {
                case IterationAnswer.Granted:
                    continue;
                case IterationAnswer.Suspend:
                    return new JobOutcome.Suspended("\"checkpoint\""u8.ToArray());
                default:
                    return JobOutcome.Done;
            }
        }
    }
}
