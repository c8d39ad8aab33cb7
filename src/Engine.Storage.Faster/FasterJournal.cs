using System.Buffers;
using System.Runtime.CompilerServices;
using Engine.Storage.Faster.Log;
using Engine.Storage.Faster.Snapshots;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Storage.Faster;

/// <summary>The embedded journal: FasterLog over segments of our own, in one directory of this machine.</summary>
/// <remarks>
/// <para>An append is acknowledged when the sync that covers it has returned without error and no error ever occurred
/// (<see cref="Durability.Synced"/>); the first error is final: from then on every append is answered with
/// <see cref="AppendStatus.Unknown"/> until the journal is opened again.</para>
/// <para>Opening reads the whole log. A tail that a crash tore is cut; anything else that does not fit is a
/// <see cref="JournalDamagedException"/>, which names file and offset and leaves every byte as it is.</para>
/// </remarks>
public sealed class FasterJournal : IJournal
{
    private readonly FasterJournalOptions _options;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _lifeCycle = new(1, 1);
    private readonly HashSet<long> _badSnapshots = [];
    private OwnedLog? _log;
    private long _verifiedSnapshot = -1;
    private bool _disposed;

    /// <summary>Describes a journal; nothing is touched before it is used.</summary>
    /// <param name="options">Where and how.</param>
    /// <param name="logger">Told about recovery and about a disk that fills up.</param>
    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public FasterJournal(FasterJournalOptions options, ILogger<FasterJournal>? logger = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        options.Directory = Path.GetFullPath(options.Directory);
        _options = options;
        _logger = logger ?? NullLogger<FasterJournal>.Instance;
    }

    /// <inheritdoc/>
    public Durability Durability => _options.Durability;

    /// <inheritdoc/>
    public async ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
    {
        await _lifeCycle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return await _options.Runtime
                .RunAsync(() => Acquire(cancellationToken), cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames) =>
        Volatile.Read(ref _log) is { } log
            ? log.Append(epoch, expectedSequence, frames)
            : new(new AppendResult(AppendStatus.Fenced, "nobody owns this journal yet"));

    /// <inheritdoc/>
    public async IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        var (reader, start, end, begin) = await _options.Runtime
            .RunAsync(() => Range(fromSequence, cancellationToken), cancellationToken)
            .ConfigureAwait(false);
        using var owned = reader;
        if (reader is null || fromSequence > end.Sequence)
        {
            yield break;
        }

        if (fromSequence <= begin.Sequence)
        {
            throw new JournalDamagedException(
                $"Frames from {fromSequence} on are no longer in {_options.Directory}: the log begins with frame " +
                $"{begin.Sequence + 1}.");
        }

        using var cursor = new LogCursor(reader, start);
        while (cursor.Position.Sequence < end.Sequence)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!cursor.TryRead(out var frame))
            {
                throw new JournalDamagedException(
                    $"{reader.Segments.Place(cursor.ProblemAddress)}: {cursor.Problem}; frames up to " +
                    $"{end.Sequence} were there before. Nothing was changed.");
            }

            if (frame.Sequence >= fromSequence)
            {
                yield return frame;
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default)
    {
        await _lifeCycle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var log = Owned(epoch);
            var begin = log.Superblock.Begin;
            ArgumentOutOfRangeException.ThrowIfLessThan(sequence, Math.Max(1, begin.Sequence));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(sequence, log.Durable.Sequence);
            await _options.Runtime
                .RunAsync(() => SaveSnapshot(log, sequence, state, cancellationToken), cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default)
    {
        await _lifeCycle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await _options.Runtime.RunAsync(LoadSnapshot, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default)
    {
        await _lifeCycle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var log = Owned(epoch);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(belowSequence, log.Superblock.SnapshotSequence + 1);
            await _options.Runtime
                .RunAsync(() => Truncate(log, belowSequence), cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    /// <summary>Finishes the appends under way and lets the directory go.</summary>
    public async ValueTask DisposeAsync()
    {
        await _lifeCycle.WaitAsync().ConfigureAwait(false);
        try
        {
            bool isFirst = !_disposed;

            // Also when closing fails: the directory is given back, and may be somebody else's already.
            _disposed = true;
            if (isFirst && _log is { } log)
            {
                await _options.Runtime.RunAsync(log.Dispose, CancellationToken.None).ConfigureAwait(false);
            }
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    private JournalOwnership Acquire(CancellationToken cancellationToken)
    {
        if (_log is null)
        {
            Volatile.Write(
                ref _log,
                LogOpening.Open(
                    _options,
                    problem => _logger.SpaceRunsOut(_options.Directory, problem),
                    log => _logger.Recovered(
                        _options.Directory, log.FrameCount, log.End.Sequence, log.Leftovers.Count, log.Problem),
                    cancellationToken));
        }

        return _log.StartEpoch(_options.Runtime.NewNonce());
    }

    private OwnedLog Owned(long epoch)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_log is null || epoch != _log.Superblock.Epoch)
        {
            throw new JournalFencedException($"Epoch {epoch} is over; the owner's is {_log?.Superblock.Epoch ?? 0}.");
        }

        _log.Latch.ThrowIfTripped();
        return _log;
    }

    private void SaveSnapshot(
        OwnedLog log, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken)
    {
        // The log must not end before its snapshot, or a loss of power would leave a state that no log leads to.
        log.SyncLogged();
        var store = Snapshots(log.Segments.Directory, log.Superblock.JournalId);
        if (store.NeedsPieces(state.Length) && !log.Superblock.HasPieces)
        {
            // Before there is one: a build that knows nothing of pieces must never come upon one unwarned.
            log.Update(static current => current with { HasPieces = true });
        }

        store.Save(sequence, ChecksumOf(log, sequence), state, _options.Reached, cancellationToken);
        _badSnapshots.Remove(sequence);
        _verifiedSnapshot = Math.Max(_verifiedSnapshot, sequence);
        log.Update(current => current with { SnapshotSequence = Math.Max(current.SnapshotSequence, sequence) });
        store.DeleteOld(_badSnapshots);
    }

    private void Truncate(OwnedLog log, long belowSequence)
    {
        var snapshot = log.Superblock.SnapshotSequence;
        if (_verifiedSnapshot != snapshot)
        {
            var store = Snapshots(log.Segments.Directory, log.Superblock.JournalId);
            if (store.TryCheck(snapshot, out string? error) is null)
            {
                throw new JournalDamagedException(
                    $"The snapshot of frame {snapshot} cannot be read ({error}): the log is not truncated.");
            }

            _verifiedSnapshot = snapshot;
        }

        log.Truncate(belowSequence);
    }

    private JournalSnapshot? LoadSnapshot()
    {
        var superblock = _log?.Superblock ?? ReadSuperblock();
        if (superblock is null)
        {
            return null;
        }

        var store = Snapshots(_options.Directory, superblock.JournalId);
        var sequences = SnapshotStore.List(_options.Files, _options.Directory);
        string problem = "";
        if (superblock.SnapshotSequence > 0 && !sequences.Contains(superblock.SnapshotSequence))
        {
            string path = store.PathOf(superblock.SnapshotSequence);
            problem = $"{path} is missing";
            _logger.SnapshotDamaged(path, "it is missing");
        }

        foreach (long sequence in sequences)
        {
            // A snapshot that the log does not reach down to helps only if no frame between them is needed.
            if (sequence < superblock.Begin.Sequence)
            {
                break;
            }

            if (store.TryLoad(sequence, out string? error) is { } snapshot && IsOfThisLog(snapshot, ref error))
            {
                _verifiedSnapshot = Math.Max(_verifiedSnapshot, sequence);
                return snapshot;
            }

            problem = $"{store.PathOf(sequence)}: {error}";
            _badSnapshots.Add(sequence);
            _logger.SnapshotDamaged(store.PathOf(sequence), error!);
        }

        return superblock.Begin.Sequence == 0
            ? null
            : throw new JournalDamagedException(
                $"{problem}, and the log begins only with frame {superblock.Begin.Sequence + 1}. Nothing was " +
                "changed. Restore the snapshot from a backup.");
    }

    /// <summary>Whether the log holds, at the end of what the snapshot includes, the very frame that it was taken after:
    /// one that came from a copy which went on by itself is whole, and of another history.</summary>
    private bool IsOfThisLog(JournalSnapshot snapshot, ref string? error)
    {
        // Without the ownership the log has not been read; the engine owns it when it starts.
        if (_log is not { } log)
        {
            return true;
        }

        if (snapshot.Sequence > log.Durable.Sequence)
        {
            error = $"it was taken after frame {snapshot.Sequence}, and the log ends with frame {log.Durable.Sequence}";
            return false;
        }

        uint checksum = ChecksumOf(log, snapshot.Sequence);
        if (checksum != snapshot.Checksum)
        {
            error = $"it was taken after a frame {snapshot.Sequence} with checksum {snapshot.Checksum:x8}, and that of " +
                $"the log has {checksum:x8}: it is of another history";
            return false;
        }

        return true;
    }

    private static uint ChecksumOf(OwnedLog log, long sequence)
    {
        var durable = log.Durable;
        if (sequence == durable.Sequence)
        {
            return durable.Checksum;
        }

        var position = log.PositionBefore(sequence + 1);
        using var reader = log.OpenReader();
        using var cursor = new LogCursor(reader, position);
        while (cursor.Position.Sequence < sequence)
        {
            if (!cursor.TryRead(out _))
            {
                throw new JournalDamagedException($"{log.Segments.Place(cursor.ProblemAddress)}: {cursor.Problem}.");
            }
        }

        return cursor.Position.Checksum;
    }

    private (LogReader? Reader, LogPosition Start, LogPosition End, LogPosition Begin) Range(
        long fromSequence, CancellationToken cancellationToken)
    {
        if (_log is { } log)
        {
            // The end first: appends go on, and the segments seen afterwards reach at least as far.
            var durable = log.Durable;
            return (log.OpenReader(), log.PositionBefore(fromSequence), durable, log.Superblock.Begin);
        }

        if (ReadSuperblock() is not { } superblock)
        {
            return default;
        }

        // Without the ownership nothing is repaired; what would be cut is simply not read.
        var segments = new SegmentFiles(
            _options.Files, _options.Directory, superblock.SegmentSizeBytes, superblock.JournalId);
        var end = LogRecovery.Run(superblock, segments, _options.Files.BootId, cancellationToken).End;
        var reader = new LogReader(segments, superblock.EndSegment * segments.SizeBytes);
        return (reader, superblock.Begin, end, superblock.Begin);
    }

    private Superblock? ReadSuperblock()
    {
        using var file = new SuperblockFile(_options.Files, _options.Directory);
        var superblock = file.Read();
        if (superblock is null)
        {
            LogOpening.RefuseOrphans(_options.Files, _options.Directory);
        }

        return superblock;
    }

    private SnapshotStore Snapshots(string directory, Guid journalId) =>
        new(_options.Files, directory, journalId, _options.Snapshots);
}
