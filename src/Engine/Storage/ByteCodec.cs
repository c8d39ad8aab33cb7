using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Engine.Storage;

/// <summary>A growing array of bytes. Kept and reused by one writer.</summary>
internal struct ByteWriter(int capacity)
{
    private byte[] _bytes = new byte[capacity];

    internal int Length { get; private set; }

    /// <summary>How much fits before it grows; 0 of one that was never made.</summary>
    internal readonly int Capacity => _bytes?.Length ?? 0;

    internal readonly Span<byte> Written => _bytes.AsSpan(0, Length);

    internal readonly ReadOnlyMemory<byte> WrittenMemory => _bytes.AsMemory(0, Length);

    /// <summary>Starts over, leaving room for <paramref name="reserved"/> bytes in front.</summary>
    internal void Reset(int reserved) => Length = reserved;

    /// <summary>Takes back everything after the first <paramref name="length"/> bytes.</summary>
    internal void Truncate(int length) => Length = length;

    internal void Byte(byte value)
    {
        Ensure(1);
        _bytes[Length++] = value;
    }

    internal void Unsigned(ulong value)
    {
        Ensure(10);
        while (value >= 0x80)
        {
            _bytes[Length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        _bytes[Length++] = (byte)value;
    }

    internal void Signed(long value) => Unsigned((ulong)((value << 1) ^ (value >> 63)));

    internal void Fixed64(ulong value)
    {
        Ensure(8);
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes.AsSpan(Length), value);
        Length += 8;
    }

    internal void Id(JobId id)
    {
        Ensure(16);
        id.Value.TryWriteBytes(_bytes.AsSpan(Length));
        Length += 16;
    }

    internal void Text(string? value)
    {
        if (value is null)
        {
            Byte(0);
            return;
        }

        // A length below 127 takes one byte, whatever the characters: no need to count before writing.
        const int MaxBytesPerChar = 3;
        const int MaxShort = 126 / MaxBytesPerChar;
        if (value.Length <= MaxShort)
        {
            Ensure(1 + (MaxShort * MaxBytesPerChar));
            int written = Encoding.UTF8.GetBytes(value, _bytes.AsSpan(Length + 1));
            _bytes[Length] = (byte)(written + 1);
            Length += written + 1;
            return;
        }

        int size = Encoding.UTF8.GetByteCount(value);
        Unsigned((ulong)size + 1);
        Ensure(size);
        Encoding.UTF8.GetBytes(value, _bytes.AsSpan(Length));
        Length += size;
    }

    /// <summary>Bytes that were encoded before.</summary>
    internal void Raw(ReadOnlySpan<byte> value)
    {
        Ensure(value.Length);
        value.CopyTo(_bytes.AsSpan(Length));
        Length += value.Length;
    }

    internal void Bytes(ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty)
        {
            Byte(0);
            return;
        }

        Unsigned((ulong)value.Length + 1);
        Ensure(value.Length);
        value.CopyTo(_bytes.AsSpan(Length));
        Length += value.Length;
    }

    private void Ensure(int more)
    {
        if (more > _bytes.Length - Length)
        {
            Grow(more);
        }
    }

    private void Grow(int more)
    {
        long needed = (long)Length + more;
        if (needed > Array.MaxLength)
        {
            throw new JournalException(
                $"{needed} bytes are more than one array holds: keep smaller payloads.");
        }

        Array.Resize(ref _bytes, (int)Math.Min(Array.MaxLength, Math.Max(needed, _bytes.Length * 2L)));
    }
}

/// <summary>Reads what <see cref="ByteWriter"/> wrote; anything else is damage.</summary>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> _bytes = bytes;
    private int _at;

    // The pieces after this one. Of most sources there are none.
    private ReadOnlySequence<byte> _pieces;

    /// <summary>Reads pieces as if they were one.</summary>
    internal ByteReader(in ReadOnlySequence<byte> pieces)
        : this(pieces.FirstSpan) => _pieces = pieces.Slice(pieces.FirstSpan.Length);

    internal readonly long Remaining => _bytes.Length - _at + _pieces.Length;

    /// <summary>What has not been read, of a source that is in one piece.</summary>
    internal readonly ReadOnlySpan<byte> Rest => _bytes[_at..];

    internal byte Byte() => Take(1)[0];

    internal ulong Unsigned()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            byte b = Byte();
            value |= (ulong)(b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }

        throw Damage("a number of more than 64 bits");
    }

    internal long Signed()
    {
        ulong value = Unsigned();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    internal int Int()
    {
        long value = Signed();
        return value is >= int.MinValue and <= int.MaxValue ? (int)value : throw Damage($"the number {value}");
    }

    internal int Count()
    {
        ulong value = Unsigned();
        return value <= int.MaxValue ? (int)value : throw Damage($"the count {value}");
    }

    internal ulong Fixed64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    internal JobId Id() => new(new Guid(Take(16)));

    internal string? Text()
    {
        int size = Count();
        return size == 0 ? null : Encoding.UTF8.GetString(Take(size - 1));
    }

    /// <summary>The bytes themselves, which are good as long as the source is.</summary>
    internal ReadOnlySpan<byte> Span()
    {
        int size = Count();
        return size == 0 ? default : Take(size - 1);
    }

    internal ReadOnlyMemory<byte> Bytes()
    {
        int size = Count();
        return size == 0 ? default : Take(size - 1).ToArray();
    }

    private ReadOnlySpan<byte> Take(int size)
    {
        if (size > _bytes.Length - _at)
        {
            return TakeFromNext(size);
        }

        var taken = _bytes.Slice(_at, size);
        _at += size;
        return taken;
    }

    private ReadOnlySpan<byte> TakeFromNext(int size)
    {
        if (size > Remaining)
        {
            throw Damage($"{size} bytes where {Remaining} are left");
        }

        if (_at == _bytes.Length && size <= _pieces.FirstSpan.Length)
        {
            MoveOn();
            return Take(size);
        }

        // It lies across pieces: the only bytes that are copied together.
        byte[] taken = new byte[size];
        for (int count = 0; count < size;)
        {
            if (_at == _bytes.Length)
            {
                MoveOn();
            }

            var part = Take(Math.Min(size - count, _bytes.Length - _at));
            part.CopyTo(taken.AsSpan(count));
            count += part.Length;
        }

        return taken;
    }

    private void MoveOn()
    {
        _bytes = _pieces.FirstSpan;
        _at = 0;
        _pieces = _pieces.Slice(_bytes.Length);
    }

    private static JournalDamagedException Damage(string what) =>
        new($"A frame with a sound checksum holds {what}: it was not written by a build this one understands.");
}
