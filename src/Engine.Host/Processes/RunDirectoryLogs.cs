using Engine.RunLogs;

namespace Engine.Host.Processes;

/// <summary>A log store that takes a job's run directories along when its logs are deleted: both are kept as long as the
/// job, and no longer.</summary>
internal sealed class RunDirectoryLogs(IRunLogStore logs, RunDirectories directories) : IRunLogStore, IAsyncDisposable
{
    public IRunLog Open(JobId jobId, int run) => logs.Open(jobId, run);

    public ValueTask<RunLogPage> ReadAsync(
        JobId jobId, long? beforeId, int limit, CancellationToken cancellationToken = default) =>
        logs.ReadAsync(jobId, beforeId, limit, cancellationToken);

    public IAsyncEnumerable<RunLogLine> FollowAsync(JobId jobId, long? afterId, CancellationToken cancellationToken) =>
        logs.FollowAsync(jobId, afterId, cancellationToken);

    public async ValueTask DeleteAsync(JobId jobId, CancellationToken cancellationToken = default)
    {
        // The log goes even where a directory does not: an abandoned program may still write there.
        await logs.DeleteAsync(jobId, cancellationToken).ConfigureAwait(false);
        directories.Delete(jobId);
    }

    public ValueTask DisposeAsync() => logs is IAsyncDisposable disposable ? disposable.DisposeAsync() : default;
}
