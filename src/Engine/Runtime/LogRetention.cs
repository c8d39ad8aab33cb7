using System.Buffers;
using System.Threading.Channels;
using Engine.Diagnostics;
using Engine.RunLogs;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>Deletes the logs of jobs that are forgotten, off the loop's thread, in order.</summary>
internal sealed class LogRetention
{
    private readonly Channel<ArraySegment<JobId>> _forgotten = Channel.CreateUnbounded<ArraySegment<JobId>>(
        new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });

    private readonly IRunLogStore _logs;
    private readonly ILogger _logger;

    internal LogRetention(IRunLogStore logs, ILogger logger)
    {
        (_logs, _logger) = (logs, logger);

        // Waits without a thread, and goes with this object when nobody can forget anything any more.
        _ = DeleteAllAsync();
    }

    /// <summary>Called by the loop only.</summary>
    internal void Forget(List<JobId> jobIds)
    {
        var copy = ArrayPool<JobId>.Shared.Rent(jobIds.Count);
        jobIds.CopyTo(copy);
        _forgotten.Writer.TryWrite(new ArraySegment<JobId>(copy, 0, jobIds.Count));
    }

    private async Task DeleteAllAsync()
    {
        await foreach (var jobIds in _forgotten.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            foreach (var jobId in jobIds)
            {
                try
                {
                    await _logs.DeleteAsync(jobId).ConfigureAwait(false);
                }
                catch (Exception exception)
                {
                    // Whatever one deletion throws, the other jobs' logs are to go as well.
                    _logger.LogsNotDeleted(exception, jobId);
                }
            }

            ArrayPool<JobId>.Shared.Return(jobIds.Array!);
        }
    }
}
