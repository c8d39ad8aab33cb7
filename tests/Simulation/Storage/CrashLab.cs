using System.Buffers;
using System.Buffers.Binary;
using Engine.Simulation;
using Engine.Simulation.Storage.Disk;
using Engine.Simulation.Storage.Faster;
using Engine.Storage;
using Engine.Storage.Faster.Snapshots;

namespace Engine.Tests.Storage;

/// <summary>Writes down every call that an embedded journal makes to its disk, so that a crash can be tried before each
/// of
/// them, and judges what a next life finds.</summary>
internal sealed class CrashLab(int sectorBytes = 512)
{
    private readonly List<DiskCall> _calls = [];
    private readonly List<Promise> _promises = [new(0, 0, 0, 0)];
    private SimDisk? _disk;
    private IJournal? _journal;
    private JournalOwnership _owner = new(0, Guid.Empty, 0, 0);
    private uint _checksum;

    /// <summary>Goes on with a disk that was used before; its cuts begin with an empty one all the same.</summary>
    internal CrashLab(SimDisk disk)
        : this() => _disk = disk;

    /// <summary>What had been promised when a call was made.</summary>
    /// <param name="Calls">Calls made by then.</param>
    /// <param name="Acknowledged">The last frame that was answered durable.</param>
    /// <param name="Submitted">The last frame that was appended at all.</param>
    /// <param name="Snapshot">The last snapshot that was saved.</param>
    internal sealed record Promise(int Calls, long Acknowledged, long Submitted, long Snapshot);

    /// <summary>How snapshots are laid down.</summary>
    internal SnapshotSizes Sizes { get; init; } = SnapshotSizes.Usual;

    internal IReadOnlyList<DiskCall> Calls => _calls;

    internal SimDisk Disk => _disk ??= NewDisk();

    internal IJournal Journal => _journal ?? throw new InvalidOperationException("Nobody has opened it.");

    internal long Epoch => _owner.Epoch;

    internal Promise Now => _promises[^1];

    /// <summary>Opens the journal as a next process.</summary>
    internal async Task AcquireAsync()
    {
        Disk.Called ??= _calls.Add;
        _journal = new SimulatedFasterStore(Disk, new RandomStream(1))
        {
            Configure = options => options.Snapshots = Sizes,
        }.Open();
        _owner = await _journal.AcquireAsync();
        _checksum = _owner.LastChecksum;
        Note(Now with { Submitted = _owner.LastSequence });
    }

    /// <summary>Appends one frame; what became of it.</summary>
    internal async Task<AppendStatus> AppendAsync(int payloadBytes = 100)
    {
        long sequence = Now.Submitted + 1;
        byte[] frame = new byte[FrameCodec.HeaderSize + sizeof(long) + payloadBytes];
        Fill(frame.AsSpan(FrameCodec.HeaderSize), sequence);
        _checksum = FrameCodec.Seal(frame, sequence, Epoch, sequence, 1, _checksum);
        Note(Now with { Submitted = sequence });
        var result = await Journal.AppendAsync(Epoch, sequence - 1, frame);
        if (result.Status == AppendStatus.Durable)
        {
            Note(Now with { Acknowledged = sequence });
        }

        return result.Status;
    }

    internal async Task SaveSnapshotAsync(long sequence, int bytes)
    {
        byte[] state = new byte[bytes];
        Fill(state, -sequence);
        await Journal.SaveSnapshotAsync(Epoch, sequence, state);
        Note(Now with { Snapshot = sequence });
    }

    /// <summary>What had been promised before call <paramref name="call"/> was made.</summary>
    internal Promise At(int call)
    {
        int low = 0;
        for (int high = _promises.Count; high - low > 1;)
        {
            int middle = (low + high) / 2;
            (low, high) = _promises[middle].Calls <= call ? (middle, high) : (low, middle);
        }

        return _promises[low];
    }

    /// <summary>The disk before each call, the first first; the last is the disk after the last call. Each is good
    /// until
    /// the next is asked for, and must not be changed.</summary>
    internal IEnumerable<(int Call, SimDisk Disk)> Cuts()
    {
        var disk = NewDisk();
        for (int call = 0; call < _calls.Count; call++)
        {
            yield return (call, disk);
            disk.Repeat(_calls[call]);
        }

        yield return (_calls.Count, disk);
    }

    /// <summary>Lets the power fail on a copy of a disk, opens it again and checks what is found: everything
    /// acknowledged, a contiguous prefix of what was submitted, nothing else (D2, K7, K8), and a log that can be
    /// appended
    /// to.</summary>
    /// <returns>The last frame found.</returns>
    internal static async Task<long> CrashAndCheckAsync(
        SimDisk disk, CrashFate fate, Promise promise, string where, Action<DiskCall>? called = null)
    {
        var copy = disk.Copy(new Timeline(null));
        copy.Crash(fate);
        copy.Called = called;
        return await CheckAsync(copy, promise, where);
    }

    /// <summary>Opens a disk and checks what is found.</summary>
    internal static async Task<long> CheckAsync(SimDisk disk, Promise promise, string where)
    {
        var journal = new SimulatedFasterStore(disk, new RandomStream(2)).Open();
        JournalOwnership owner;
        JournalSnapshot? snapshot;
        try
        {
            owner = await journal.AcquireAsync();
            snapshot = await journal.LoadSnapshotAsync();
        }
        catch (JournalDamagedException refused)
        {
            Assert.Fail($"{where}: refused: {refused.Message}");
            throw;
        }

        Assert.True(
            owner.LastSequence >= promise.Acknowledged,
            $"{where}: {owner.LastSequence} frames found, {promise.Acknowledged} acknowledged");
        Assert.True(
            owner.LastSequence <= promise.Submitted,
            $"{where}: {owner.LastSequence} frames found, {promise.Submitted} submitted");
        Assert.True(
            (snapshot?.Sequence ?? 0) >= promise.Snapshot,
            $"{where}: snapshot {snapshot?.Sequence} found, {promise.Snapshot} saved");
        if (snapshot is not null)
        {
            Assert.True(IsFilled(snapshot.State.ToArray(), -snapshot.Sequence), $"{where}: another state in the snapshot");
        }

        long expected = (snapshot?.Sequence ?? 0) + 1;
        await foreach (var frame in journal.ReadAsync(expected))
        {
            Assert.True(frame.Sequence == expected, $"{where}: frame {frame.Sequence} where {expected} follows");
            Assert.True(IsFilled(frame.Payload.Span, expected), $"{where}: frame {expected} holds something else");
            expected++;
        }

        Assert.True(
            expected == owner.LastSequence + 1,
            $"{where}: read up to {expected - 1}, the log ends with {owner.LastSequence}");

        byte[] next = new byte[FrameCodec.HeaderSize + 8];
        Fill(next.AsSpan(FrameCodec.HeaderSize), expected);
        FrameCodec.Seal(next, expected, owner.Epoch, 1, 1, owner.LastChecksum);
        Assert.Equal(AppendResult.Durable, await journal.AppendAsync(owner.Epoch, owner.LastSequence, next));
        return owner.LastSequence;
    }

    private static void Fill(Span<byte> target, long number)
    {
        target.Fill((byte)(number * 31));
        if (target.Length >= sizeof(long))
        {
            BinaryPrimitives.WriteInt64LittleEndian(target, number);
        }
    }

    private static bool IsFilled(ReadOnlySpan<byte> bytes, long number) =>
        BinaryPrimitives.ReadInt64LittleEndian(bytes) == number &&
        !bytes[sizeof(long)..].ContainsAnyExcept((byte)(number * 31));

    private SimDisk NewDisk() => new(new Timeline(null), new DiskOptions { SectorBytes = sectorBytes });

    private void Note(Promise promise) => _promises.Add(promise with { Calls = _calls.Count });
}
