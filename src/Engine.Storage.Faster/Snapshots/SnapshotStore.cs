using System.Buffers;
using System.Globalization;
using Engine.Storage.Faster.Platform;

namespace Engine.Storage.Faster.Snapshots;

/// <summary>The snapshots of one journal, a file each; the newest two are kept.</summary>
internal sealed class SnapshotStore(
    FileSystemCalls files, string directory, Guid journalId, SnapshotSizes? sizes = null)
{
    private const int KeptCount = 2;
    private const string Prefix = "snapshot-";
    private const string Suffix = ".snap";

    private readonly SnapshotSizes _sizes = sizes ?? SnapshotSizes.Usual;

    /// <summary>The sequences for which there is a file, the newest first.</summary>
    internal static IReadOnlyList<long> List(FileSystemCalls files, string directory) =>
        [.. NumberedFiles.List(files, directory, Prefix, Suffix).Select(found => found.Number).OrderDescending()];

    internal string PathOf(long sequence) =>
        Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{sequence:D19}{Suffix}"));

    /// <summary>Whether a state of so many bytes is written in pieces, which the superblock must tell before.</summary>
    internal bool NeedsPieces(long stateBytes) => stateBytes > _sizes.MaxWholeBytes;

    /// <summary>Writes a snapshot and reads it back; durable, and proven whole, when this returns.</summary>
    /// <exception cref="IOException">It could not be written. What was there before is still there.</exception>
    /// <exception cref="OperationCanceledException">It was given up before it was whole; likewise.</exception>
    internal void Save(
        long sequence,
        uint checksum,
        ReadOnlySequence<byte> state,
        Action<JournalPoint>? reached,
        CancellationToken cancellationToken)
    {
        string path = PathOf(sequence);
        string temporary = path + ".tmp";
        try
        {
            Write(temporary, sequence, checksum, state, cancellationToken);
            reached?.Invoke(JournalPoint.SnapshotWritten);
            if (TryRead(temporary, sequence, keeps: false, out _, out string? error) is null)
            {
                throw new JournalException($"{temporary} was written and cannot be read back: {error}.");
            }

            files.Move(temporary, path);
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or OutOfMemoryException)
        {
            // On a full disk, half a snapshot is the last thing to keep.
            TryDelete(temporary);
            throw;
        }

        files.SyncDirectory(directory);
        reached?.Invoke(JournalPoint.SnapshotRenamed);
    }

    private void Write(
        string path,
        long sequence,
        uint checksum,
        in ReadOnlySequence<byte> state,
        CancellationToken cancellationToken)
    {
        using var file = files.Open(path, FileMode.Create);
        new SnapshotFile(files, file, journalId, sequence).Write(checksum, state, _sizes, cancellationToken);
        files.SyncData(file);
    }

    private void TryDelete(string path)
    {
        try
        {
            files.Delete(path);
        }
        catch (IOException)
        {
            // What made the write fail is reported. The next owner deletes what is left.
        }
    }

    /// <summary>Deletes what is older than the newest two. One that was found <paramref name="bad"/> is none of them: it
    /// must not push a whole one out.</summary>
    internal void DeleteOld(IReadOnlySet<long> bad)
    {
        int kept = 0;
        foreach (long sequence in List(files, directory))
        {
            if (kept == KeptCount)
            {
                files.Delete(PathOf(sequence));
            }
            else if (!bad.Contains(sequence))
            {
                kept++;
            }
        }
    }

    /// <summary>Reads and checks one snapshot; null when it is not whole, with the reason.</summary>
    internal JournalSnapshot? TryLoad(long sequence, out string? error) =>
        TryRead(PathOf(sequence), sequence, keeps: true, out _, out error);

    /// <summary>Checks one snapshot in little memory: the checksum of the frame it was taken after, and the size of its
    /// state in bytes; null when it is not whole, with the reason.</summary>
    internal (uint Checksum, long Bytes)? TryCheck(long sequence, out string? error) =>
        TryRead(PathOf(sequence), sequence, keeps: false, out long bytes, out error) is { } found
            ? (found.Checksum, bytes)
            : null;

    private JournalSnapshot? TryRead(string path, long sequence, bool keeps, out long bytes, out string? error)
    {
        bytes = 0;
        try
        {
            using var file = files.OpenRead(path);
            return new SnapshotFile(files, file, journalId, sequence).TryRead(keeps, out bytes, out error);
        }
        catch (JournalDamagedException damage)
        {
            throw new JournalDamagedException(
                $"{path}: {damage.Message}. Open the journal with the build that wrote it.");
        }
        catch (IOException failure)
        {
            error = failure.Message;
            return null;
        }
    }
}
