using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster.Log;

/// <summary>Reads the log's address space through the segments, a window at a time.</summary>
/// <param name="segments">Where the bytes are.</param>
/// <param name="endAddress">No byte from here on is read: the end of the last segment.</param>
internal sealed class LogReader(SegmentFiles segments, long endAddress) : IDisposable
{
    private const int WindowBytes = 512 * 1024;

    private byte[] _window = ArrayPool<byte>.Shared.Rent(WindowBytes);
    private long _windowAddress;
    private int _windowLength;
    private long _segment = -1;
    private SafeFileHandle? _file;

    internal long EndAddress => endAddress;

    internal SegmentFiles Segments => segments;

    /// <summary>Copies bytes from <paramref name="address"/> on; false when the log's last segment ends
    /// before.</summary>
    /// <exception cref="JournalDamagedException">A segment is missing, short or unreadable.</exception>
    internal bool TryRead(long address, Span<byte> target)
    {
        if (address + target.Length > endAddress)
        {
            return false;
        }

        while (!target.IsEmpty)
        {
            var available = Window(address);
            int count = Math.Min(available.Length, target.Length);
            available[..count].CopyTo(target);
            target = target[count..];
            address += count;
        }

        return true;
    }

    /// <summary>What can be seen from <paramref name="address"/> on without reading again: at least one byte.</summary>
    internal ReadOnlySpan<byte> Window(long address)
    {
        if (address < _windowAddress || address >= _windowAddress + _windowLength)
        {
            Load(address);
        }

        return _window.AsSpan((int)(address - _windowAddress), (int)(_windowAddress + _windowLength - address));
    }

    public void Dispose()
    {
        _file?.Dispose();
        ArrayPool<byte>.Shared.Return(_window);
        (_window, _windowLength) = ([], 0);
    }

    private void Load(long wanted)
    {
        // Windows begin and end with blocks, so that a block is never cut in two.
        long address = wanted & ~(long)(Block.Size - 1);
        long segment = segments.SegmentOf(address);
        if (segment != _segment)
        {
            _file?.Dispose();
            _file = null;
            _segment = -1;
            _file = segments.Open(segment, forWriting: false);
            _segment = segment;
        }

        int length = (int)Math.Min(WindowBytes, ((segment + 1) * segments.SizeBytes) - address);
        _windowLength = 0;
        try
        {
            int count = segments.Calls.Read(_file!, _window.AsSpan(0, length), segments.OffsetOf(address));
            if (count != length)
            {
                throw new JournalDamagedException(
                    $"{segments.Place(address)}: only {count} of {length} bytes are there. Nothing was changed.");
            }
        }
        catch (IOException error) when (error is not JournalException)
        {
            throw new JournalDamagedException(
                $"{segments.Place(address)}: reading failed: {error.Message}. Nothing was changed.", error);
        }

        _windowAddress = address;
        _windowLength = length;
    }
}
