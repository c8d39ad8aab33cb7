using System.Buffers.Binary;
using Engine.Simulation;
using Engine.Simulation.Storage;
using Engine.Simulation.Storage.Disk;
using Engine.Simulation.Storage.Faster;
using Engine.Storage;

namespace Engine.Tests.Storage;

/// <summary>Many lives of an embedded journal on a disk in virtual time, ended anywhere by kills and power cuts, with
/// and
/// without failing calls.</summary>
public sealed class DiskHellTests
{
    private const int Seeds = 120;

    private static readonly string[] Corners =
    [
        "a tail is lost", "a crash in recovery", "a snapshot is found", "a log is truncated", "disk: a sync fails",
        "an append is unknown", "a full disk", "a power cut", "a kill", "a lie is refused", "a disk fails in recovery",
    ];

    [Fact]
    public Task F1_F2_F5_whatever_ends_a_life_nothing_acknowledged_is_lost_and_nothing_else_appears() =>
        Task.Run(() =>
        {
            var seen = new HashSet<string>();
            for (ulong seed = 1; seed <= Seeds; seed++)
            {
                new Hell(seed, seen).Run();
            }

            Assert.Empty(Corners.Except(seen));
        });

    [Fact]
    public Task A_seed_is_the_whole_story() => Task.Run(() =>
    {
        for (ulong seed = 1; seed <= 5; seed++)
        {
            var first = new Hell(seed, []);
            var second = new Hell(seed, []);
            first.Run();
            second.Run();

            Assert.Equal(first.Story, second.Story);
        }
    });

    private sealed class Hell
    {
        private readonly ulong _seed;
        private readonly HashSet<string> _seen;
        private readonly World _world;
        private readonly RandomStream _random;
        private readonly SimulatedFasterStore _store;
        private long _acknowledged;
        private long _submitted;
        private long _snapshot;
        private long _truncatedBelow = 1;

        internal Hell(ulong seed, HashSet<string> seen)
        {
            (_seed, _seen) = (seed, seen);
            _world = new World(seed, DateTimeOffset.UnixEpoch);
            _random = _world.Stream("test");
            _store = new SimulatedFasterStore(
                _world,
                new DiskOptions
                {
                    SectorBytes = _random.Pick(512, 4096),
                    CapacityBytes = _random.Chance(0.2) ? _random.Between(400_000, 900_000) : long.MaxValue,
                });
            _store.Disk.Sometimes = name => _seen.Add(name);
        }

        internal ulong Story => _world.Hash;

        private bool HasLied => _store.Disk.Doubts != StoreDoubts.None;

        internal void Run()
        {
            bool failing = _random.Chance(0.5);
            for (int life = 0; life < 8; life++)
            {
                bool lying = life == 7 && _random.Chance(0.5);
                _store.Disk.Faults = !failing && !lying ? DiskFaults.None : new DiskFaults
                {
                    SyncError = failing ? _random.Pick(0, 0.002, 0.02) : 0,
                    WriteError = failing ? _random.Pick(0, 0.002) : 0,
                    NoSpace = failing ? _random.Pick(0, 0.01) : 0,
                    Stall = failing ? _random.Pick(0, 0.002) : 0,
                    Flip = lying ? 0.01 : 0,
                    LostWrite = lying ? 0.01 : 0,
                    Misdirect = lying ? 0.01 : 0,
                    Budget = 3,
                };
                if (!Live(_store.Open()))
                {
                    return;
                }

                var kind = _random.Pick(CrashKind.Kill, CrashKind.PowerCut);
                _seen.Add(kind == CrashKind.Kill ? "a kill" : "a power cut");
                _store.Crash(kind);
            }

            _store.Heal();
            Live(_store.Open());
        }

        /// <summary>One life up to the instant at which it ends; whether there is a next one.</summary>
        private bool Live(IJournal journal)
        {
            var until = _world.Elapsed + TimeSpan.FromMilliseconds(_random.Pick(1, 5, 20, 50));
            var opening = OpenAsync(journal);
            if (!Await(opening, until))
            {
                _seen.Add("a crash in recovery");
                return true;
            }

            if (opening.IsFaulted)
            {
                var error = opening.Exception.InnerException;
                if (error is JournalDamagedException && HasLied)
                {
                    _seen.Add("a lie is refused");
                    return false;
                }

                Assert.True(
                    error is IOException and not JournalException, $"seed {_seed}: {error}");
                _seen.Add("a disk fails in recovery");
                return true;
            }

            var living = WriteAsync(journal, opening.Result);
            Await(living, until);
            if (living.IsFaulted)
            {
                Assert.True(living.Exception.InnerException is IOException, $"seed {_seed}: {living.Exception}");
            }

            return true;
        }

        private bool Await(Task task, TimeSpan until)
        {
            while (!task.IsCompleted && _world.Step(until))
            {
            }

            return task.IsCompleted;
        }

        private async Task<JournalOwnership> OpenAsync(IJournal journal)
        {
            var owner = await journal.AcquireAsync().ConfigureAwait(false);
            var snapshot = await journal.LoadSnapshotAsync().ConfigureAwait(false);
            long next = (snapshot?.Sequence ?? 0) + 1;
            Check(owner.LastSequence <= _submitted, $"{owner.LastSequence} frames, {_submitted} submitted");
            Check(
                owner.LastSequence >= _acknowledged || HasLied,
                $"{owner.LastSequence} frames, {_acknowledged} acknowledged");
            Check((snapshot?.Sequence ?? 0) >= _snapshot || HasLied, $"snapshot {snapshot?.Sequence} of {_snapshot}");
            await foreach (var frame in journal.ReadAsync(next).ConfigureAwait(false))
            {
                Check(frame.Sequence == next, $"frame {frame.Sequence} where {next} follows");
                Check(BinaryPrimitives.ReadInt64LittleEndian(frame.Payload.Span) == next, $"another frame {next}");
                next++;
            }

            Check(next == owner.LastSequence + 1, $"read to {next - 1} of {owner.LastSequence}");
            _ = snapshot is not null && _seen.Add("a snapshot is found");
            _ = owner.LastSequence < _submitted && _seen.Add("a tail is lost");
            _submitted = _acknowledged = owner.LastSequence;
            _world.Note(owner.LastSequence);
            _world.Note(_world.Elapsed.Ticks);
            return owner;
        }

        private async Task WriteAsync(IJournal journal, JournalOwnership owner)
        {
            uint checksum = owner.LastChecksum;
            var open = new Queue<Task>();
            while (true)
            {
                byte[] frame = new byte[FrameCodec.HeaderSize + _random.Pick(8, 100, 4_000, 30_000)];
                BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(FrameCodec.HeaderSize), ++_submitted);
                checksum = FrameCodec.Seal(frame, _submitted, owner.Epoch, _submitted, 1, checksum);
                open.Enqueue(AppendAsync(journal, owner.Epoch, frame));
                if (open.Count > 4 || _random.Chance(0.5))
                {
                    await open.Dequeue().ConfigureAwait(false);
                }

                if (_random.Chance(0.05) && _acknowledged > Math.Max(_snapshot, _truncatedBelow))
                {
                    long sequence = _random.Between(Math.Max(_snapshot, _truncatedBelow) + 1, _acknowledged);
                    await journal.SaveSnapshotAsync(owner.Epoch, sequence, new byte[_random.Below(9_000)])
                        .ConfigureAwait(false);
                    _snapshot = Math.Max(_snapshot, sequence);
                    _truncatedBelow = sequence + 1;
                    await journal.TruncateAsync(owner.Epoch, _truncatedBelow).ConfigureAwait(false);
                    _seen.Add("a log is truncated");
                }
            }
        }

        private async Task AppendAsync(IJournal journal, long epoch, byte[] frame)
        {
            long sequence = _submitted;
            var result = await journal.AppendAsync(epoch, sequence - 1, frame).ConfigureAwait(false);
            if (result.Status != AppendStatus.Durable)
            {
                Check(result.Status == AppendStatus.Unknown, $"append {sequence}: {result}");
                _seen.Add("an append is unknown");
                _ = result.Error!.Contains("space", StringComparison.Ordinal) && _seen.Add("a full disk");
                throw new IOException(result.Error);
            }

            Check(_acknowledged == sequence - 1, $"{sequence} acknowledged behind {_acknowledged}");
            _acknowledged = sequence;
            _world.Note(_world.Elapsed.Ticks);
        }

        private void Check(bool holds, string problem) => Assert.True(holds, $"seed {_seed}: {problem}");
    }
}
