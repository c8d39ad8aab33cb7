using Engine.Diagnostics;
using Engine.RunLogs;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>Deletes the logs of jobs that are forgotten, off the loop's thread, in order.</summary>
internal sealed class LogRetention(IRunLogStore logs, ILogger logger)
{
    private Task _tail = Task.CompletedTask;

    /// <summary>Called by the loop only, so that the order needs no lock.</summary>
    internal void Forget(JobId jobId) => _tail = DeleteAsync(_tail, jobId);

    private async Task DeleteAsync(Task before, JobId jobId)
    {
        await before.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        try
        {
            await logs.DeleteAsync(jobId).ConfigureAwait(false);
        }
        catch (IOException exception)
        {
            logger.LogsNotDeleted(exception, jobId);
        }
        catch (UnauthorizedAccessException exception)
        {
            logger.LogsNotDeleted(exception, jobId);
        }
    }
}
