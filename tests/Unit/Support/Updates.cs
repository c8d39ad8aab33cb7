namespace Engine.Tests;

/// <summary>Reads updates with a time-out that only guards against a test that hangs.</summary>
internal static class Updates
{
    internal static async Task<JobUpdate> NextAsync(JobWatch watch)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        await foreach (var update in watch.ReadAllAsync(guard.Token))
        {
            return update;
        }

        throw new InvalidOperationException("The watch ended.");
    }

    /// <summary>All updates until the watch ends by itself.</summary>
    internal static async Task<List<JobUpdate>> AllAsync(JobWatch watch)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        var updates = new List<JobUpdate>();
        await foreach (var update in watch.ReadAllAsync(guard.Token))
        {
            updates.Add(update);
        }

        return updates;
    }
}
