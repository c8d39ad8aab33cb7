using System.Buffers.Binary;
using Engine.Simulation;
using Engine.Simulation.Storage;
using Engine.Simulation.Storage.Redis;
using Engine.Storage;

namespace Engine.Tests.Storage;

/// <summary>Many lives of a journal in a simulated Redis that is killed, loses power, loses commands and answers,
/// answers
/// too late, refuses, and is replaced by a replica that lags.</summary>
public sealed class RedisHellTests
{
    private const int Seeds = 60;

    private static readonly string[] Corners =
    [
        "redis: a command is lost", "redis: an answer is lost", "redis: a command is late", "redis: a command is refused",
        "redis: the server is killed", "redis: the power fails", "redis: power took unsynced writes",
        "redis: a replica takes over", "redis: a fail-over lost writes", "an append is unknown", "a rollback is refused",
        "an unanswered append is there", "an unanswered append is not there", "a snapshot is found",
    ];

    [Fact]
    public Task F10_F11_F12_nothing_acknowledged_is_lost_unless_a_fail_over_lost_it() => Task.Run(() =>
    {
        var seen = new HashSet<string>();
        for (ulong seed = 1; seed <= Seeds; seed++)
        {
            new Hell(seed, seen).Run();
        }

        Assert.Empty(Corners.Except(seen));
    });

    private sealed class Hell
    {
        private readonly ulong _seed;
        private readonly HashSet<string> _seen;
        private readonly World _world;
        private readonly RandomStream _random;
        private readonly SimulatedRedisStore _store;
        private long _acknowledged;
        private long _submitted;
        private long _snapshot;

        internal Hell(ulong seed, HashSet<string> seen)
        {
            (_seed, _seen) = (seed, seen);
            _world = new World(seed, DateTimeOffset.UnixEpoch.AddYears(50));
            _random = _world.Stream("test");
            _store = new SimulatedRedisStore(_world);
            _store.Server.Sometimes = name => _seen.Add(name);
        }

        private bool MayLose => (_store.Server.Doubts & StoreDoubts.MayLoseTail) != 0;

        internal void Run()
        {
            for (int life = 0; life < 6; life++)
            {
                _store.Server.Faults = new RedisFaults
                {
                    LoseCommand = _random.Pick(0, 0.001, 0.01),
                    LoseAnswer = _random.Pick(0, 0.001, 0.01),
                    Delay = _random.Pick(0, 0.001, 0.01),
                    Refuse = _random.Pick(0, 0.001, 0.01),
                    KillServer = _random.Pick(0, 0.001, 0.005),
                    CutPower = _random.Pick(0, 0.001, 0.005),
                    FailOver = life >= 4 ? _random.Pick(0, 0.002) : 0,
                };
                Live(_store.Open());
                _store.Crash(_random.Pick(CrashKind.Kill, CrashKind.PowerCut));
            }

            _store.Heal();
            Live(_store.Open());
        }

        private void Live(IJournal journal)
        {
            var until = _world.Elapsed + TimeSpan.FromSeconds(_random.Pick(1, 5, 30));
            var living = LiveAsync(journal);
            while (!living.IsCompleted && _world.Step(until))
            {
            }

            if (living.IsFaulted)
            {
                var error = living.Exception.InnerException;
                bool refused = error is JournalDamagedException;
                Check(error is IOException && (!refused || MayLose), $"{error}");
                _ = refused && _seen.Add("a rollback is refused");
            }
        }

        private async Task LiveAsync(IJournal journal)
        {
            var owner = await journal.AcquireAsync().ConfigureAwait(false);
            var snapshot = await journal.LoadSnapshotAsync().ConfigureAwait(false);
            Check(owner.LastSequence <= _submitted, $"{owner.LastSequence} frames, {_submitted} submitted");
            Check(
                owner.LastSequence >= _acknowledged || MayLose,
                $"{owner.LastSequence} frames, {_acknowledged} acknowledged");
            Check((snapshot?.Sequence ?? 0) >= _snapshot || MayLose, $"snapshot {snapshot?.Sequence} of {_snapshot}");
            _ = snapshot is not null && _seen.Add("a snapshot is found");
            if (_submitted > _acknowledged)
            {
                _seen.Add(owner.LastSequence > _acknowledged
                    ? "an unanswered append is there"
                    : "an unanswered append is not there");
            }

            long next = (snapshot?.Sequence ?? 0) + 1;
            await foreach (var frame in journal.ReadAsync(next).ConfigureAwait(false))
            {
                Check(frame.Sequence == next, $"frame {frame.Sequence} where {next} follows");
                Check(BinaryPrimitives.ReadInt64LittleEndian(frame.Payload.Span) == next, $"another frame {next}");
                next++;
            }

            Check(next == owner.LastSequence + 1, $"read to {next - 1} of {owner.LastSequence}");
            _submitted = _acknowledged = owner.LastSequence;
            _snapshot = snapshot?.Sequence ?? 0;
            await WriteAsync(journal, owner).ConfigureAwait(false);
        }

        private async Task WriteAsync(IJournal journal, JournalOwnership owner)
        {
            uint checksum = owner.LastChecksum;
            var open = new Queue<Task>();
            while (true)
            {
                byte[] frame = new byte[FrameCodec.HeaderSize + _random.Pick(8, 100, 4_000)];
                BinaryPrimitives.WriteInt64LittleEndian(frame.AsSpan(FrameCodec.HeaderSize), ++_submitted);
                checksum = FrameCodec.Seal(frame, _submitted, owner.Epoch, _submitted, 1, checksum);
                open.Enqueue(AppendAsync(journal, owner.Epoch, frame));
                if (open.Count > 6 || _random.Chance(0.5))
                {
                    await open.Dequeue().ConfigureAwait(false);
                }

                if (_random.Chance(0.1))
                {
                    // As an engine with little to do.
                    var pause = TimeSpan.FromMilliseconds(_random.Below(200));
                    await Task.Delay(pause, _world.Clock).ConfigureAwait(false);
                }

                if (_random.Chance(0.02) && _acknowledged > _snapshot)
                {
                    long sequence = _acknowledged;
                    await journal.SaveSnapshotAsync(owner.Epoch, sequence, new byte[_random.Below(2_000)])
                        .ConfigureAwait(false);
                    _snapshot = sequence;
                    await journal.TruncateAsync(owner.Epoch, sequence + 1).ConfigureAwait(false);
                }
            }
        }

        private async Task AppendAsync(IJournal journal, long epoch, byte[] frame)
        {
            long sequence = _submitted;
            var result = await journal.AppendAsync(epoch, sequence - 1, frame).ConfigureAwait(false);
            if (result.Status != AppendStatus.Durable)
            {
                Check(
                    result.Status == AppendStatus.Unknown || (result.Status == AppendStatus.Fenced && MayLose),
                    $"append {sequence}: {result}");
                _seen.Add("an append is unknown");
                throw new IOException(result.Error);
            }

            Check(_acknowledged == sequence - 1, $"{sequence} acknowledged behind {_acknowledged}");
            _acknowledged = sequence;
        }

        private void Check(bool holds, string problem) => Assert.True(holds, $"seed {_seed}: {problem}");
    }
}
