using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace Engine;

/// <summary>Names a job for ever: a version-7 UUID whose 12 <c>rand_a</c> bits carry the partition (0 on one machine).</summary>
/// <param name="Value">The UUID.</param>
public readonly record struct JobId(Guid Value) : IComparable<JobId>, ISpanParsable<JobId>
{
    private const int RandomBytes = 8;

    // Asking the operating system for 8 bytes per id costs more than the rest of a submission.
    [ThreadStatic]
    private static byte[]? _random;

    [ThreadStatic]
    private static int _randomUsed;

    /// <summary>Makes an id that nobody can guess: 48 bits of time, 62 random bits.</summary>
    /// <param name="time">Where the time comes from.</param>
    /// <param name="partition">0 to 4095.</param>
    public static JobId New(TimeProvider time, int partition = 0)
    {
        ArgumentNullException.ThrowIfNull(time);
        ArgumentOutOfRangeException.ThrowIfNegative(partition);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(partition, 4095);
        return New(time.GetUtcNow().ToUnixTimeMilliseconds(), partition, NextRandom());
    }

    /// <summary>Makes an id from its parts; equal parts give equal ids.</summary>
    /// <param name="unixMs">Milliseconds since 1970, 48 bits of them.</param>
    /// <param name="partition">0 to 4095.</param>
    /// <param name="random">62 bits are used.</param>
    public static JobId New(long unixMs, int partition, ulong random)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt64BigEndian(bytes, unixMs << 16);
        BinaryPrimitives.WriteUInt16BigEndian(bytes[6..], (ushort)(0x7000 | partition));
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], (random & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000);
        return new JobId(new Guid(bytes, bigEndian: true));
    }

    /// <summary>A well-spread number that depends on nothing but the id: the seed of its jitter (DA-5).</summary>
    internal ulong Seed
    {
        get
        {
            Span<byte> bytes = stackalloc byte[16];
            Value.TryWriteBytes(bytes);
            ulong x = BinaryPrimitives.ReadUInt64LittleEndian(bytes) ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);

            // The finalizer of SplitMix64.
            x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
            x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
            return x ^ (x >> 31);
        }
    }

    /// <inheritdoc/>
    public static JobId Parse(string s, IFormatProvider? provider = null) => new(Guid.ParseExact(s, "D"));

    /// <inheritdoc/>
    public static JobId Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => new(Guid.ParseExact(s, "D"));

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out JobId result) =>
        TryParse(s.AsSpan(), provider, out result);

    /// <inheritdoc/>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out JobId result)
    {
        bool ok = Guid.TryParseExact(s, "D", out var value);
        result = new JobId(value);
        return ok;
    }

    /// <inheritdoc/>
    public int CompareTo(JobId other) => Value.CompareTo(other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value.ToString("D");

    /// <summary>Whether <paramref name="left"/> sorts before <paramref name="right"/>.</summary>
    public static bool operator <(JobId left, JobId right) => left.CompareTo(right) < 0;

    /// <summary>Whether <paramref name="left"/> sorts after <paramref name="right"/>.</summary>
    public static bool operator >(JobId left, JobId right) => left.CompareTo(right) > 0;

    /// <summary>Whether <paramref name="left"/> does not sort after <paramref name="right"/>.</summary>
    public static bool operator <=(JobId left, JobId right) => left.CompareTo(right) <= 0;

    /// <summary>Whether <paramref name="left"/> does not sort before <paramref name="right"/>.</summary>
    public static bool operator >=(JobId left, JobId right) => left.CompareTo(right) >= 0;

    private static ulong NextRandom()
    {
        byte[] random = _random ??= new byte[1024];
        if (_randomUsed == 0 || _randomUsed == random.Length)
        {
            RandomNumberGenerator.Fill(random);
            _randomUsed = 0;
        }

        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(random.AsSpan(_randomUsed));
        _randomUsed += RandomBytes;
        return value;
    }
}
