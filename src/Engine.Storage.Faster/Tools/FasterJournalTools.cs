using Engine.Storage.Faster.Platform;

namespace Engine.Storage.Faster;

/// <summary>What can be done to the directory of an embedded journal without an engine: check it, read it, copy it, and
/// cut it.</summary>
/// <remarks>
/// <para><see cref="Verify"/>, <see cref="Read"/>, <see cref="Snapshots"/> and <see cref="Backup"/> change nothing and
/// take no lock: they never stand in the way of an engine. Where an engine is writing to the journal, they see it as a
/// crash at some moment since the call would have left it, which includes everything acknowledged before the call.
/// <see cref="Repair"/> is the only one that changes a journal, and takes its lock.</para>
/// <para>They judge by the code that opens journals: what they call sound opens, what they call damaged is
/// refused.</para>
/// </remarks>
public static class FasterJournalTools
{
    /// <summary>Reads everything: superblock, segments, the checksum, chain, sequence and epoch of every frame, the
    /// marks of commits, what lies behind the end, and the snapshots' files.</summary>
    /// <param name="directory">The journal's directory.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>What was found; damage is a result here, not an exception.</returns>
    /// <exception cref="FileNotFoundException">There is no journal.</exception>
    /// <exception cref="IOException">A file cannot be opened, or read for another reason than its contents.</exception>
    public static JournalScrub Verify(string directory, CancellationToken cancellationToken = default) =>
        Scrubber.Run(FileSystemCalls.Current, Full(directory), cancellationToken);

    /// <summary>Reads the frames with a sequence of at least <paramref name="fromSequence"/>, in order, without gaps,
    /// with the place of each. Of a truncated log, reading begins with its first frame.</summary>
    /// <param name="directory">The journal's directory.</param>
    /// <param name="fromSequence">From 1 on.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The frames; a payload is valid until the next one is asked for.</returns>
    /// <exception cref="FileNotFoundException">There is no journal.</exception>
    /// <exception cref="JournalDamagedException">Behind the last frame that was returned there is damage, not the end
    /// of the log.</exception>
    /// <exception cref="JournalException">The journal's owner truncated frames while they were read; the message says
    /// where to begin again.</exception>
    public static IEnumerable<JournalEntry> Read(
        string directory, long fromSequence = 1, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        return EntryReader.Read(FileSystemCalls.Current, Full(directory), fromSequence, cancellationToken);
    }

    /// <summary>The snapshots whose files are whole, the oldest first. Their states are read one at a time.</summary>
    /// <exception cref="FileNotFoundException">There is no journal.</exception>
    public static IEnumerable<JournalSnapshot> Snapshots(string directory) =>
        EntryReader.Snapshots(FileSystemCalls.Current, Full(directory));

    /// <summary>Copies a journal, that of a running engine too, so that the copy ends with an exact frame. The copy is
    /// read back and checked before it gets its name.</summary>
    /// <param name="directory">The journal's directory.</param>
    /// <param name="target">The copy's directory, which must not exist or be empty. Until it is complete, the copy is
    /// in a directory beside it, with ".partial" behind the name.</param>
    /// <param name="atSequence">The last frame of the copy; null for the last there is.</param>
    /// <param name="cancellationToken">Gives up; what was copied is deleted.</param>
    /// <exception cref="ArgumentException"><paramref name="target"/> is taken, or the journal does not hold
    /// <paramref name="atSequence"/>; the message says what it holds.</exception>
    /// <exception cref="FileNotFoundException">There is no journal.</exception>
    /// <exception cref="JournalDamagedException">The journal is damaged; nothing was copied.</exception>
    /// <exception cref="IOException">The copy cannot be written, for example for want of space.</exception>
    public static JournalBackup Backup(
        string directory, string target, long? atSequence = null, CancellationToken cancellationToken = default) =>
        new BackupWriter(FileSystemCalls.Current, Full(directory), Full(target))
            .Run(atSequence, cancellationToken);

    /// <summary>Cuts a journal behind a frame, so that it can be opened again. Everything that is cut off goes into a
    /// directory beside the journal first: nothing is ever deleted without a copy.</summary>
    /// <param name="directory">The journal's directory.</param>
    /// <param name="atSequence">The last frame that is kept.</param>
    /// <param name="dryRun">Only says what would be lost.</param>
    /// <param name="cancellationToken">Gives up, as long as nothing was changed.</param>
    /// <remarks>Interrupted by a crash, the journal is as it was, refused, or cut; in every case this can be called
    /// again.</remarks>
    /// <exception cref="ArgumentException">The journal cannot end with <paramref name="atSequence"/>: the frame cannot
    /// be read, or the state it needs is gone. The message says what is possible.</exception>
    /// <exception cref="FileNotFoundException">There is no journal.</exception>
    /// <exception cref="JournalLockedException">An engine owns the journal.</exception>
    /// <exception cref="JournalDamagedException">The superblock, without which nothing can be told, is
    /// damaged.</exception>
    public static JournalRepair Repair(
        string directory, long atSequence, bool dryRun = false, CancellationToken cancellationToken = default) =>
        new Repairer(FileSystemCalls.Current, Full(directory)).Run(atSequence, dryRun, cancellationToken);

    private static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
}
