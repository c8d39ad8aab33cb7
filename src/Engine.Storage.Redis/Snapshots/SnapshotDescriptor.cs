using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Engine.Storage.Redis.Connections;

namespace Engine.Storage.Redis.Snapshots;

/// <summary>What the journal's hash says about one of its snapshots, as one line: place, last frame and its checksum,
/// length in bytes, number of parts, and a hash over all that and the state.</summary>
internal sealed record SnapshotDescriptor(
    int Slot, long Sequence, uint Checksum, long Length, int Parts, string Hash)
{
    /// <summary>Bytes of one part. One script writes one, and nothing else is answered meanwhile.</summary>
    internal const int PartBytes = 512 * 1024;

    private const long MaxBytes = (long)int.MaxValue * PartBytes;

    internal static SnapshotDescriptor Of(
        int slot, string journal, long sequence, uint checksum, in ReadOnlySequence<byte> state)
    {
        int parts = checked((int)((state.Length + PartBytes - 1) / PartBytes));
        var descriptor = new SnapshotDescriptor(slot, sequence, checksum, state.Length, parts, "");
        using var hash = descriptor.BeginHash(journal);
        foreach (var piece in state)
        {
            hash.AppendData(piece.Span);
        }

        return descriptor with { Hash = TextOf(hash) };
    }

    /// <summary>Null when there is none, or none that this build can read.</summary>
    internal static SnapshotDescriptor? Read(string text)
    {
        string[] fields = text.Split(' ');
        bool ok = fields.Length == 6
            & int.TryParse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture, out int slot)
            & long.TryParse(fields.ElementAtOrDefault(1), CultureInfo.InvariantCulture, out long sequence)
            & RedisText.TryReadHex(fields.ElementAtOrDefault(2) ?? "", out uint checksum)
            & long.TryParse(fields.ElementAtOrDefault(3), CultureInfo.InvariantCulture, out long length)
            & int.TryParse(fields.ElementAtOrDefault(4), CultureInfo.InvariantCulture, out int parts);
        return ok && slot < JournalKeys.SnapshotSlots && sequence >= 1 && length is >= 0 and <= MaxBytes
            && parts == (length + PartBytes - 1) / PartBytes
                ? new SnapshotDescriptor(slot, sequence, checksum, length, parts, fields[5])
                : null;
    }

    /// <summary>How many bytes a part has, by its number from 0.</summary>
    internal int LengthOf(int part) => (int)Math.Min(PartBytes, Length - ((long)part * PartBytes));

    /// <summary>A hash that goes on over the state, and is then what <see cref="IsHash"/> looks at.</summary>
    internal IncrementalHash BeginHash(string journal)
    {
        var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes(string.Create(
            CultureInfo.InvariantCulture, $"{journal} {Sequence} {Checksum:x8} {Length} ")));
        return hash;
    }

    internal bool IsHash(IncrementalHash hash) => TextOf(hash) == Hash;

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{Slot} {Sequence} {Checksum:x8} {Length} {Parts} {Hash}");

    private static string TextOf(IncrementalHash hash) => Convert.ToHexStringLower(hash.GetHashAndReset());
}
