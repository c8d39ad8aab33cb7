using System.Globalization;
using Engine.Storage.Faster.Platform;

namespace Engine.Storage.Faster.Snapshots;

/// <summary>The snapshots of one journal, a file each; the newest two are kept.</summary>
internal sealed class SnapshotStore(FileSystemCalls files, string directory, Guid journalId)
{
    private const int KeptCount = 2;
    private const string Prefix = "snapshot-";
    private const string Suffix = ".snap";

    /// <summary>The sequences for which there is a file, the newest first.</summary>
    internal static IReadOnlyList<long> List(FileSystemCalls files, string directory) =>
        [.. NumberedFiles.List(files, directory, Prefix, Suffix).Select(found => found.Number).OrderDescending()];

    internal string PathOf(long sequence) =>
        Path.Combine(directory, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{sequence:D19}{Suffix}"));

    /// <summary>Writes a snapshot and reads it back; durable, and proven whole, when this returns.</summary>
    /// <exception cref="IOException">It could not be written. What was there before is still there.</exception>
    internal void Save(long sequence, uint checksum, ReadOnlyMemory<byte> state, Action<JournalPoint>? reached)
    {
        string path = PathOf(sequence);
        string temporary = path + ".tmp";
        try
        {
            Write(temporary, sequence, checksum, state.Span);
            reached?.Invoke(JournalPoint.SnapshotWritten);
            if (TryLoad(temporary, sequence, out string? error) is null)
            {
                throw new JournalException($"{temporary} was written and cannot be read back: {error}.");
            }

            files.Move(temporary, path);
        }
        catch (IOException)
        {
            // On a full disk, half a snapshot is the last thing to keep.
            TryDelete(temporary);
            throw;
        }

        files.SyncDirectory(directory);
        reached?.Invoke(JournalPoint.SnapshotRenamed);
    }

    private void Write(string path, long sequence, uint checksum, ReadOnlySpan<byte> state)
    {
        using var file = files.Open(path, FileMode.Create);
        Span<byte> header = stackalloc byte[SnapshotFile.HeaderSize];
        SnapshotFile.WriteHeader(header, journalId, sequence, checksum, state);
        files.Write(file, header, 0);
        files.Write(file, state, SnapshotFile.HeaderSize);
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
        TryLoad(PathOf(sequence), sequence, out error);

    private JournalSnapshot? TryLoad(string path, long sequence, out string? error)
    {
        try
        {
            using var file = files.OpenRead(path);
            long length = files.Length(file);
            if (length > Array.MaxLength)
            {
                error = $"its {length} bytes are more than a snapshot has";
                return null;
            }

            byte[] bytes = new byte[length];
            int count = files.Read(file, bytes, 0);
            return SnapshotFile.TryRead(bytes.AsMemory(0, count), journalId, sequence, out error);
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
