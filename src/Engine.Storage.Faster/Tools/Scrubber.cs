using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Platform;
using Engine.Storage.Faster.Snapshots;

namespace Engine.Storage.Faster;

/// <summary>One look at all of a journal. Every judgement about the log is that of <see cref="LogOpening"/>; this adds
/// what opening does not look at, and counts.</summary>
internal sealed class Scrubber : ILogObserver
{
    private const int MaxAttempts = 20;

    private readonly FileSystemCalls _files;
    private readonly string _directory;
    private readonly List<string> _damage = [];
    private readonly List<string> _notes = [];
    private readonly List<long> _whole = [];
    private readonly Dictionary<long, uint> _checksums = [];
    private IReadOnlyList<long> _snapshots = [];
    private JournalFrame _first;
    private JournalFrame _last;
    private long _frames;
    private long _events;
    private long _commits;
    private bool _startsCommit;
    private long _snapshotBytes;

    private Scrubber(FileSystemCalls files, string directory)
    {
        _files = files;
        _directory = directory;
    }

    internal static JournalScrub Run(FileSystemCalls files, string directory, CancellationToken cancellationToken)
    {
        var last = new Scrubber(files, directory).Once(cancellationToken);
        for (int attempt = 1; !last.IsSound && attempt < MaxAttempts; attempt++)
        {
            // See JournalFiles.Settled: an engine at work looks like damage once, damage twice.
            var next = new Scrubber(files, directory).Once(cancellationToken);
            if (next.Damage.SequenceEqual(last.Damage))
            {
                return next;
            }

            last = next;
        }

        return last;
    }

    public void CommitStarts(LogPosition position) => _startsCommit = true;

    public void FrameRead(in JournalFrame frame, long address)
    {
        // Counted with its first frame: one of which none can be read is no commit of these frames.
        _commits += _startsCommit ? 1 : 0;
        _startsCommit = false;
        if (_frames++ == 0)
        {
            _first = frame with { Payload = default };
        }

        _last = frame with { Payload = default };
        _events += frame.EventCount;
        if (_checksums.Count < _snapshots.Count && _snapshots.Contains(frame.Sequence))
        {
            _checksums[frame.Sequence] = frame.Checksum;
        }
    }

    private JournalScrub Once(CancellationToken cancellationToken)
    {
        Superblock superblock;
        try
        {
            superblock = JournalFiles.ReadSuperblock(_files, _directory);
            NoteCopies();
        }
        catch (JournalDamagedException damage)
        {
            return new JournalScrub { Damage = [damage.Message], Notes = [] };
        }

        _snapshots = SnapshotStore.List(_files, _directory);
        ScrubLog(superblock, cancellationToken);
        ScrubSnapshots(superblock, cancellationToken);
        long segments = superblock.EndSegment - (superblock.Begin.Address / superblock.SegmentSizeBytes);
        return new JournalScrub
        {
            Damage = _damage,
            Notes = _notes,
            FirstSequence = superblock.Begin.Sequence + 1,
            LastSequence = superblock.Begin.Sequence + _frames,
            FrameCount = _frames,
            EventCount = _events,
            CommitCount = _commits,
            FirstEpoch = _first.Epoch,
            LastEpoch = _last.Epoch,
            DurableSequence = superblock.DurableSequence,
            SegmentCount = segments,
            BytesRead = (segments * (superblock.SegmentSizeBytes + Block.Size)) + _snapshotBytes,
            Snapshots = [.. _whole.Order()],
        };
    }

    private void NoteCopies()
    {
        using var file = new SuperblockFile(_files, _directory);
        var copies = file.ReadCopies();
        for (int i = 0; i < copies.Count; i++)
        {
            if (copies[i] is null)
            {
                _notes.Add(
                    $"{file.Path} at offset {i * Block.Size}: this copy of the superblock is not whole; the other one " +
                    "counts. A crash while it was written leaves that, and so does damage. The next start writes both.");
            }
        }

        if (copies.Count(copy => copy is not null) == copies.Count &&
            copies.Select(copy => copy!.Generation).Distinct().Count() > 1)
        {
            _notes.Add($"{file.Path}: its copies are of different generations, as a crash between them leaves them.");
        }
    }

    private void ScrubLog(Superblock superblock, CancellationToken cancellationToken)
    {
        try
        {
            var (_, log, strays) = LogOpening.Examine(superblock, _files, _directory, cancellationToken, this);
            if (log.Leftovers.Count > 0)
            {
                _notes.Add(
                    $"torn tail: {log.Leftovers.Count} blocks behind frame {log.End.Sequence} are what a crash left of " +
                    $"a commit that nobody was promised ({log.Problem}). The next start cuts them.");
            }

            strays.ForEach(path =>
                _notes.Add($"{path}: an interrupted owner left it, nobody needs it. The next start deletes it."));
        }
        catch (JournalDamagedException damage)
        {
            _damage.Add(damage.Message);
        }
    }

    private void ScrubSnapshots(Superblock superblock, CancellationToken cancellationToken)
    {
        var store = new SnapshotStore(_files, _directory, superblock.JournalId);
        foreach (long sequence in _snapshots)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ScrubSnapshot(store, sequence);
        }

        long needed = superblock.SnapshotSequence;
        if (needed > 0 && !_snapshots.Contains(needed))
        {
            _damage.Add($"{store.PathOf(needed)} is missing, and the superblock names it.");
        }

        if (superblock.Begin.Sequence > 0 && !_whole.Exists(sequence => sequence >= superblock.Begin.Sequence))
        {
            _damage.Add(
                $"{_directory}: the log begins only with frame {superblock.Begin.Sequence + 1}, and no whole snapshot " +
                "holds the state before it.");
        }
    }

    private void ScrubSnapshot(SnapshotStore store, long sequence)
    {
        string path = store.PathOf(sequence);
        (uint Checksum, long Bytes)? snapshot;
        string? error;
        try
        {
            snapshot = store.TryCheck(sequence, out error);
        }
        catch (JournalDamagedException damage)
        {
            (snapshot, error) = (null, damage.Message);
        }

        if (snapshot is not { } found)
        {
            if (_files.Exists(path))
            {
                _damage.Add($"{path}: {error}.");
            }

            return;
        }

        _snapshotBytes += found.Bytes;
        if (_checksums.TryGetValue(sequence, out uint checksum) && checksum != found.Checksum)
        {
            _damage.Add(
                $"{path}: it was taken after a frame with checksum {found.Checksum:x8}; frame {sequence} of the log " +
                $"has {checksum:x8}.");
            return;
        }

        // With damage in the log, the walk may not have come so far.
        if (_damage.Count == 0 && _frames > 0 && sequence > _last.Sequence)
        {
            _damage.Add($"{path}: it is of frame {sequence}, and the log ends with frame {_last.Sequence}.");
            return;
        }

        _whole.Add(sequence);
    }
}
