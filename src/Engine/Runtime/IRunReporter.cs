namespace Engine.Runtime;

/// <summary>What a worker may say about a run it holds.</summary>
internal interface IRunReporter
{
    ValueTask<LeaseAnswer> MoveToStageAsync(RunLease lease, string stage, string? message);

    ValueTask<LeaseAnswer> ReportProgressAsync(RunLease lease, int percent, string? message);

    ValueTask<IterationAnswer> BeginIterationAsync(RunLease lease);

    ValueTask<LeaseAnswer> HeartbeatAsync(RunLease lease);
}
