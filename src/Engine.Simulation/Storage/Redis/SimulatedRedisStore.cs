using Engine.Simulation.Storage.Disk;
using Engine.Simulation.Storage.Faster;
using Engine.Storage;
using Engine.Storage.Redis;

namespace Engine.Simulation.Storage.Redis;

/// <summary>The journal in Redis with a simulated server: its own code, from the frames down to the client.</summary>
/// <remarks>A process that finds the journal owned, by one that was killed, waits for the end of the lease, as a
/// standby
/// does.</remarks>
internal sealed class SimulatedRedisStore : ISimStorage
{
    private readonly DirectoryLocks _locks = new();
    private readonly TimeProvider _time;
    private SimulatedProcess? _process;

    /// <summary>A new, empty server in a world.</summary>
    /// <param name="world">Whose time commands take, and whose dice fall: the stream "redis".</param>
    /// <param name="sync">When the server makes writes durable; anything but always is refused unless the journal is
    /// configured for it.</param>
    internal SimulatedRedisStore(World world, RedisSync sync = RedisSync.Always)
        : this(
            new SimRedis(
                new Timeline(world), world.Clock.GetUtcNow().ToUnixTimeMilliseconds(), world.Stream("redis"), sync),
            world.Clock)
    {
    }

    /// <summary>A server that may have been used before.</summary>
    internal SimulatedRedisStore(SimRedis server, TimeProvider time) => (Server, _time) = (server, time);

    internal SimRedis Server { get; }

    /// <summary>Changes how the next journal is set up.</summary>
    internal Action<RedisJournalOptions>? Configure { get; set; }

    /// <inheritdoc/>
    public IJournal Open()
    {
        _process?.Die();
        var process = _process = new SimulatedProcess(Server.Timeline, _locks);
        var options = new RedisJournalOptions
        {
            Connection = "simulated:6379",
            RunsInline = true,
            Durability = Server.Sync == RedisSync.Always ? Durability.Synced : Durability.Logged,
        };
        Configure?.Invoke(options);
        var time = new ProcessTime(_time, process);
        var connector = new SimRedisConnector(Server, process, options.CommandTimeout);
        var journal = new RedisJournal(options, connector, time, null);
        return new SimulatedJournal(new PatientJournal(journal, time), process);
    }

    /// <inheritdoc/>
    public void Crash(CrashKind kind)
    {
        _process?.Die();
        if (kind == CrashKind.PowerCut)
        {
            Server.CutPower();
        }
    }

    /// <inheritdoc/>
    public void Heal() => Server.Faults = RedisFaults.None;

    /// <summary>The world's clocks as a process has them: its timers die with it.</summary>
    private sealed class ProcessTime(TimeProvider time, SimulatedProcess process) : TimeProvider
    {
        public override long TimestampFrequency => time.TimestampFrequency;

        public override long GetTimestamp() => time.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            time.CreateTimer(
                value =>
                {
                    if (process.IsAlive)
                    {
                        callback(value);
                    }
                },
                state,
                dueTime,
                period);
    }

    /// <summary>Waits for the ownership as long as it takes.</summary>
    private sealed class PatientJournal(IJournal journal, TimeProvider time) : IJournal
    {
        private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

        public Durability Durability => journal.Durability;

        public async ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                try
                {
                    return await journal.AcquireAsync(cancellationToken).ConfigureAwait(false);
                }
                catch (JournalLockedException)
                {
                    await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(false);
                }
            }
        }

        public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames) =>
            journal.AppendAsync(epoch, expectedSequence, frames);

        public IAsyncEnumerable<JournalFrame> ReadAsync(
            long fromSequence, CancellationToken cancellationToken = default) =>
            journal.ReadAsync(fromSequence, cancellationToken);

        public ValueTask SaveSnapshotAsync(
            long epoch, long sequence, ReadOnlyMemory<byte> state, CancellationToken cancellationToken = default) =>
            journal.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);

        public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default) =>
            journal.LoadSnapshotAsync(cancellationToken);

        public ValueTask TruncateAsync(
            long epoch, long belowSequence, CancellationToken cancellationToken = default) =>
            journal.TruncateAsync(epoch, belowSequence, cancellationToken);

        public ValueTask DisposeAsync() => journal.DisposeAsync();
    }
}
