namespace Engine.Simulation.Storage.Disk;

/// <summary>The bytes of a file; copies share them until one is written to.</summary>
internal sealed class DiskBytes
{
    private byte[] _bytes = [];
    private bool _shared;

    internal int Length { get; private set; }

    internal DiskBytes Copy()
    {
        _shared = true;
        return new DiskBytes { _bytes = _bytes, Length = Length, _shared = true };
    }

    internal void Resize(int length)
    {
        if (length < Length)
        {
            Own(Length).AsSpan(length, Length - length).Clear();
        }

        Own(length);
        Length = length;
    }

    internal void Write(int offset, ReadOnlySpan<byte> bytes)
    {
        int end = offset + bytes.Length;
        bytes.CopyTo(Own(end).AsSpan(offset));
        Length = Math.Max(Length, end);
    }

    /// <summary>Copies what is there; the count.</summary>
    internal int Read(int offset, Span<byte> target)
    {
        int count = Math.Clamp(Length - offset, 0, target.Length);
        _bytes.AsSpan(Math.Min(offset, Length), count).CopyTo(target);
        return count;
    }

    /// <summary>Copies what is there, and zeros behind the end.</summary>
    internal void ReadPadded(int offset, Span<byte> target) => target[Read(offset, target)..].Clear();

    internal void FlipBit(long bit) => Own(Length)[bit / 8] ^= (byte)(1 << (int)(bit % 8));

    private byte[] Own(int capacity)
    {
        if (_shared || _bytes.Length < capacity)
        {
            byte[] bytes = new byte[_bytes.Length >= capacity ? _bytes.Length : Math.Max(capacity, Length * 2)];
            _bytes.AsSpan(0, Length).CopyTo(bytes);
            (_bytes, _shared) = (bytes, false);
        }

        return _bytes;
    }
}
