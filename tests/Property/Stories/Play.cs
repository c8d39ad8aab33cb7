using System.Text;
using Engine.Core;
using Engine.Core.Rules;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Model;

namespace Engine.Tests.Stories;

/// <summary>Plays a story to the engine and to the reference, and compares every answer as it goes.</summary>
internal sealed class Play
{
    // The last one is configured nowhere.
    private static readonly string[] ResourceNames = ["r1", "r2", "r9"];

    private readonly List<RunLease> _leases = [];
    private readonly List<JobId> _ids = [];

    internal Play(Setup setup, bool takesSnapshots = false, IJournal? journal = null)
    {
        Setup = setup;
        Engine = new EngineUnderTest(setup.ToOptions(), EngineUnderTest.NewClock(), journal ?? new MemoryJournal())
        {
            TakesSnapshots = takesSnapshots,
        };
        Reference = new ReferenceEngine(setup.ToOptions());
        Reference.Restart(Engine.Ownership!.Epoch);
        FirstBatch();
    }

    internal Setup Setup { get; private set; }

    internal EngineUnderTest Engine { get; }

    internal ReferenceEngine Reference { get; }

    internal long WallMs => Engine.Time.GetUtcNow().ToUnixTimeMilliseconds();

    internal long MonotonicMs => (long)Engine.Time.GetElapsedTime(0).TotalMilliseconds;

    /// <summary>Plays it all, calling <paramref name="afterEach"/> when the engine rests.</summary>
    internal static Play Of(
        Story story, Action<Play>? afterEach = null, bool takesSnapshots = false, IJournal? journal = null)
    {
        var play = new Play(story.Setup, takesSnapshots, journal);
        for (int i = 0; i < story.Beats.Count; i++)
        {
            try
            {
                play.Next(story.Beats[i]);
                afterEach?.Invoke(play);
            }
            catch (Exception exception)
            {
                // Without the exception itself, of which FsCheck would print every word twice.
                var lines = exception.StackTrace?.Split('\n')
                    .Where(line => line.Contains("Engine.", StringComparison.Ordinal));
                string where = string.Join('\n', lines?.Take(4) ?? []);
                throw new InvalidOperationException($"At beat {i} ({story.Beats[i]}): {exception.Message}\n{where}");
            }
        }

        return play;
    }

    /// <summary>How long it is to each instant that a job or a run waits for, on the clock that counts.</summary>
    internal IReadOnlyList<long> MsToWhatIsNext() =>
    [
        .. Reference.Jobs
            .Where(job => job.State is JobState.Scheduled or JobState.AwaitingConfirmation)
            .Where(job => job.DueMs > Reference.NowMs)
            .Select(job => job.DueMs - WallMs),
        .. Reference.OpenRuns
            .Select(job => Math.Max(job.LeaseEndsMs, Reference.NothingExpiresBeforeMs) - MonotonicMs),
    ];

    internal void Next(Beat beat)
    {
        var time = Engine.Time;
        switch (beat)
        {
            case Beat.Wait wait:
                time.Advance(wait.By);
                Batch([]);
                break;
            case Beat.ToMidnight to:
                long midnight = (ReferenceEngine.DayOf(WallMs) + 1) * 86_400_000L;
                long by = midnight + to.OffsetMs - WallMs;
                time.Advance(TimeSpan.FromMilliseconds(Math.Max(0, by)));
                Batch([]);
                break;
            case Beat.ToNext to:
                long ms = MsToWhatIsNext().DefaultIfEmpty(1000).Min() + to.OffsetMs;
                time.Advance(TimeSpan.FromMilliseconds(Math.Max(0, ms)));
                Batch([]);
                break;
            case Beat.WallJump jump:
                time.JumpWallClock(jump.By);
                Batch([]);
                break;
            case Beat.Restart:
                Engine.Start();
                Reference.Restart(Engine.Ownership!.Epoch);
                FirstBatch();
                break;
            case Beat.Do batch:
                Batch(batch.Ops);
                break;
            default:
                throw new InvalidOperationException($"No such beat: {beat}.");
        }
    }

    private void FirstBatch()
    {
        Reference.Begin(WallMs, MonotonicMs);
        if (Reference.LastFactMs == long.MinValue)
        {
            // An empty journal says that the order is Strict.
            var options = Setup.ToOptions();
            options.Ordering = Ordering.Strict;
            var actual = Reference.Options;
            Reference.Reconfigure(options);
            Reference.Reconfigure(actual);
        }

        Reference.LoseAllRuns();
        Reference.Settle();
        Reference.Retain();
        Engine.Run();
    }

    private void Batch(IReadOnlyList<Op> ops)
    {
        // What is due goes before what is asked, and claims are served when everything else was decided.
        Reference.Begin(WallMs, MonotonicMs);
        Reference.Release();
        var comparisons = ops.Where(op => op is not Op.Claim).Select(Command).ToList();
        Reference.Settle();
        comparisons.AddRange(ops.OfType<Op.Claim>().Select(Claim).ToList());
        Reference.Retain();
        Engine.Run();
        foreach (var compare in comparisons)
        {
            compare();
        }
    }

    /// <summary>Tells the reference at once and the engine's inbox, and returns how to compare what they say.</summary>
    private Action Command(Op op)
    {
        switch (op)
        {
            case Op.Submit submit:
                var submission = SubmissionOf(submit);
                _ids.Add(submission.Id);
                var sent = new SubmitOperation();
                sent.Ask(submission);
                return Same(op, Reference.Submit(submission), sent, Comparable);
            case Op.End end when OpenRun(end.Run) is { } lease:
                var outcome = OutcomeOf(end.How);
                return Same(op, Reference.EndRun(lease, outcome), core => Finishing.Decide(core, lease, outcome));
            case Op.Heartbeat beat when OpenRun(beat.Run) is { } lease:
                return Same(op, Reference.Heartbeat(lease), core => Leasing.DecideHeartbeat(core, lease));
            case Op.Stage stage when OpenRun(stage.Run) is { } lease:
                return Stage(op, lease, StageName(stage.To));
            case Op.Progress progress when OpenRun(progress.Run) is { } lease:
                return Progress(op, lease, progress.Percent);
            case Op.Iterate iterate when OpenRun(iterate.Run) is { } lease:
                return Same(op, Reference.Iterate(lease), core => Iterating.DecideBegin(core, lease));
            case Op.Late late when _leases.Count > 0:
                return Late(late, _leases[late.Lease % _leases.Count]);
            case Op.Cancel cancel when _ids.Count > 0:
                var id = _ids[^((cancel.Job % _ids.Count) + 1)];
                return Same(op, Reference.Cancel(id), core =>
                    core.Find(id, null) is { } job ? Cancelling.Decide(core, job) : CancelOutcome.NotFound);
            case Op.Confirm confirm when _ids.Count > 0:
                var suspended = Suspended(confirm.Job);
                return Same(op, Reference.Confirm(suspended), core => core.Find(suspended, null) is { } job
                    ? Iterating.DecideConfirm(core, job)
                    : (ConfirmOutcome.NotFound, 0));
            case Op.Reconfigure to:
                Setup = to.To;
                Engine.Options = to.To.ToOptions();
                Reference.Reconfigure(to.To.ToOptions());
                Engine.Post(core =>
                {
                    Configuring.Adopt(core, EngineSettings.From(Engine.Options));
                    Configuring.DecideOrdering(core);
                    return true;
                });
                return () => { };
            default:
                // There is no such run or job at this point of the story.
                return () => { };
        }
    }

    private Action Claim(Op.Claim claim)
    {
        string[] types = [.. Setup.TypeNames.Where((_, i) => (claim.Types & (1 << i)) != 0)];
        var expected = Reference.Claim(types, claim.Max)
            .Select(run => (run.Lease, Run: Comparable(run.Lease, run.Job)))
            .ToList();
        if (expected.Count > 0)
        {
            // Each start made room under the cap.
            Reference.Release();
        }

        _leases.AddRange(expected.Select(run => run.Lease));
        var operation = new ClaimOperation(types, claim.Max, waits: false);
        Engine.Post(operation);
        return () => Assert.Equal(
            string.Join("\n", expected.Select(run => run.Run)),
            string.Join("\n", EngineUnderTest.Done(operation.Task).Select(Comparable)));
    }

    private Action Late(Op.Late late, RunLease lease) => late.What switch
    {
        Saying.Complete => Same(
            late,
            Reference.EndRun(lease, new RunOutcome.Completed()),
            core => Finishing.Decide(core, lease, new RunOutcome.Completed())),
        Saying.Heartbeat => Same(late, Reference.Heartbeat(lease), core => Leasing.DecideHeartbeat(core, lease)),
        Saying.Iterate => Same(late, Reference.Iterate(lease), core => Iterating.DecideBegin(core, lease)),
        Saying.Progress => Progress(late, lease, 7),
        Saying.Stage => Stage(late, lease, "two"),
    };

    private Action Stage(Op op, RunLease lease, string stage) =>
        Same(op, Reference.MoveToStage(lease, stage), core => Reporting.DecideStage(core, lease, stage, null));

    private Action Progress(Op op, RunLease lease, int percent) =>
        Same(op, Reference.Report(lease, percent), core => Reporting.DecideProgress(core, lease, percent, "working"));

    private Action Same<T>(Op op, T expected, Func<EngineCore, T> decide, Func<T, string>? show = null)
    {
        return Same(op, expected, new FuncOperation<T>(loop => decide(loop.Core)), show);
    }

    private Action Same<T>(Op op, T expected, Operation<T> operation, Func<T, string>? show = null)
    {
        var task = operation.Task;
        Engine.Post(operation);
        show ??= answer => answer!.ToString()!;
        return () =>
        {
            string answer = show(EngineUnderTest.Done(task));
            Assert.True(show(expected) == answer, $"{op}:\n  expected {show(expected)}\n  but got  {answer}");
        };
    }

    private RunLease? OpenRun(int pick) =>
        Reference.OpenRuns is { Count: > 0 } runs ? runs[pick % runs.Count].Lease : null;

    private JobId Suspended(int pick)
    {
        // Mostly one that waits for it, now and then any.
        var waiting = Reference.Jobs.Where(job => job.State == JobState.AwaitingConfirmation).ToList();
        return waiting.Count > 0 && pick % 4 != 0 ? waiting[pick % waiting.Count].Id : _ids[pick % _ids.Count];
    }

    internal static Submission SubmissionOf(Op.Submit submit)
    {
        string[] resources = [.. ResourceNames.Where((_, i) => (submit.Resources & (1 << i)) != 0)];
        return new Submission(
            IdOf(submit.Job),
            IdIsGiven: true,
            Setup.TypeNames[submit.Type],
            $"u{submit.User}",
            submit.Project == 0 ? null : $"p{submit.Project}",
            submit.Tier == 4 ? null : $"t{submit.Tier}",
            submit.Priority,
            Encoding.UTF8.GetBytes($"payload {submit.Job}"),
            resources.Length == 0 ? null : resources,
            submit.Key == 0 ? null : $"key{submit.Key}",
            submit.Key == 0 ? default : (UInt128)submit.Body + 1);
    }

    internal static JobId IdOf(int number) => JobId.New(1_900_000_000_000, 0, (ulong)number * 0x9E37_79B9_7F4A_7C15);

    internal static RunOutcome OutcomeOf(Ending ending) => ending switch
    {
        Ending.Complete => new RunOutcome.Completed(),
        Ending.CompleteWithResult => new RunOutcome.Completed("result"u8.ToArray()),
        Ending.Fail => new RunOutcome.Failed("it broke", "d1"),
        Ending.FailForGood => new RunOutcome.Failed("it broke", "d2", Retryable: false),
        Ending.Suspend => new RunOutcome.Suspended("checkpoint"u8.ToArray()),
        Ending.Stop => new RunOutcome.Stopped(),
    };

    private static string StageName(int stage) => stage < 3 ? Setup.Stages.Stages[stage].Name : "nowhere";

    private static string Comparable(SubmitResult answer)
    {
        // Counters come with every answer but a refusal that has nothing to do with them.
        bool hasUsage = answer.Outcome != SubmitOutcome.Refused || answer.Refusal!.Reason == RefusalReason.ScheduleFull;
        return $"{answer.Outcome} {answer.JobId} at {answer.Position}, {answer.Estimate}, " +
            $"for {answer.ScheduledFor:O}, {(hasUsage ? answer.Usage : "")} " +
            $"{answer.Refusal?.Reason} {answer.Refusal?.Field}" + (answer.Repeated ? " again" : "");
    }

    private string Comparable(RunLease lease, ReferenceJob job) =>
        $"{lease} {job.Type} {job.User} {job.Project} {job.Tier} '{job.Payload}' '{job.Checkpoint}' {job.Used} " +
        $"{Reference.TypeOf(job.Type)!.Timeout}";

    private static string Comparable(ClaimedRun run) =>
        $"{run.Lease} {run.Type} {run.UserId} {run.ProjectId} {run.Tier} '{TextOf(run.Payload)}' " +
        $"'{TextOf(run.Checkpoint)}' {run.IterationsUsed} {run.Timeout}";

    private static string TextOf(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
