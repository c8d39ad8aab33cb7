using Engine.Storage;

namespace Engine.Runtime;

/// <summary>Stops an engine whose journal cannot be appended to any more, because it belongs to somebody else by now. An
/// idle one would learn of it with its next append only, and show old answers until then.</summary>
internal static class LeaseWatch
{
    internal static async Task FailWhenLostAsync(ILeasedJournal journal, JobEngine engine)
    {
        var ended = journal.OwnershipEnded;
        await Task.WhenAny(ended, engine.Stopped).ConfigureAwait(false);
        if (engine.Stopped.IsCompleted)
        {
            return;
        }

        var reason = await ended.ConfigureAwait(false);

        try
        {
            // On the loop, as any other doubt: everybody who waits is told, and nothing is decided any more.
            await engine.AskAsync(
                _ =>
                {
                    CommandLoop.ThrowUnlessDurable(reason);
                    return true;
                },
                CancellationToken.None).ConfigureAwait(false);
        }
        catch (EngineStoppedException)
        {
            // That was the aim.
        }
    }
}
