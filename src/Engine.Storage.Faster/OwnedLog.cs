using Engine.Storage.Faster.Log;

namespace Engine.Storage.Faster;

/// <summary>The log while this process owns it: from the lock to the clean end.</summary>
/// <remarks> Threads: appends come in under <see cref="_appendGate"/> and are written by the committer's thread; the
/// superblock is written under its own gate by whoever has news for it. The end of the log moves twice: <see
/// cref="_enqueued"/> when an append is accepted, <see cref="Durable"/> when it is synced.
/// </remarks>
internal sealed class OwnedLog : IDisposable
{
    private readonly Lock _appendGate = new();
    private readonly Lock _superblockGate = new();
    private readonly Lock _indexGate = new();
    private readonly FasterJournalOptions _options;
    private readonly OwnerLock _ownerLock;
    private readonly SuperblockFile _superblockFile;
    private readonly SortedDictionary<long, LogPosition> _firstCommits;
    private readonly LogWriter _writer;
    private readonly SegmentPreparer _preparer;
    private readonly Committer _committer;
    private (long Sequence, uint Checksum) _enqueued;
    private LogPosition _durable;
    private long _syncedSequence;

    internal OwnedLog(
        FasterJournalOptions options,
        OwnerLock ownerLock,
        SuperblockFile superblockFile,
        Superblock superblock,
        SegmentFiles segments,
        RecoveredLog recovered,
        Action<string>? warn)
    {
        _options = options;
        _ownerLock = ownerLock;
        _superblockFile = superblockFile;
        _firstCommits = recovered.FirstCommits;
        Superblock = superblock;
        Segments = segments;
        _durable = recovered.End;
        _enqueued = (_durable.Sequence, _durable.Checksum);
        _syncedSequence = _durable.Sequence;
        var device = new SegmentDevice(segments, Latch, _durable.Address, options.Durability == Durability.Synced)
        {
            SegmentStarts = StartSegment,
        };
        _writer = new LogWriter(segments, device, Latch, options.Runtime, options.Reached);
        _preparer = new SegmentPreparer(
            segments, superblock.EndSegment, Latch, options.Runtime, RecordSegments, options.Reached, warn);
        _committer = options.Runtime.CreateCommitter(new CommitWork(Latch, options.MaxCommitBytes, Commit));
    }

    internal FailureLatch Latch { get; } = new();

    internal SegmentFiles Segments { get; }

    internal Superblock Superblock { get; private set; }

    /// <summary>Every frame up to here is acknowledged, or about to be.</summary>
    internal LogPosition Durable
    {
        get
        {
            lock (_indexGate)
            {
                return _durable;
            }
        }
    }

    internal ValueTask<AppendResult> Append(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        lock (_appendGate)
        {
            if (epoch != Superblock.Epoch)
            {
                return new(new AppendResult(
                    AppendStatus.Fenced, $"epoch {epoch} is over, the owner's is {Superblock.Epoch}"));
            }

            if (Latch.Error is { } error)
            {
                return new(new AppendResult(AppendStatus.Unknown, error));
            }

            if (expectedSequence != _enqueued.Sequence)
            {
                return new(new AppendResult(
                    AppendStatus.Gap, $"the log ends at {_enqueued.Sequence}, not at {expectedSequence}"));
            }

            var end = FrameChain.Verify(frames, epoch, _enqueued.Sequence, _enqueued.Checksum);
            _enqueued = end;
            return _committer.Enqueue(epoch, expectedSequence + 1, end, frames);
        }
    }

    /// <summary>Begins the next epoch: appends of the present one that were accepted are finished first.</summary>
    internal JournalOwnership StartEpoch(Guid nonce)
    {
        lock (_appendGate)
        {
            _committer.Drain();
            Latch.ThrowIfTripped();
            Update(current => current with
            {
                Epoch = current.Epoch + 1,
                Nonce = nonce,
                BootId = _options.Files.BootId,
                Durability = _options.Durability,
            });
            _ownerLock.Record(Superblock.Epoch, nonce, _options.OwnerAddress?.Invoke());
            return new JournalOwnership(Superblock.Epoch, nonce, _enqueued.Sequence, _enqueued.Checksum);
        }
    }

    /// <summary>Reads what is in the log's segments now.</summary>
    internal LogReader OpenReader() => new(Segments, Superblock.EndSegment * Segments.SizeBytes);

    /// <summary>Where to begin reading to meet frame <paramref name="sequence"/>.</summary>
    internal LogPosition PositionBefore(long sequence)
    {
        lock (_indexGate)
        {
            var best = Superblock.Begin;
            foreach (var position in _firstCommits.Values)
            {
                if (position.Sequence < sequence && position.Address > best.Address)
                {
                    best = position;
                }
            }

            return best;
        }
    }

    /// <summary>Changes the superblock; durable when this returns. An error is final for the journal.</summary>
    internal void Update(Func<Superblock, Superblock> change)
    {
        lock (_superblockGate)
        {
            var next = change(Superblock) with
            {
                Generation = Superblock.Generation + 1,
                DurableSequence = _options.Durability == Durability.Synced ? Durable.Sequence : _syncedSequence,
            };
            try
            {
                _superblockFile.Write(next, _options.Reached);
            }
            catch (Exception error)
            {
                Latch.Trip(error.Message);
                throw;
            }

            Superblock = next;
        }
    }

    /// <summary>Syncs what is written and was not synced when it was acknowledged.</summary>
    internal void SyncLogged()
    {
        if (_options.Durability == Durability.Synced)
        {
            return;
        }

        lock (_superblockGate)
        {
            var durable = Durable;
            try
            {
                // By handles of our own: a sync belongs to the file, whoever wrote to it.
                for (long segment = Segments.SegmentOf(PositionBefore(_syncedSequence + 1).Address);
                    segment <= Segments.SegmentOf(durable.Address - 1);
                    segment++)
                {
                    using var file = Segments.Open(segment, forWriting: true);
                    _options.Files.SyncData(file);
                }
            }
            catch (Exception error)
            {
                Latch.Trip(error.Message);
                throw;
            }

            _syncedSequence = durable.Sequence;
        }
    }

    /// <summary>Drops whole segments in which every frame is below <paramref name="belowSequence"/>.</summary>
    internal void Truncate(long belowSequence)
    {
        var old = Superblock.Begin;
        var begin = PositionBefore(belowSequence);
        if (Segments.SegmentOf(begin.Address) == Segments.SegmentOf(old.Address))
        {
            return;
        }

        // First it is written down where the log begins, then files go: a crash between leaves files that nobody needs.
        Update(current => current with { Begin = begin });
        _options.Reached?.Invoke(JournalPoint.TruncationRecorded);
        for (long segment = Segments.SegmentOf(old.Address); segment < Segments.SegmentOf(begin.Address); segment++)
        {
            lock (_indexGate)
            {
                _firstCommits.Remove(segment);
            }

            Segments.Delete(segment);
            _options.Reached?.Invoke(JournalPoint.TruncationHalfDone);
        }

        _options.Files.SyncDirectory(Segments.Directory);
    }

    /// <summary>Commits what is queued, notes a clean end if it is one, and lets the directory go.</summary>
    public void Dispose()
    {
        try
        {
            _committer.Dispose();
            _preparer.Finish();
            if (Latch.Error is null)
            {
                SyncLogged();
                Update(current => current);
                _writer.WaitUntilIdle(_options.CloseTimeout);
            }
        }
        finally
        {
            _writer.Dispose();
            _superblockFile.Dispose();
            _ownerLock.Dispose();
        }
    }

    private bool Commit(IReadOnlyList<AppendOperation> appends)
    {
        var durable = Durable;
        int bytes = 0;
        for (int i = 0; i < appends.Count; i++)
        {
            bytes += appends[i].Frames.Length;
        }

        var mark = new CommitMark(
            _writer.Tail,
            appends[0].Epoch,
            Superblock.Nonce,
            appends[0].FirstSequence,
            _options.Durability == Durability.Synced ? durable.Sequence : _syncedSequence,
            bytes);
        _preparer.EnsureReady(Segments.SegmentOf(Block.AlignUp(mark.FramesEnd) - 1));
        if (!_writer.Commit(mark, appends))
        {
            return false;
        }

        var last = appends[^1];
        lock (_indexGate)
        {
            _firstCommits.TryAdd(Segments.SegmentOf(mark.Address), durable with { Address = mark.Address });
            _durable = new LogPosition(_writer.Tail, last.LastSequence, last.LastChecksum, last.Epoch);
        }

        return true;
    }

    private void StartSegment(long segment)
    {
        _ownerLock.ThrowIfTaken();
        _options.Reached?.Invoke(JournalPoint.SegmentSwitching);
    }

    private void RecordSegments(long endSegment) => Update(current => current with { EndSegment = endSegment });
}
