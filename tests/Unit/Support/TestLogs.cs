using Engine.RunLogs;

namespace Engine.Tests;

/// <summary>A store of run logs that can fail where a disk would.</summary>
internal sealed class TestLogs : IRunLogStore
{
    internal bool FailsToOpen { get; set; }

    internal bool FailsToClose { get; set; }

    internal TaskCompletionSource<JobId>? Deleted { get; init; }

    /// <summary>Told of every line.</summary>
    internal Action<JobId, string>? Written { get; init; }

    public IRunLog Open(JobId jobId, int run) =>
        FailsToOpen ? throw new IOException("no space left on device") : new Log(this, jobId);

    public ValueTask<RunLogPage> ReadAsync(
        JobId jobId, long? beforeId, int limit, CancellationToken cancellationToken = default) =>
        new(new RunLogPage([], false));

    public async IAsyncEnumerable<RunLogLine> FollowAsync(
        JobId jobId,
        long? afterId,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        yield break;
    }

    public ValueTask DeleteAsync(JobId jobId, CancellationToken cancellationToken = default)
    {
        Deleted?.TrySetResult(jobId);
        return ValueTask.CompletedTask;
    }

    private sealed class Log(TestLogs owner, JobId jobId) : IRunLog
    {
        public void Write(string source, string text, string? phase = null) => owner.Written?.Invoke(jobId, text);

        public ValueTask DisposeAsync() =>
            owner.FailsToClose ? throw new IOException("no space left on device") : ValueTask.CompletedTask;
    }
}
