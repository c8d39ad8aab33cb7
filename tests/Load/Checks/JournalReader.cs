using Engine.Tests.Load.Targets;

namespace Engine.Tests.Load.Checks;

/// <summary>Reads an engine's journal on, for whoever wants that: one at a time.</summary>
internal sealed class JournalReader(JournalPlace place, JournalAudit audit) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);

    /// <summary>Reads on to the end.</summary>
    internal async Task ReadOnAsync()
    {
        await _gate.WaitAsync();
        try
        {
            await foreach (var frame in place.ReadAsync(audit.Sequence + 1))
            {
                audit.Fold(frame);
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();
}
