using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;
using static Engine.Tests.Crash.Checks.Finding;

namespace Engine.Tests.Crash.Checks;

/// <summary>Folds the journal with the engine's own core, as its next start will, and compares it with the model.</summary>
internal sealed class Replay : IEventSink
{
    private readonly EngineCore _core;

    internal Replay() => _core = new EngineCore(
        EngineSettings.From(Workload.Options()), new MovingAverageEstimator(), this);

    /// <summary>Begins with a snapshot.</summary>
    internal Replay(ReadOnlySequence<byte> snapshot)
        : this() => SnapshotCodec.Restore(_core, snapshot);

    /// <summary>The engine's own digest of the state.</summary>
    internal ulong StateHash => _core.State.ComputeHash();

    bool IEventSink.IsFull => false;

    void IEventSink.Recorded(in JobEvent e, Job? job)
    {
    }

    void IEventSink.Forgotten(JobId id)
    {
    }

    internal void Apply(JournalFrame frame) => Recovery.Apply(_core, frame);

    /// <summary>Everything that the engine counts must be what the events add up to.</summary>
    internal void CompareWith(JournalModel model)
    {
        var state = _core.State;
        Unless(state.Jobs.Count == model.Jobs.Count, "D4", $"{state.Jobs.Count} jobs after replay, {model.Jobs.Count} in the journal");
        Unless(state.Queued == model.Queued, "A1", $"{state.Queued} jobs queued after replay, {model.Queued} in the journal");
        foreach (var facts in model.Jobs.Values)
        {
            var job = state.Jobs[facts.Id];
            Unless(
                job.State == facts.State && job.Runs == facts.Runs.Count && job.LostRuns == facts.LostRuns
                    && job.Retries == facts.Retries && job.CancelRequested == facts.CancelRequested
                    && job.IterationsUsed == facts.IterationsUsed && job.IterationsGranted == facts.IterationsGranted,
                "D4", $"{facts.Id} is {Describe(job)} after replay, and {facts.State} after {facts.Runs.Count} runs in the journal");
        }

        foreach (var user in state.Users.Values)
        {
            Unless(
                user.Slots.Used == model.RunningOf(user.Id),
                "A3", $"{user.Id} holds {user.Slots.Used} slots after replay and has {model.RunningOf(user.Id)} open runs");
            foreach (var (day, charged, _) in user.Allowance.Days)
            {
                int expected = model.ChargedTo(user.Id, day);
                Unless(charged == expected, "A5", $"{user.Id} is charged {charged} on day {day} after replay, {expected} in the journal");
            }
        }

        foreach (var project in state.Projects.Values)
        {
            Unless(
                project.Slots.Used == model.RunningOf(project.Id),
                "A3", $"{project.Id} holds {project.Slots.Used} slots after replay and has {model.RunningOf(project.Id)} open runs");
        }

        foreach (var resource in state.ResourceLimits)
        {
            Unless(
                resource.Used == model.RunningOf(resource.Name),
                "A3", $"{resource.Used} of {resource.Name} are held after replay, by {model.RunningOf(resource.Name)} open runs");
        }
    }

    /// <summary>One number for the whole state: equal for equal states, on every machine.</summary>
    internal string Hash()
    {
        var state = _core.State;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{state.Now.Ms} {state.LastEventId} {state.LastSequence} {state.Ordering}\n");
        foreach (var job in state.Jobs.Values.OrderBy(job => job.Sequence))
        {
            text.Append(CultureInfo.InvariantCulture, $"{Describe(job)}\n");
        }

        foreach (var user in state.Users.Values.OrderBy(user => user.Id, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"{user.Id} {user.Slots.Used} {user.JobCount} {user.Answers?.Count}");
            foreach (var (day, charged, deferred) in user.Allowance.Days)
            {
                text.Append(CultureInfo.InvariantCulture, $" {day}:{charged}:{deferred}");
            }

            text.Append('\n');
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private static string Describe(Job job) => string.Create(
        CultureInfo.InvariantCulture,
        $"{job.Id} {job.State} {job.User.Id} {job.Project?.Id} {job.Tier.Name} {job.Type.Name} {job.Sequence} {job.EntrySequence} " +
        $"{job.Key} {job.EnteredAt.Ms} {job.DueAt.Ms} {job.StartedAt.Ms} {job.FinishedAt.Ms} {job.RunEpoch} {job.LastEventId} " +
        $"{job.ChargedDay} {job.DeferredOnDay} {job.Runs} {job.Retries} {job.LostRuns} {job.IterationsUsed}/{job.IterationsGranted} " +
        $"{job.StageIndex} {job.Progress} {job.CancelRequested} {job.Details?.Message} {job.Details?.Error}");
}
