using Engine.Runtime;

namespace Engine.Simulation.Driver;

/// <summary>A claim: the engine's own operation, which stays with the loop; its answer is looked for after each
/// step.</summary>
internal sealed class SimClaim(string[] types, int maxRuns, bool waits, Action<IReadOnlyList<ClaimedRun>?> done)
{
    private ValueTask<IReadOnlyList<ClaimedRun>>? _task;

    internal string[] Types { get; } = types;

    internal int MaxRuns { get; } = maxRuns;

    internal bool Waits { get; } = waits;

    internal ClaimOperation Operation { get; } = new(types, maxRuns, waits);

    internal ValueTask<IReadOnlyList<ClaimedRun>> Task => _task ??= Operation.Task;

    internal void Done(IReadOnlyList<ClaimedRun>? runs) => done(runs);
}
