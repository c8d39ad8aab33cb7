using Engine.Storage.Redis;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;
using Engine.Tests.Redis;

namespace Engine.Tests.Crash.Rigs;

/// <summary>A Redis for one journal, and the bad network between it and the children. Tests look past the
/// network.</summary>
internal sealed class RedisPlace : IAsyncDisposable
{
    private static readonly Fault[] Faults =
    [
        Fault.CutAfterSend, Fault.CutAfterSend, Fault.CutAfterSend, Fault.CutBeforeSend, Fault.CutBeforeSend,
        Fault.CutInside, Fault.Delay, Fault.Delay,
    ];

    private readonly Lock _gate = new();
    private readonly RedisServer _server;
    private readonly FaultProxy _proxy;
    private readonly Tally _tally;
    private Dice _dice;
    private TaskCompletionSource? _unheard;

    private RedisPlace(RedisServer server, ulong seed, Tally tally)
    {
        (_server, _dice, _tally) = (server, Dice.For(seed, 11), tally);
        _proxy = new FaultProxy(server.Port) { Decide = Decide };
    }

    /// <summary>The address that the children are given.</summary>
    internal string ChildAddress => _proxy.Address;

    internal static async Task<RedisPlace> StartAsync(ulong seed, Tally tally) =>
        new(await RedisServer.StartAsync(), seed, tally);

    internal RedisJournal Open() => ChildRedis.Open(_server.Address);

    /// <summary>kill -9.</summary>
    internal void Kill() => _server.Kill();

    /// <summary>Starts it again; returns when it answers.</summary>
    internal Task StartAgainAsync() => _server.StartAsync();

    /// <summary>The last frame that the journal has let go of.</summary>
    internal async Task<(long Sequence, uint Checksum)> BeginAsync()
    {
        var connector = new StackExchangeConnector(_server.Address, ChildRedis.CommandTimeout, TimeProvider.System);
        using var connection = await connector.ConnectAsync();
        var keys = new JournalKeys(new RedisJournalOptions().Namespace);
        return await StoredJournal.ReadAsync(connection, keys) is { } stored
            ? (stored.First - 1, stored.BaseChecksum)
            : default;
    }

    /// <summary>Redis gets everything from here on, and none of its answers gets through. Returns when there is one to
    /// lose.</summary>
    internal Task LoseAnswersAsync()
    {
        lock (_gate)
        {
            _unheard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _unheard.Task;
        }
    }

    /// <summary>Ends that.</summary>
    internal void HearAgain()
    {
        lock (_gate)
        {
            _unheard = null;
        }
    }

    /// <summary>Copies what Redis has on disk, to be looked at. It is not needed any more.</summary>
    internal void KeepData(string target)
    {
        Kill();
        foreach (string path in Directory.EnumerateFiles(_server.DataDirectory, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(target, Path.GetRelativePath(_server.DataDirectory, path));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(path, copy);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _proxy.DisposeAsync();
        await _server.DisposeAsync();
    }

    /// <summary>One piece of twenty is struck, and now and then a connection says nothing any more.</summary>
    private Fault Decide()
    {
        Fault fault;
        lock (_gate)
        {
            if (_unheard is not null)
            {
                _unheard.TrySetResult();
                return Fault.Unheard;
            }

            if (!_dice.Chance(5))
            {
                return Fault.None;
            }

            fault = _dice.Chance(3) ? Fault.HalfOpen : Faults[_dice.Below(Faults.Length)];
        }

        _tally.Add($"network: {fault}");
        return fault;
    }
}
