using System.Buffers;
using System.Runtime.CompilerServices;
using Engine.Core;
using Engine.Storage;

namespace Engine.Simulation.Driver;

/// <summary>How a storage misbehaves.</summary>
/// <param name="SlowChance">How often an append takes up to ten seconds.</param>
/// <param name="FailChance">How often an append ends in doubt, after which nothing is appended in that life.</param>
internal sealed record StorageFaults(double SlowChance = 0, double FailChance = 0);

/// <summary>The simplest storage that can lose power: a list of frames of which a prefix is synced.</summary>
/// <remarks>What is written is lost or kept at a power cut, always from the end: a torn tail is a shorter one.
/// Everything
/// that a real disk does beyond that is the simulated disk's business.</remarks>
internal sealed class PlainStorage(World world, StorageFaults faults, Sometimes sometimes) : ISimStorage
{
    private readonly RandomStream _dice = world.Stream("disk");
    private readonly List<byte[]> _frames = [];
    private readonly List<(long Sequence, uint Checksum, byte[] State)> _snapshots = [];
    private readonly List<Handle> _handles = [];
    private StorageFaults _faults = faults;
    private long _first = 1;
    private long _synced;
    private long _epoch;
    private TimeSpan _busyUntil;

    private long Last => _first + _frames.Count - 1;

    /// <inheritdoc/>
    public IJournal Open()
    {
        var handle = new Handle(this);
        _handles.Add(handle);
        return handle;
    }

    /// <inheritdoc/>
    public void Crash(CrashKind kind)
    {
        if (kind == CrashKind.PowerCut)
        {
            long kept = _dice.Between(_synced, Last);
            if (kept < Last)
            {
                sometimes.Saw(Corner.UnsyncedTailLost);
            }

            if (Planted.Is(PlantedBug.TruncationOneFrameTooFar) && kept < Last && kept > _first)
            {
                kept--;
            }

            _frames.RemoveRange((int)(kept - _first + 1), (int)(Last - kept));
        }

        _handles.ForEach(static handle => handle.IsDead = true);
        _handles.Clear();
        _synced = Math.Min(_synced, Last);
        _busyUntil = TimeSpan.Zero;
    }

    /// <inheritdoc/>
    public void Heal() => _faults = new StorageFaults();

    private AppendResult? Refuse(Handle handle, long epoch, long expectedSequence)
    {
        if (handle.HasFailed)
        {
            return new AppendResult(AppendStatus.Unknown, "an earlier append failed");
        }

        if (epoch != _epoch && !Planted.Is(PlantedBug.EpochNotChecked))
        {
            return new AppendResult(AppendStatus.Fenced, $"epoch {epoch} is over, the owner's is {_epoch}");
        }

        return expectedSequence == Last
            ? null
            : new AppendResult(AppendStatus.Gap, $"the log ends at {Last}, not at {expectedSequence}");
    }

    private ValueTask<AppendResult> Append(Handle handle, long epoch, long expectedSequence,
        ReadOnlyMemory<byte> frames)
    {
        if (Refuse(handle, epoch, expectedSequence) is { } refusal)
        {
            return new(refusal);
        }

        bool fails = _dice.Chance(_faults.FailChance);
        if (!fails || _dice.Chance(0.5))
        {
            var (sequence, checksum) = _frames.Count == 0 ? SnapshotEnd() : (Last, ChecksumOf(_frames[^1]));
            foreach (var frame in FrameChain.Check(frames, epoch, sequence, checksum, out _))
            {
                _frames.Add(frame.ToArray());
            }
        }

        var answer = new TaskCompletionSource<AppendResult>();
        long written = Last;
        var latency = _dice.Chance(_faults.SlowChance)
            ? _dice.Between(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(10))
            : _dice.Between(TimeSpan.FromMicroseconds(100), TimeSpan.FromMilliseconds(4));
        if (latency > TimeSpan.FromSeconds(1))
        {
            sometimes.Saw(Corner.SlowSync);
        }

        // One device: appends end in the order in which they began.
        var end = world.Elapsed + latency;
        _busyUntil = end > _busyUntil ? end : _busyUntil + TimeSpan.FromTicks(1);
        handle.HasFailed |= fails;
        world.In(_busyUntil - world.Elapsed, () =>
        {
            if (handle.IsDead)
            {
                return;
            }

            if (fails)
            {
                sometimes.Saw(Corner.StorageFailed);
                bool lies = Planted.Is(PlantedBug.FailedSyncAcknowledged);
                answer.TrySetResult(lies ? AppendResult.Durable : new AppendResult(AppendStatus.Unknown,
                    "the sync failed"));
                return;
            }

            // A failure before it may have kept what this append follows from the disk; the handle says so.
            _synced = Math.Max(_synced, Math.Min(written, Last));
            answer.TrySetResult(AppendResult.Durable);
        });
        return Planted.Is(PlantedBug.AckBeforeSync) ? new(AppendResult.Durable) : new(answer.Task);
    }

    private (long Sequence, uint Checksum) SnapshotEnd() => _first == 1
        ? (0, 0)
        : _snapshots.Where(snapshot => snapshot.Sequence == _first - 1).Select(snapshot => (snapshot.Sequence,
            snapshot.Checksum))
            .First();

    private static uint ChecksumOf(byte[] frame) => BitConverter.ToUInt32(frame, 44);

    /// <summary>The journal of one life.</summary>
    private sealed class Handle(PlainStorage storage) : IJournal
    {
        public Durability Durability => Durability.Synced;

        internal bool IsDead { get; set; }

        internal bool HasFailed { get; set; }

        public ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
        {
            long epoch = ++storage._epoch;

            // What a life begins with it shows: it is synced before that.
            storage._synced = storage.Last;
            var (sequence, checksum) = storage._frames.Count == 0
                ? storage.SnapshotEnd()
                : (storage.Last, ChecksumOf(storage._frames[^1]));
            Span<byte> nonce = stackalloc byte[16];
            BitConverter.TryWriteBytes(nonce, epoch);
            return new(new JournalOwnership(epoch, new Guid(nonce), sequence, checksum));
        }

        public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames) =>
            storage.Append(this, epoch, expectedSequence, frames);

        public async IAsyncEnumerable<JournalFrame> ReadAsync(
            long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            if (fromSequence < storage._first)
            {
                throw new JournalDamagedException($"The journal starts at {storage._first}, not at {fromSequence}.");
            }

            for (int i = (int)(fromSequence - storage._first); i < storage._frames.Count; i++)
            {
                FrameCodec.TryRead(storage._frames[i], out var frame, out _, out _);
                yield return frame;
            }

            await Task.CompletedTask.ConfigureAwait(false);
        }

        public ValueTask SaveSnapshotAsync(
            long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default)
        {
            ThrowIfFenced(epoch);
            uint checksum = ChecksumOf(storage._frames[(int)(sequence - storage._first)]);
            storage._snapshots.Add((sequence, checksum, state.ToArray()));
            if (storage._snapshots.Count > 2)
            {
                storage._snapshots.RemoveAt(0);
            }

            return ValueTask.CompletedTask;
        }

        public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default) =>
            new(storage._snapshots.LastOrDefault(snapshot =>
                snapshot.Sequence <= storage.Last) is { State: not null } newest
                ? new JournalSnapshot(newest.Sequence, newest.Checksum, new ReadOnlySequence<byte>(newest.State))
                : null);

        public ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default)
        {
            ThrowIfFenced(epoch);
            int count = (int)Math.Clamp(belowSequence - storage._first, 0, storage._frames.Count);
            storage._frames.RemoveRange(0, count);
            storage._first += count;
            return ValueTask.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            IsDead = true;
            return ValueTask.CompletedTask;
        }

        private void ThrowIfFenced(long epoch)
        {
            if (epoch != storage._epoch)
            {
                throw new JournalFencedException($"Epoch {epoch} is over; the owner's is {storage._epoch}.");
            }
        }
    }
}
