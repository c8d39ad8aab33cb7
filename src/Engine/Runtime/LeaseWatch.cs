using Engine.Storage;

namespace Engine.Runtime;

/// <summary>Stops an engine whose journal belongs to somebody else by now. An idle one would learn of it with its next
/// append only, and show old answers until then.</summary>
internal static class LeaseWatch
{
    internal static async Task FailWhenLostAsync(ILeasedJournal journal, JobEngine engine)
    {
        await Task.WhenAny(journal.LeaseLost, engine.Stopped).ConfigureAwait(false);
        if (engine.Stopped.IsCompleted)
        {
            return;
        }

        try
        {
            // On the loop, as any other doubt: everybody who waits is told, and nothing is decided any more.
            await engine.AskAsync<bool>(
                static _ => throw new JournalFencedException("Another process has taken over the journal."),
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (EngineStoppedException)
        {
            // That was the aim.
        }
    }
}
