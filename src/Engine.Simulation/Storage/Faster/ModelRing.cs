using Engine.Storage.Faster.Log;

namespace Engine.Simulation.Storage.Faster;

/// <summary>A model of the one part of FasterLog that the journal uses, whose threads cannot be simulated: a ring of
/// page
/// buffers.</summary>
/// <remarks>As FasterLog set up as the journal does: pages are handed to the device in order and piece by piece; those
/// that fall behind the newer half of the ring when a page fills up, the rest at <see cref="Flush"/>; both on the
/// calling
/// thread. The ring is full while sixteen pages are not called back. Everything above (what a commit is, when it is
/// synced and acknowledged) and below (<see cref="SegmentDevice"/>, opening, recovery) is the journal's own code.
/// </remarks>
internal sealed class ModelRing(SegmentDevice device, int pageBytes, long start) : IPageRing
{
    private const int PagesInMemory = 16;
    private const int MutablePages = 8;

    private byte[] _bytes = new byte[16 * 1024];
    private long _tail = start;
    private long _handedOver = start;

    public long FlushedUntil { get; private set; } = start;

    public bool IsIdleAt(long address) => FlushedUntil >= address;

    public bool TryEnqueue(ReadOnlySpan<byte> bytes, out long address)
    {
        address = _tail;
        if (_tail + bytes.Length - FlushedUntil > (long)pageBytes * PagesInMemory)
        {
            return false;
        }

        int used = (int)(_tail - _handedOver);
        if (_bytes.Length < used + bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, used + bytes.Length));
        }

        bytes.CopyTo(_bytes.AsSpan(used));
        _tail += bytes.Length;
        HandOver(((_tail / pageBytes) - MutablePages) * pageBytes);
        return true;
    }

    public void Flush() => HandOver(_tail);

    public void Dispose()
    {
    }

    private void HandOver(long until)
    {
        int taken = 0;
        while (_handedOver < until)
        {
            long end = Math.Min(until, ((_handedOver / pageBytes) + 1) * pageBytes);
            int length = (int)(end - _handedOver);
            long address = _handedOver;
            _handedOver = end;
            device.Accept(
                _bytes.AsSpan(taken, length),
                address,
                (error, _, _) => FlushedUntil = error == 0 && FlushedUntil == address ? end : FlushedUntil,
                this);
            taken += length;
        }

        if (taken > 0)
        {
            _bytes.AsSpan(taken, (int)(_tail - _handedOver)).CopyTo(_bytes);
        }
    }
}
