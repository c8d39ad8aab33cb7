using System.Buffers;
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
    private const string Meta = "{engine}:meta";

    private readonly DirectoryLocks _locks = new();
    private readonly TimeProvider _time;
    private bool _isHealed;
    private long _survived = long.MaxValue;
    private readonly List<(IJournal Journal, SimulatedProcess Process)> _processes = [];

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

    /// <summary>Called when a process finds the journal owned.</summary>
    internal Action? FoundOwned { get; set; }

    /// <inheritdoc/>
    public IJournal Open()
    {
        var process = new SimulatedProcess(Server.Timeline, _locks);
        var options = new RedisJournalOptions
        {
            Connection = "simulated:6379",
            RunsInline = true,
            NewGuid = Server.NewGuid,
            Durability = Server.Sync == RedisSync.Always ? Durability.Synced : Durability.Logged,
        };
        Configure?.Invoke(options);
        var time = new ProcessTime(_time, process);
        var connector = new SimRedisConnector(Server, process, options.CommandTimeout);
        var journal = new RedisJournal(options, connector, time, null);
        var opened = new SimulatedJournal(new PatientJournal(journal, time, () => FoundOwned?.Invoke()), process);
        _processes.Add((opened, process));
        return opened;
    }

    /// <inheritdoc/>
    public void Crash(CrashKind kind)
    {
        _processes.ForEach(static opened => opened.Process.Die());
        _processes.Clear();
        if (kind == CrashKind.PowerCut)
        {
            Server.CutPower();
        }
    }

    /// <inheritdoc/>
    public void Pause(IJournal journal) => Of(journal)?.Pause();

    /// <inheritdoc/>
    public void Resume(IJournal journal) => Of(journal)?.Resume();

    /// <inheritdoc/>
    public void Kill(IJournal journal)
    {
        Of(journal)?.Die();
        _processes.RemoveAll(opened => ReferenceEquals(opened.Journal, journal));
    }

    /// <inheritdoc/>
    public StoreDoubts Doubts => Server.Doubts;

    /// <inheritdoc/>
    /// <remarks>What a replica lacked when it took over, and not a frame more.</remarks>
    public long KeepsAtLeast(long acknowledged, long proven) => Math.Min(acknowledged, _survived);

    /// <inheritdoc/>
    public void Heal()
    {
        _isHealed = true;
        Server.Faults = RedisFaults.None;
    }

    /// <summary>From now on the server is now and then away, or refuses everything, for longer than one command may
    /// take, sometimes longer than the journal waits.</summary>
    internal void Trouble(World world, TimeSpan mean)
    {
        var dice = world.Stream("redis.trouble");
        Plan();

        void Plan() => world.In(dice.Between(TimeSpan.FromTicks(1), mean * 2), () =>
        {
            if (_isHealed)
            {
                return;
            }

            var usual = Server.Faults;
            Server.Faults = usual with { Refuse = 1 };
            world.In(dice.Between(TimeSpan.FromMilliseconds(50), dice.Pick(1, 10, 25) * TimeSpan.FromSeconds(1)), () =>
            {
                if (!_isHealed)
                {
                    Server.Faults = usual;
                    Plan();
                }
            });
        });
    }

    /// <summary>The server is lost, and a replica that lags takes over. Returns what it lacks of what was acknowledged:
    /// frames, and the newest ownership.</summary>
    /// <param name="acknowledged">The last frame that was acknowledged.</param>
    /// <param name="epoch">The newest epoch that an owner was told.</param>
    internal (bool Frames, bool Ownership) FailOver(long acknowledged, long epoch)
    {
        Server.FailOver();
        var survived = Server.Survived(Meta);
        bool losesFrames = survived.Sequence < acknowledged;
        _survived = losesFrames ? survived.Sequence : _survived;
        return (losesFrames, survived.Epoch < epoch);
    }

    private SimulatedProcess? Of(IJournal journal) =>
        _processes.Find(opened => ReferenceEquals(opened.Journal, journal)).Process;

    /// <summary>The world's clocks as a process has them: its timers die with it.</summary>
    private sealed class ProcessTime(TimeProvider time, SimulatedProcess process) : TimeProvider
    {
        public override long TimestampFrequency => time.TimestampFrequency;

        public override long GetTimestamp() => time.GetTimestamp();

        public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            ITimer? timer = null;
            timer = time.CreateTimer(
                value =>
                {
                    if (process.IsAlive)
                    {
                        process.Do(() => callback(value));
                    }
                    else
                    {
                        // Or the world would go on ringing for the dead.
                        timer!.Dispose();
                    }
                },
                state,
                dueTime,
                period);
            return timer;
        }
    }

    /// <summary>Waits for the ownership as long as it takes.</summary>
    private sealed class PatientJournal(IJournal journal, TimeProvider time, Action foundOwned) : IJournal
    {
        private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

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
                    foundOwned();
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
            long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default) =>
            journal.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);

        public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default) =>
            journal.LoadSnapshotAsync(cancellationToken);

        public ValueTask TruncateAsync(
            long epoch, long belowSequence, CancellationToken cancellationToken = default) =>
            journal.TruncateAsync(epoch, belowSequence, cancellationToken);

        public ValueTask DisposeAsync() => journal.DisposeAsync();
    }
}
