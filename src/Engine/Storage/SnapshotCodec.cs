using System.Buffers;
using System.Buffers.Binary;
using Engine.Core;
using Engine.Core.Imaging;

namespace Engine.Storage;

/// <summary>What a snapshot says about itself.</summary>
/// <param name="Version">The version of its layout.</param>
/// <param name="Sequence">The last frame that it includes.</param>
/// <param name="Events">How many events the engine ever decided up to there.</param>
/// <param name="InstantMs">The logical clock after that frame, in ms since 1970.</param>
/// <param name="StateHash">The digest of the state (<see cref="Core.StateHash"/>).</param>
internal readonly record struct SnapshotHeader(
    uint Version, long Sequence, long Events, long InstantMs, ulong StateHash);

/// <summary>Turns the state after a frame into bytes and back.</summary>
/// <remarks>
/// <para>Little-endian: magic (4) | version (4) | CRC32C of all that follows (4) | zero (4) | sequence (8) | events (8) |
/// instant (8) | state hash (8) | body. The body is written by <see cref="SnapshotWriter"/>, which says what is in it.
/// A layout is frozen once released: a change is a new version, and this build goes on reading the old ones
/// (F29).</para>
/// <para>A snapshot holds what a fold of the journal gives and nothing else: no leases, no settings, nothing that
/// follows from other facts. Whoever reads it computes the digest of what came out and compares it with the digest of
/// what went in (D4).</para>
/// </remarks>
internal static class SnapshotCodec
{
    internal const int HeaderSize = 48;
    internal const uint Version = 1;

    /// <summary>About how long the pieces of a state are: no array is nearly as large as a state may be.</summary>
    internal const int PieceBytes = 1024 * 1024;

    private const uint Magic = 0x54474E45; // "ENGT" as it lies on disk.
    private const int CrcOffset = 8;
    private const int CrcStart = 12;

    /// <summary>The state of <paramref name="core"/>, which has applied every frame up to
    /// <paramref name="sequence"/> and decided nothing since.</summary>
    /// <param name="core">Only read.</param>
    /// <param name="sequence">The last frame it has applied.</param>
    internal static ReadOnlySequence<byte> Write(EngineCore core, long sequence) =>
        Write(StateImage.Of(core.State, sequence));

    /// <summary>The state that an image shows.</summary>
    /// <param name="image">Only read.</param>
    /// <param name="pieceBytes">About how long the pieces are. They are no part of the format: the same bytes come in
    /// whatever pieces.</param>
    internal static ReadOnlySequence<byte> Write(StateImage image, int pieceBytes = PieceBytes)
    {
        var pieces = SnapshotWriter.Write(image, HeaderSize, pieceBytes);
        var state = BytePieces.Join(pieces.Select(piece => (ReadOnlyMemory<byte>)piece));
        var bytes = pieces[0].AsSpan(0, HeaderSize);
        bytes.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[16..], image.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[24..], image.LastEventId);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[32..], image.Now.Ms);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[40..], StateHash.Of(image));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[CrcOffset..], Crc32C.Of([], state.Slice(CrcStart)));
        return state;
    }

    /// <summary>Reads what a snapshot says about itself, and checks that its bytes are whole.</summary>
    /// <exception cref="JournalDamagedException">They are not, or they are of a version that this build does not
    /// know.</exception>
    internal static SnapshotHeader ReadHeader(in ReadOnlySequence<byte> snapshot)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        snapshot.Slice(0, Math.Min(HeaderSize, snapshot.Length)).CopyTo(header);
        if (snapshot.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic)
        {
            throw new JournalDamagedException(
                $"A snapshot's {snapshot.Length} bytes do not begin as the state of an engine does.");
        }

        // Before the checksum: a newer version may have put it elsewhere.
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        if (version is 0 or > Version)
        {
            throw new JournalDamagedException(
                $"A snapshot is of version {version}, this build knows versions up to {Version}: start the build that " +
                "wrote it, or a later one.");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(header[CrcOffset..]) != Crc32C.Of([], snapshot.Slice(CrcStart)))
        {
            throw new JournalDamagedException("A snapshot fails its checksum.");
        }

        return new SnapshotHeader(
            version,
            BinaryPrimitives.ReadInt64LittleEndian(header[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(header[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(header[32..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[40..]));
    }

    /// <summary>Puts the state of a snapshot into a core that knows nothing yet.</summary>
    /// <exception cref="JournalDamagedException">The bytes are not whole, of an unknown version, contradict themselves,
    /// or give another state than the one that was written. The core is of no more use.</exception>
    internal static SnapshotHeader Restore(EngineCore core, in ReadOnlySequence<byte> snapshot) =>
        Read(core, new SnapshotReader(core), snapshot, core.State.ComputeHash);

    /// <summary>Reads a snapshot as <see cref="Restore"/> does, in a fraction of the time and the memory.</summary>
    /// <inheritdoc cref="Restore" path="/exception"/>
    internal static SnapshotHeader Check(EngineSettings settings, in ReadOnlySequence<byte> snapshot)
    {
        var checker = new SnapshotChecker(settings);
        return Read(checker.Core, checker, snapshot, checker.ComputeHash);
    }

    private static SnapshotHeader Read(
        EngineCore core, SnapshotReader reader, in ReadOnlySequence<byte> snapshot, Func<ulong> computeHash)
    {
        var header = ReadHeader(snapshot);
        Invariant.Holds(core.State.LastEventId == 0 && core.State.Jobs.Count == 0);
        core.AdvanceTo(new Instant(header.InstantMs), 0);
        core.State.LastEventId = header.Events;
        try
        {
            reader.Read(snapshot.Slice(HeaderSize));
        }
        catch (Exception exception) when (exception is InvariantViolationException or ArgumentException)
        {
            throw new JournalDamagedException(
                $"The snapshot of frame {header.Sequence} contradicts itself.", exception);
        }

        ulong hash = computeHash();
        return hash == header.StateHash
            ? header
            : throw new JournalDamagedException(
                $"The snapshot of frame {header.Sequence} gives a state with the digest {hash:x16}; the one that was " +
                $"written had {header.StateHash:x16}.");
    }
}
