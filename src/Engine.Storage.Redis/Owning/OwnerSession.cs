using Engine.Storage.Redis.Connections;

namespace Engine.Storage.Redis.Owning;

/// <summary>One ownership, from its acquisition to its end: sends appends in order, answers them in order, and finds
/// out what became of those whose answers were lost.</summary>
/// <remarks>
/// <para>One task, <see cref="RunAsync"/>, owns the connection and everything that is under way. Callers only put
/// appends into the <see cref="AppendQueue"/>.</para>
/// <para>Why an answer that was lost is found out exactly: an append is applied only at the one sequence that it was
/// made for, by the one owner whose nonce it carries. After a failure the connection is given up, and on a new one <see
/// cref="JournalScripts.Renew"/> tells where the log ends: every append up to there is stored, none beyond. What is not
/// stored is sent again, the same bytes. Should the lost one still arrive, from a buffer of the old connection, then
/// one of the two is applied and the other answered with DUPLICATE or GAP and nothing written.</para>
/// <para>The renewal is a write, and answered after the sync that covers it and so everything before it: what it shows
/// is durable even if Redis was killed between write and sync and found it again in the system's cache.</para>
/// </remarks>
internal sealed class OwnerSession : IAsyncDisposable
{
    /// <summary>Scripts under way at a time: while Redis syncs one, the next is on its way.</summary>
    private const int MaxScriptsInFlight = 4;

    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LastBackOff = TimeSpan.FromMilliseconds(500);

    private readonly SessionSettings _settings;
    private readonly OwnershipRecord _record;
    private readonly AppendQueue _queue;
    private readonly Signal _signal;
    private readonly Queue<Shipment> _sent = new();
    private readonly ITimer _keepAlive;
    private readonly Task _running;
    private IRedisConnection? _connection;
    private volatile bool _keepAliveDue;
    private volatile bool _releases;
    private long? _doubtSince;
    private TimeSpan _backOff;
    private string _problem = "";

    internal OwnerSession(SessionSettings settings, Acquired acquired)
    {
        (_settings, _record, _connection) = (settings, acquired.Record, acquired.Connection);
        _signal = new Signal(settings.Options.Continuations);
        _queue = new AppendQueue(_record.Epoch, acquired.End, settings.Options.Continuations);
        Lease = new LeaseClock(settings.Time, settings.Options.LeaseDuration, acquired.AskedAt);
        var period = settings.Options.LeaseDuration / 3;
        _keepAlive = settings.Time.CreateTimer(_ => KeepAlive(), null, period, period);
        _running = settings.Options.RunsInline ? RunAsync() : Task.Run(RunAsync);
    }

    internal OwnershipRecord Record => _record;

    /// <inheritdoc cref="AppendQueue.Durable"/>
    internal (long Sequence, uint Checksum) Durable => _queue.Durable;

    /// <inheritdoc cref="AppendQueue.Latch"/>
    internal AppendResult? Latch => _queue.Latch;

    internal LeaseClock Lease { get; }

    /// <inheritdoc cref="AppendQueue.Add"/>
    internal ValueTask<AppendResult> Append(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        var answer = _queue.Add(epoch, expectedSequence, frames);
        _signal.Set();
        return answer;
    }

    public async ValueTask DisposeAsync() => await EndAsync(release: true).ConfigureAwait(false);

    /// <summary>Answers what was taken in, and ends.</summary>
    /// <param name="release">Whether to give the ownership back.</param>
    internal async Task EndAsync(bool release)
    {
        _releases = release;
        Lease.Close();
        _queue.BeginClosing();
        _signal.Set();
        await _running.ConfigureAwait(false);
        await _keepAlive.DisposeAsync().ConfigureAwait(false);
    }

    private async Task RunAsync()
    {
        try
        {
            while (_queue.Latch is null && !(_queue.IsFinished && _sent.Count == 0))
            {
                _signal.Reset();
                if (_connection is null && !await ReconnectAsync().ConfigureAwait(false))
                {
                    break;
                }

                Send();
                if (_sent.TryPeek(out var oldest))
                {
                    await Task.WhenAny(oldest.Answer, _signal.Task).ConfigureAwait(false);
                    while (_connection is not null && _sent.TryPeek(out oldest) && oldest.Answer.IsCompleted)
                    {
                        await SettleAsync(oldest).ConfigureAwait(false);
                    }
                }
                else if (!_queue.IsFinished)
                {
                    await _signal.Task.ConfigureAwait(false);
                }
            }

            if (_releases && _connection is not null)
            {
                await ReleaseAsync(_connection).ConfigureAwait(false);
            }
        }
        catch (Exception error)
        {
            // A bug; whatever it was, nobody may wait for ever, and nothing may be acknowledged.
            _settings.Logger.SessionFailed(_settings.Keys.Meta, error);
            GiveUpConnection();
            End(AppendStatus.Unknown, $"the journal failed: {error.Message}");
        }
        finally
        {
            GiveUpConnection();
            Lease.Close();
            _queue.Close(AppendStatus.Fenced, "the journal is closed");
        }
    }

    private void KeepAlive()
    {
        _keepAliveDue = true;
        _signal.Set();
    }

    private void Send()
    {
        while (_sent.Count < MaxScriptsInFlight && _queue.Take(_settings.Options.MaxBatchBytes) is { Count: > 0 } batch)
        {
            // An append is a sign of life, too.
            _keepAliveDue = false;
            Ship(batch, JournalScripts.Append, ArgumentsOf(batch));
        }

        if (_sent.Count == 0 && _keepAliveDue)
        {
            _keepAliveDue = false;
            Ship([], JournalScripts.Renew, _record.RenewArguments);
        }
    }

    private void Ship(List<PendingAppend> appends, RedisScript script, byte[][] arguments) => _sent.Enqueue(new Shipment(
        appends, Lease.Now, EvaluateAsync(_connection!, script, arguments)));

    private byte[][] ArgumentsOf(List<PendingAppend> batch)
    {
        var end = batch[^1].End;
        return
        [
            .. _record.RenewArguments,
            RedisText.Of(batch[0].Expected),
            RedisText.Of(end.Sequence),
            RedisText.Of(RedisText.Hex(end.Checksum)),
            .. batch.SelectMany(static append => append.Frames).Select(static frame => frame.ToArray()),
        ];
    }

    /// <summary>Evaluates a script that writes, and waits for the replicas if there are to be any.</summary>
    private async Task<byte[]?[]> EvaluateAsync(IRedisConnection connection, RedisScript script, byte[][] arguments)
    {
        var evaluating = connection.EvaluateAsync(script, _settings.Keys.MetaAndLog, arguments);
        if (_settings.Options.Replicas == 0)
        {
            return await evaluating.ConfigureAwait(false);
        }

        // Sent behind the script at once, not after its answer: one round trip for both.
        var replicating = Replication.ProblemAsync(connection, _settings.Options);
        await Task.WhenAll(evaluating, replicating)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var answer = await evaluating.ConfigureAwait(false);
        string status = RedisText.Read(answer[0]);
        return status is not (JournalScripts.Done or JournalScripts.Duplicate)
            || await replicating.ConfigureAwait(false) is not { } tooFew
                ? answer
                : throw new RedisRefusedException(tooFew);
    }

    private async Task SettleAsync(Shipment shipment)
    {
        byte[]?[] answer;
        try
        {
            answer = await shipment.Answer.ConfigureAwait(false);
        }
        catch (JournalException error)
        {
            BeginDoubt(error.Message);
            return;
        }

        string status = RedisText.Read(answer[0]);
        if (status == JournalScripts.Fenced)
        {
            // Nothing was written by this one, nor by those behind it.
            TakeBack(inDoubt: false);
            End(answer);
            return;
        }

        bool isKeepAlive = shipment.Appends.Count == 0;
        if (status is not (JournalScripts.Done or JournalScripts.Duplicate)
            || (isKeepAlive && ReadEnd(answer) != _queue.Durable))
        {
            // Behind one that failed, a gap is what must come. Alone it is not; reading tells.
            BeginDoubt($"it answered {string.Join(' ', answer.Take(4).Select(RedisText.Read))}");
            return;
        }

        _sent.Dequeue();
        _backOff = default;
        Lease.Renewed(shipment.SentAt);
        if (isKeepAlive)
        {
            _settings.Mark.Raise(_record.Id, _record.Epoch, _queue.Durable);
        }
        else
        {
            _doubtSince = null;
            _queue.Acknowledge(shipment.Appends);
        }
    }

    private void BeginDoubt(string problem)
    {
        _problem = problem;
        _doubtSince ??= _settings.Time.GetTimestamp();
        _settings.Logger.AppendsInDoubt(_settings.Keys.Meta, _sent.Sum(static sent => sent.Appends.Count), problem);
        GiveUpConnection();
    }

    private void GiveUpConnection()
    {
        _connection?.Dispose();
        _connection = null;
        TakeBack(inDoubt: true);
    }

    /// <summary>What is under way waits again; nobody looks at its answers any more.</summary>
    private void TakeBack(bool inDoubt)
    {
        foreach (var shipment in _sent)
        {
            shipment.Ignore();
        }

        _queue.PutBack(_sent.SelectMany(static sent => sent.Appends), inDoubt);
        _sent.Clear();
    }

    /// <summary>Connects, and finds out how far the log goes. Returns false when the session is over.</summary>
    /// <remarks>At once the first time, then with longer and longer pauses until an append gets through: a server that
    /// takes connections and refuses appends is not to be hurried either.</remarks>
    private async Task<bool> ReconnectAsync()
    {
        while (true)
        {
            await PauseAsync().ConfigureAwait(false);
            _signal.Reset();
            if (_queue.IsFinished)
            {
                return false;
            }

            // While nobody waits for an answer, Redis may stay away as long as it likes.
            _doubtSince = _queue.HasWaiting ? _doubtSince ?? _settings.Time.GetTimestamp() : null;
            if (_doubtSince is { } since && _settings.Time.GetElapsedTime(since) > _settings.Options.OutageTimeout)
            {
                End(AppendStatus.Unknown, $"after {_settings.Options.OutageTimeout} of trying: {_problem}");
                return false;
            }

            try
            {
                var connection = await _settings.ConnectAsync().ConfigureAwait(false);
                if (await ResolveAsync(connection).ConfigureAwait(false))
                {
                    _connection = connection;
                    _settings.Logger.Reconnected(_settings.Keys.Meta, _queue.Durable.Sequence);
                    return true;
                }

                connection.Dispose();
                return false;
            }
            catch (JournalException error)
            {
                _problem = error.Message;
            }
        }
    }

    private async Task PauseAsync()
    {
        var length = _backOff;
        _backOff = length * 2 < FirstBackOff ? FirstBackOff : length * 2 < LastBackOff ? length * 2 : LastBackOff;
        if (length > TimeSpan.Zero)
        {
            // Whoever comes while nobody waited need not wait for this.
            _signal.Reset();
            bool hasWaiting = _queue.HasWaiting;
            var pause = Task.Delay(length, _settings.Time);
            await (hasWaiting ? pause : Task.WhenAny(pause, _signal.Task)).ConfigureAwait(false);
        }
    }

    /// <summary>Answers what is found to be stored. Returns false when the session is over.</summary>
    /// <exception cref="JournalException">Redis failed again.</exception>
    private async Task<bool> ResolveAsync(IRedisConnection connection)
    {
        long askedAt = Lease.Now;
        byte[]?[] answer;
        try
        {
            answer = await EvaluateAsync(connection, JournalScripts.Renew, _record.RenewArguments).ConfigureAwait(false);
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        if (RedisText.Read(answer[0]) == JournalScripts.Fenced)
        {
            End(answer);
            return false;
        }

        string id = RedisText.Read(answer.ElementAtOrDefault(1));
        if (id != _record.Id || ReadEnd(answer) is not { } end)
        {
            End(AppendStatus.Unknown, $"{_settings.Keys.Meta} is another journal now ('{id}', not '{_record.Id}')");
            return false;
        }

        var before = _queue.Durable;
        if (!_queue.TryReach(end))
        {
            // Older data under the same name, or somebody else's. To go on would make two histories of one.
            End(
                AppendStatus.Unknown,
                $"the log in {_settings.Keys.Log} ends with frame {end.Sequence} ({end.Checksum:x8}); frames up to " +
                $"{before.Sequence} ({before.Checksum:x8}) were acknowledged");
            return false;
        }

        (_doubtSince, _backOff) = end == before ? (_doubtSince, _backOff) : (null, default);
        Lease.Renewed(askedAt);
        _settings.Mark.Raise(_record.Id, _record.Epoch, end);
        return true;
    }

    private static (long Sequence, uint Checksum)? ReadEnd(byte[]?[] answer) =>
        answer.Length == 4 && RedisText.TryRead(answer[2], out long sequence)
        && RedisText.TryReadHex(RedisText.Read(answer[3]), out uint checksum)
            ? (sequence, checksum)
            : null;

    private async Task ReleaseAsync(IRedisConnection connection)
    {
        try
        {
            await connection.EvaluateAsync(JournalScripts.Release, _settings.Keys.MetaOnly, _record.Arguments)
                .ConfigureAwait(false);
        }
        catch (JournalException error)
        {
            // The next owner waits until the lease is over, nothing worse.
            _settings.Logger.NotReleased(_settings.Keys.Meta, error.Message);
        }
    }

    /// <summary>The journal answered that it is not this owner's.</summary>
    private void End(byte[]?[] answer)
    {
        string epoch = RedisText.Read(answer.ElementAtOrDefault(1));
        string owner = RedisText.Read(answer.ElementAtOrDefault(2));
        string by = owner.Length > 0 ? $" ({owner})" : "";
        if (epoch.Length == 0)
        {
            End(AppendStatus.Unknown, $"{_settings.Keys.Meta} is gone");
        }
        else
        {
            End(AppendStatus.Fenced, $"epoch {_record.Epoch} is over, the owner's{by} is {epoch}");
        }
    }

    private void End(AppendStatus status, string error)
    {
        _settings.Logger.SessionEnded(_settings.Keys.Meta, status, error);
        Lease.End(_queue.Close(status, error));
    }

    /// <summary>One script under way; without appends, a keep-alive.</summary>
    private sealed record Shipment(List<PendingAppend> Appends, long SentAt, Task<byte[]?[]> Answer)
    {
        /// <summary>Nobody looks at the answer any more.</summary>
        internal void Ignore() => Answer.ContinueWith(
            static late => late.Exception,
            CancellationToken.None,
            TaskContinuationOptions.OnlyOnFaulted,
            TaskScheduler.Default);
    }
}
