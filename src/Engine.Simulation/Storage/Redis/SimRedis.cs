using System.Globalization;
using Engine.Simulation.Storage.Disk;

namespace Engine.Simulation.Storage.Redis;

/// <summary>A Redis server in virtual time, with what its journal's scripts do, its append-only file, a replica that
/// lags, and its ways to fail.</summary>
/// <remarks>One command at a time, as Redis. With <see cref="RedisSync.Always"/> a write is durable before it is
/// answered.
/// A server that is killed finds what it wrote in the system's cache; power takes what was not synced, from some
/// command
/// on; a fail-over takes what the replica lacks.</remarks>
internal sealed class SimRedis
{
    private static readonly TimeSpan ReplicaLag = TimeSpan.FromMilliseconds(20);

    private readonly Timeline _timeline;
    private readonly RandomStream? _random;
    private readonly RedisSync _sync;
    private readonly long _clockStart;
    private readonly Queue<Write> _log = new();
    private readonly Queue<Write> _toReplica = new();
    private RedisData _durable = new();
    private RedisData _replica = new();
    private long _busyUntil;
    private long _guids;
    private long _upFrom;

    /// <param name="timeline">The world's; without a world nothing takes time, and nothing fails.</param>
    /// <param name="clockStart">The server's clock when the world began, in ms since 1970.</param>
    /// <param name="random">Dice for latencies and faults; null for none.</param>
    /// <param name="sync">When writes become durable.</param>
    internal SimRedis(Timeline timeline, long clockStart, RandomStream? random, RedisSync sync = RedisSync.Always) =>
        (_timeline, _clockStart, _random, _sync) = (timeline, clockStart, random, sync);

    internal RedisFaults Faults { get; set; } = RedisFaults.None;

    /// <summary>What the faults so far excuse.</summary>
    internal StoreDoubts Doubts { get; private set; }

    internal Action<string>? Sometimes { get; set; }

    /// <summary>Called once, when the next frames have been appended.</summary>
    internal Action? NextAppend { get; set; }

    /// <summary>What a client sees.</summary>
    internal RedisData Data { get; private set; } = new();

    /// <summary>Where a journal ended on the replica that took over last, and its epoch there.</summary>
    internal (long Sequence, long Epoch) Survived(string meta) =>
        (Number(_replica, meta, "sequence"), Number(_replica, meta, "epoch"));

    /// <summary>Connections of an earlier life are broken.</summary>
    internal int Life { get; private set; }

    internal RedisSync Sync => _sync;

    /// <summary>The server's clock in ms; it may be set.</summary>
    internal long ClockMs => _clockStart + ClockStepMs + (_timeline.WorldNow / TimeSpan.TicksPerMillisecond);

    /// <summary>How far the server's clock was set forward, in ms.</summary>
    internal long ClockStepMs { get; set; }

    internal bool IsUp => _timeline.WorldNow >= _upFrom;

    internal Timeline Timeline => _timeline;

    internal RandomStream? Random => _random;

    /// <summary>A number that nobody else on this server gets.</summary>
    internal Guid NewGuid() => new((int)++_guids, 0, 0, [0, 0, 0, 0, 0, 0, 0, 2]);

    /// <summary>Carries a script out; when its answer leaves.</summary>
    internal (string[] Answer, long At) Run(string script, string[] keys, string[] arguments)
    {
        long start = Math.Max(_timeline.WorldNow, _busyUntil);
        long now = ClockMs;
        _busyUntil = start + Latency(20);
        if (ScriptModel.IsRead(script))
        {
            return (ScriptModel.Run(Data, script, keys, arguments, now), _busyUntil);
        }

        string[] answer = ScriptModel.Run(Data, script, keys, arguments, now);
        Settle();
        long written = _busyUntil;
        long durable = _sync switch
        {
            RedisSync.Always => _busyUntil += Latency(150),
            RedisSync.EverySecond => ((written / TimeSpan.TicksPerSecond) + 1) * TimeSpan.TicksPerSecond,
            _ => written + (30 * TimeSpan.TicksPerSecond),
        };
        var write = new Write(script, keys, arguments, now, written, durable);
        _log.Enqueue(write);
        _toReplica.Enqueue(write);
        if (script == "append" && NextAppend is { } next)
        {
            NextAppend = null;
            next();
        }

        return (answer, _busyUntil);
    }

    /// <summary>The server's process dies; what it had written to its file is there when it starts again.</summary>
    internal void Kill()
    {
        Settle();
        Restart(write => write.Written <= _timeline.WorldNow);
    }

    /// <summary>The server's machine loses power: of what was not synced, the writes up to some one are kept.</summary>
    internal void CutPower()
    {
        Settle();
        int keep = _random is null ? 0 : _random.Below(_log.Count + 1);
        if (keep < _log.Count)
        {
            Sometimes?.Invoke("redis: power took unsynced writes");
        }

        if (_sync != RedisSync.Always && keep < _log.Count)
        {
            Doubts |= StoreDoubts.MayLoseTail | StoreDoubts.MayRefuse;
        }

        Restart(write => write.Written <= _timeline.WorldNow && keep-- > 0);
    }

    /// <summary>The replica takes over as it is.</summary>
    internal void FailOver()
    {
        Replicate();
        if (_toReplica.Count > 0)
        {
            Sometimes?.Invoke("redis: a fail-over lost writes");
            Doubts |= StoreDoubts.MayLoseTail | StoreDoubts.MayRefuse;
        }

        _log.Clear();
        _durable = _replica.Copy();
        Restart(_ => false);
    }

    /// <summary>Ticks for something that takes some microseconds as a rule; now and then ten times as long, seldom a
    /// thousand times.</summary>
    internal long Latency(int microseconds)
    {
        if (_random is null)
        {
            return 0;
        }

        long ticks = _random.Between(microseconds * 5L, microseconds * 15L);
        return _random.Below(4096) switch
        {
            0 => ticks * 1000,
            < 40 => ticks * 10,
            _ => ticks,
        };
    }

    private static long Number(RedisData data, string meta, string field) =>
        long.TryParse(data.Get(meta, field), CultureInfo.InvariantCulture, out long number) ? number : 0;

    private static void Apply(RedisData data, Write write)
    {
        try
        {
            ScriptModel.Run(data, write.Script, write.Keys, write.Arguments, write.ClockMs);
        }
        catch (RedisErrorException)
        {
            // It failed the first time, too, at the same place.
        }
    }

    private void Settle()
    {
        while (_log.TryPeek(out var next) && next.Durable <= _timeline.WorldNow)
        {
            Apply(_durable, _log.Dequeue());
        }

        Replicate();
    }

    private void Replicate()
    {
        while (_toReplica.TryPeek(out var next) && next.Written + ReplicaLag.Ticks <= _timeline.WorldNow)
        {
            Apply(_replica, _toReplica.Dequeue());
        }
    }

    private void Restart(Func<Write, bool> keeps)
    {
        while (_log.TryDequeue(out var write) && keeps(write))
        {
            Apply(_durable, write);
        }

        _log.Clear();
        _toReplica.Clear();
        Data = _durable.Copy();
        _replica = _durable.Copy();
        Life++;
        _busyUntil = 0;
        _upFrom = _timeline.WorldNow + (_random?.Between(TimeSpan.TicksPerSecond / 20, TimeSpan.TicksPerSecond) ?? 0);
    }

    /// <summary>A script that was carried out.</summary>
    /// <param name="Script">Its name.</param>
    /// <param name="Keys">Its keys.</param>
    /// <param name="Arguments">Its arguments.</param>
    /// <param name="ClockMs">The server's clock then.</param>
    /// <param name="Written">When it was in the file, as the system's cache has it.</param>
    /// <param name="Durable">When it was synced.</param>
    private sealed record Write(
        string Script, string[] Keys, string[] Arguments, long ClockMs, long Written, long Durable);
}
