using System.Buffers;
using System.Buffers.Binary;
using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster.Snapshots;

/// <summary>How a snapshot is laid down. Only tests need other sizes than <see cref="Usual"/>.</summary>
/// <param name="MaxWholeBytes">The largest state that is written in one (version 1), in bytes.</param>
/// <param name="PieceBytes">The size of the pieces of a larger one, in bytes: from 1 to
/// <see cref="SnapshotFile.MaxPieceBytes"/>.</param>
internal readonly record struct SnapshotSizes(long MaxWholeBytes, int PieceBytes)
{
    /// <summary>In one while builds that know nothing of pieces can read it; a piece is short enough for its checksum
    /// to find any two bits that changed.</summary>
    internal static SnapshotSizes Usual { get; } = new(Array.MaxLength - SnapshotFile.HeaderSize, 16 * 1024 * 1024);
}

/// <summary>A snapshot as it lies on disk: one header, then the state.</summary>
/// <remarks>
/// <para>Little-endian. Version 1: magic (4) | version (4) | journal id (16) | sequence (8) | checksum of that frame (4)
/// | zero (4) | state length (8) | zero (12) | CRC32C of the 60 bytes before and of the state (4) | state.</para>
/// <para>Version 2, for states that are larger than an array can be: the same header with the size of a piece in place
/// of the first zero and a checksum of its own bytes only, then the state's pieces, the last one shorter if need be,
/// each followed by the CRC32C of journal id (16) | sequence (8) | number of the piece from 0 (8) | the piece.</para>
/// </remarks>
internal sealed class SnapshotFile
{
    internal const int HeaderSize = 64;
    internal const int MaxPieceBytes = 1024 * 1024 * 1024;

    private const uint Magic = 0x50474E45; // "ENGP" as it lies on disk.
    private const uint Whole = 1;
    private const uint InPieces = 2;
    private const int PieceSizeOffset = 36;
    private const int LengthOffset = 40;
    private const int ChecksumOffset = HeaderSize - sizeof(uint);
    private const int ReadBytes = 16 * 1024 * 1024;

    private readonly FileSystemCalls _files;
    private readonly SafeFileHandle _file;
    private readonly Guid _journalId;
    private readonly long _sequence;
    private long _offset = HeaderSize;

    internal SnapshotFile(FileSystemCalls files, SafeFileHandle file, Guid journalId, long sequence) =>
        (_files, _file, _journalId, _sequence) = (files, file, journalId, sequence);

    /// <summary>Writes all of it; nothing is synced.</summary>
    /// <exception cref="OperationCanceledException">Between two parts of the state.</exception>
    internal void Write(
        uint checksum, in ReadOnlySequence<byte> state, SnapshotSizes sizes, CancellationToken cancellationToken)
    {
        bool isWhole = state.Length <= sizes.MaxWholeBytes;
        Span<byte> header = stackalloc byte[HeaderSize];
        header.Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], isWhole ? Whole : InPieces);
        _journalId.TryWriteBytes(header[8..24]);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], _sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(header[32..], checksum);
        BinaryPrimitives.WriteInt32LittleEndian(header[PieceSizeOffset..], isWhole ? 0 : sizes.PieceBytes);
        BinaryPrimitives.WriteInt64LittleEndian(header[LengthOffset..], state.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(
            header[ChecksumOffset..],
            Crc32C.Of(header[..ChecksumOffset], isWhole ? state : ReadOnlySequence<byte>.Empty));
        _files.Write(_file, header, 0);
        if (isWhole)
        {
            Append(state, cancellationToken);
            return;
        }

        Span<byte> seal = stackalloc byte[sizeof(uint)];
        var rest = state;
        for (long number = 0; !rest.IsEmpty; number++)
        {
            var piece = rest.Slice(0, Math.Min(rest.Length, sizes.PieceBytes));
            Append(piece, cancellationToken);
            BinaryPrimitives.WriteUInt32LittleEndian(seal, Crc32C.Of(PrefixOf(number), piece));
            Append(seal);
            rest = rest.Slice(piece.Length);
        }
    }

    /// <summary>Reads it whole; null when it is not, with the reason.</summary>
    /// <param name="keeps">Whether the state is wanted: else it is only checked, in little memory, and left out.</param>
    /// <param name="bytes">What its header says is the size of the state.</param>
    /// <param name="error">Why it is not whole.</param>
    /// <exception cref="JournalDamagedException">A snapshot of a later version.</exception>
    internal JournalSnapshot? TryRead(bool keeps, out long bytes, out string? error)
    {
        bytes = 0;
        Span<byte> header = stackalloc byte[HeaderSize];
        int count = _files.Read(_file, header, 0);
        if (count < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic)
        {
            error = $"its {count} first bytes are no snapshot's header";
            return null;
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        if (version > InPieces)
        {
            throw new JournalDamagedException(
                $"it is a snapshot of version {version}, this build knows versions up to {InPieces}");
        }

        bytes = BinaryPrimitives.ReadInt64LittleEndian(header[LengthOffset..]);
        var state = new List<ReadOnlyMemory<byte>>();
        error = version == InPieces
            ? ReadPieces(header, bytes, keeps ? state : null)
            : ReadWhole(header, bytes, keeps ? state : null);
        if (error is null
            && (new Guid(header[8..24]) != _journalId
                || BinaryPrimitives.ReadInt64LittleEndian(header[24..]) != _sequence))
        {
            error = $"it is the snapshot of frame {BinaryPrimitives.ReadInt64LittleEndian(header[24..])} of journal " +
                $"{new Guid(header[8..24])}";
        }

        return error is null
            ? new JournalSnapshot(
                _sequence, BinaryPrimitives.ReadUInt32LittleEndian(header[32..]), BytePieces.Join(state))
            : null;
    }

    private string? ReadWhole(ReadOnlySpan<byte> header, long length, List<ReadOnlyMemory<byte>>? state)
    {
        // Before any memory is asked for: what a damaged header says may be anything.
        if (LengthProblem(length, HeaderSize + length) is { } problem)
        {
            return problem;
        }

        uint checksum = Crc32C.Of(header[..ChecksumOffset]);
        byte[] buffer = [];
        for (long rest = length; rest > 0; rest -= buffer.Length)
        {
            int size = (int)Math.Min(rest, ReadBytes);
            buffer = state is null && buffer.Length == size ? buffer : new byte[size];
            if (!TryRead(buffer))
            {
                return "it ends before its state does";
            }

            checksum = Crc32C.Append(checksum, buffer);
            state?.Add(buffer);
        }

        return checksum == BinaryPrimitives.ReadUInt32LittleEndian(header[ChecksumOffset..])
            ? null
            : "it fails its checksum";
    }

    private string? ReadPieces(ReadOnlySpan<byte> header, long length, List<ReadOnlyMemory<byte>>? state)
    {
        if (BinaryPrimitives.ReadUInt32LittleEndian(header[ChecksumOffset..]) != Crc32C.Of(header[..ChecksumOffset]))
        {
            return "its header fails its checksum";
        }

        int pieceBytes = BinaryPrimitives.ReadInt32LittleEndian(header[PieceSizeOffset..]);
        if (pieceBytes is < 1 or > MaxPieceBytes)
        {
            return $"its pieces should have {pieceBytes} bytes";
        }

        long pieces = (length / pieceBytes) + (length % pieceBytes == 0 ? 0 : 1);
        if (LengthProblem(length, HeaderSize + length + (pieces * sizeof(uint))) is { } problem)
        {
            return problem;
        }

        byte[] buffer = [];
        for (long number = 0; number < pieces; number++)
        {
            int size = (int)Math.Min(pieceBytes, length - (number * pieceBytes)) + sizeof(uint);
            buffer = state is null && buffer.Length == size ? buffer : new byte[size];
            if (!TryRead(buffer))
            {
                return $"it ends in piece {number} of {pieces}";
            }

            var piece = buffer.AsMemory(0, size - sizeof(uint));
            if (BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(piece.Length)) !=
                Crc32C.Of(PrefixOf(number), piece.Span))
            {
                return $"piece {number} of {pieces} fails its checksum";
            }

            state?.Add(piece);
        }

        return null;
    }

    private string? LengthProblem(long state, long expected)
    {
        long length = _files.Length(_file);
        return state >= 0 && expected == length
            ? null
            : $"with a state of {state} bytes it should have {expected}, and it has {length}";
    }

    // A piece at the place of another, or of another snapshot, is none of this one.
    private byte[] PrefixOf(long number)
    {
        byte[] prefix = new byte[32];
        _journalId.TryWriteBytes(prefix);
        BinaryPrimitives.WriteInt64LittleEndian(prefix.AsSpan(16), _sequence);
        BinaryPrimitives.WriteInt64LittleEndian(prefix.AsSpan(24), number);
        return prefix;
    }

    private void Append(in ReadOnlySequence<byte> bytes, CancellationToken cancellationToken)
    {
        foreach (var part in bytes)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Append(part.Span);
        }
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        _files.Write(_file, bytes, _offset);
        _offset += bytes.Length;
    }

    private bool TryRead(Span<byte> bytes)
    {
        int count = _files.Read(_file, bytes, _offset);
        _offset += count;
        return count == bytes.Length;
    }
}
