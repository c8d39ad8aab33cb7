using System.Buffers.Binary;
using System.Globalization;
using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Storage.Faster.Log;

/// <summary>The files of the log: equal pieces of one address space, each behind a header block.</summary>
/// <remarks>
/// A segment gets its name only when all of its space is there, written with zeros and synced, so that writing to it
/// later can neither run out of space nor change metadata that a sync of the data would have to wait for.
/// </remarks>
internal sealed class SegmentFiles(FileSystemCalls files, string directory, int segmentSizeBytes, Guid journalId)
{
    private const uint Magic = 0x4C474E45; // "ENGL" as it lies on disk.
    private const uint Version = 1;
    private const int ChecksumOffset = Block.Size - sizeof(uint);
    private const int FillBytes = 1024 * 1024;
    private const int FillsPerSync = 4;
    private const string Prefix = "segment-";
    private const string Suffix = ".log";

    internal FileSystemCalls Calls => files;

    internal string Directory => directory;

    internal int SizeBytes => segmentSizeBytes;

    internal Guid JournalId => journalId;

    internal static IEnumerable<(long Segment, string Path)> List(FileSystemCalls files, string directory) =>
        NumberedFiles.List(files, directory, Prefix, Suffix);

    internal string PathOf(long segment) =>
        Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{segment:D10}{Suffix}"));

    internal long SegmentOf(long address) => address / segmentSizeBytes;

    /// <summary>The place of an address for people: file and offset.</summary>
    internal string Place(long address) => $"{PathOf(SegmentOf(address))} at offset {OffsetOf(address)}";

    internal long OffsetOf(long address) => Block.Size + (address % segmentSizeBytes);

    /// <summary>Makes a segment full of zeros; durable, name included, when this returns.</summary>
    internal void Create(long segment)
    {
        string path = PathOf(segment);
        string temporary = path + ".tmp";
        try
        {
            using (var file = files.Open(temporary, FileMode.Create, Block.Size + segmentSizeBytes))
            {
                Fill(file, segment);
            }

            files.Move(temporary, path);
            files.SyncDirectory(directory);
        }
        catch (IOException error) when (FileSystemCalls.IsNoSpace(error))
        {
            TryDelete(temporary);
            throw new IOException(
                $"There is no space left for {path} ({(Block.Size + segmentSizeBytes) / 1024} KiB), or no file may be so " +
                "large (ulimit -f). Free some on that disk, or allow it, then open the journal again; nothing acknowledged " +
                "is lost.", error);
        }
    }

    /// <summary>Opens a segment and checks that it is this journal's, that one, and whole.</summary>
    /// <exception cref="JournalDamagedException">It is not, or it is not there.</exception>
    internal SafeFileHandle Open(long segment, bool forWriting)
    {
        string path = PathOf(segment);
        if (!files.Exists(path))
        {
            throw Missing(path, null);
        }

        SafeFileHandle file;
        try
        {
            file = forWriting ? files.Open(path, FileMode.Open) : files.OpenRead(path);
        }
        catch (FileNotFoundException error)
        {
            // A reader without the lock may see the owner give it back in between.
            throw Missing(path, error);
        }

        try
        {
            Check(path, file, segment);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static JournalDamagedException Missing(string path, Exception? cause) =>
        new($"{path} is missing, and the log reaches into it. Nothing was changed.", cause!);

    internal void Delete(long segment) => files.Delete(PathOf(segment));

    private void TryDelete(string path)
    {
        try
        {
            files.Delete(path);
        }
        catch (IOException)
        {
            // The next start removes temporary files; the error that matters is already on its way.
        }
    }

    private void Fill(SafeFileHandle file, long segment)
    {
        byte[] zeros = new byte[Math.Min(FillBytes, segmentSizeBytes)];
        int written = 0;
        for (int i = 1; written < segmentSizeBytes; i++)
        {
            files.Write(file, zeros, Block.Size + written);
            written += zeros.Length;

            // In pieces, so that commits to the segment in use do not queue behind one large sync.
            if (i % FillsPerSync == 0)
            {
                files.SyncData(file);
            }
        }

        var header = zeros.AsSpan(0, Block.Size);
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], segment);
        journalId.TryWriteBytes(header[16..32]);
        BinaryPrimitives.WriteInt32LittleEndian(header[32..], segmentSizeBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header[ChecksumOffset..], Crc32C.Of(header[..ChecksumOffset]));
        files.Write(file, header, 0);
        files.SyncData(file);
    }

    private void Check(string path, SafeFileHandle file, long segment)
    {
        Span<byte> header = stackalloc byte[Block.Size];
        int count = files.Read(file, header, 0);
        if (count < Block.Size || files.Length(file) != Block.Size + segmentSizeBytes)
        {
            throw new JournalDamagedException(
                $"{path} has {files.Length(file)} bytes where {Block.Size + segmentSizeBytes} belong. " +
                "Nothing was changed.");
        }

        if (BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic ||
            BinaryPrimitives.ReadUInt32LittleEndian(header[ChecksumOffset..]) != Crc32C.Of(header[..ChecksumOffset]))
        {
            throw new JournalDamagedException(
                $"{path} at offset 0: the segment's header is damaged. Nothing was changed.");
        }

        uint version = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        if (version != Version)
        {
            throw new JournalDamagedException($"{path} is a segment of version {version}, this build knows {Version}.");
        }

        if (BinaryPrimitives.ReadInt64LittleEndian(header[8..]) != segment || new Guid(header[16..32]) != journalId ||
            BinaryPrimitives.ReadInt32LittleEndian(header[32..]) != segmentSizeBytes)
        {
            throw new JournalDamagedException(
                $"{path} is segment {BinaryPrimitives.ReadInt64LittleEndian(header[8..])} of journal " +
                $"{new Guid(header[16..32])}; segment {segment} of journal {journalId} belongs there. Nothing was " +
                "changed.");
        }
    }
}
