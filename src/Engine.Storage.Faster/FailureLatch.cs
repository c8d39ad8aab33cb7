namespace Engine.Storage.Faster;

/// <summary>Remembers the first storage error for ever: from then on nothing is acknowledged by this journal.</summary>
internal sealed class FailureLatch
{
    private string? _error;

    /// <summary>Why nothing can be acknowledged any more, or null.</summary>
    internal string? Error => Volatile.Read(ref _error);

    /// <summary>The first call counts.</summary>
    internal void Trip(string error) => Interlocked.CompareExchange(ref _error, error, null);

    /// <summary>Throws when the latch was tripped.</summary>
    /// <exception cref="JournalException">With the first error.</exception>
    internal void ThrowIfTripped()
    {
        if (Error is { } error)
        {
            throw new JournalException($"The journal has failed and must be opened again: {error}");
        }
    }
}
