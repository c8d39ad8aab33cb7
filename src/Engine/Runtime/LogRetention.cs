using System.Collections.Concurrent;
using Engine.Diagnostics;
using Engine.RunLogs;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>Deletes the logs of jobs that are forgotten, off the loop's thread, in order.</summary>
internal sealed class LogRetention(IRunLogStore logs, ILogger logger)
{
    private readonly ConcurrentQueue<JobId> _forgotten = new();
    private int _isDeleting;

    /// <summary>Called by the loop only.</summary>
    internal void Forget(JobId jobId)
    {
        _forgotten.Enqueue(jobId);
        if (Volatile.Read(ref _isDeleting) == 0 && Interlocked.Exchange(ref _isDeleting, 1) == 0)
        {
            _ = Task.Run(DeleteAllAsync);
        }
    }

    private async Task DeleteAllAsync()
    {
        do
        {
            while (_forgotten.TryDequeue(out var jobId))
            {
                await DeleteAsync(jobId).ConfigureAwait(false);
            }

            Interlocked.Exchange(ref _isDeleting, 0);

            // Whoever enqueued after the last look saw a deletion under way and left it to this one.
        }
        while (!_forgotten.IsEmpty && Interlocked.Exchange(ref _isDeleting, 1) == 0);
    }

    private async ValueTask DeleteAsync(JobId jobId)
    {
        try
        {
            await logs.DeleteAsync(jobId).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            // Whatever one store throws, the others' logs are to go as well.
            logger.LogsNotDeleted(exception, jobId);
        }
    }
}
