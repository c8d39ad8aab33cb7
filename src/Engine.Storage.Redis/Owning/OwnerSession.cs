using Engine.Storage.Redis.Connections;

namespace Engine.Storage.Redis.Owning;

/// <summary>One ownership, from its acquisition to its end: takes appends in, sends them in order, answers them in order,
/// and finds out what became of those whose answers were lost.</summary>
/// <remarks>
/// <para>One task, <see cref="RunAsync"/>, owns the connection and everything that is under way. Callers only put appends
/// into <see cref="_waiting"/>.</para>
/// <para>Why an answer that was lost is found out exactly: an append is applied only at the one sequence that it was made
/// for, by the one owner whose nonce it carries. After a failure the connection is given up, and on a new one
/// <see cref="JournalScripts.Renew"/> tells where the log ends: every append up to there is stored, none beyond. What is
/// not stored is sent again, the same bytes. Should the lost one still arrive, from a buffer of the old connection, then
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
    private readonly Lock _gate = new();
    private readonly Signal _signal = new();
    private readonly Queue<Shipment> _sent = new();
    private readonly ITimer _keepAlive;
    private readonly Task _running;
    private Queue<PendingAppend> _waiting = new();
    private (long Sequence, uint Checksum) _taken;
    private (long Sequence, uint Checksum) _durable;
    private AppendResult? _latch;
    private IRedisConnection? _connection;
    private bool _keepAliveDue;
    private bool _isClosing;
    private bool _releases;
    private long? _doubtSince;
    private string _problem = "";

    internal OwnerSession(
        SessionSettings settings,
        OwnershipRecord record,
        (long Sequence, uint Checksum) end,
        IRedisConnection connection,
        long askedAt)
    {
        (_settings, _record, _taken, _durable, _connection) = (settings, record, end, end, connection);
        Lease = new LeaseClock(settings.Time, settings.Options.LeaseDuration, askedAt);
        var period = settings.Options.LeaseDuration / 3;
        _keepAlive = settings.Time.CreateTimer(_ => KeepAlive(), null, period, period);
        _running = Task.Run(RunAsync);
    }

    internal OwnershipRecord Record => _record;

    internal LeaseClock Lease { get; }

    /// <summary>The last frame that is durable.</summary>
    internal (long Sequence, uint Checksum) Durable
    {
        get
        {
            lock (_gate)
            {
                return _durable;
            }
        }
    }

    /// <summary>Why nothing is appended any more, if so.</summary>
    internal AppendResult? Latch
    {
        get
        {
            lock (_gate)
            {
                return _latch;
            }
        }
    }

    /// <exception cref="ArgumentException">The bytes are not whole frames that continue the log.</exception>
    internal ValueTask<AppendResult> Append(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        PendingAppend append;
        lock (_gate)
        {
            if (epoch != _record.Epoch)
            {
                return new(new AppendResult(
                    AppendStatus.Fenced, $"epoch {epoch} is over, the owner's is {_record.Epoch}"));
            }

            if (_latch is { } latch)
            {
                return new(latch);
            }

            if (_isClosing)
            {
                return new(new AppendResult(AppendStatus.Fenced, "the journal is closed"));
            }

            if (expectedSequence != _taken.Sequence)
            {
                return new(new AppendResult(
                    AppendStatus.Gap, $"the log ends at {_taken.Sequence}, not at {expectedSequence}"));
            }

            var parts = FrameChain.Check(frames, epoch, _taken.Sequence, _taken.Checksum, out var end);
            append = new PendingAppend(expectedSequence, parts, end);
            _taken = end;
            _waiting.Enqueue(append);
        }

        _signal.Set();
        return new(append.Answer);
    }

    public async ValueTask DisposeAsync() => await EndAsync(release: true).ConfigureAwait(false);

    /// <summary>Answers what was taken in, and ends.</summary>
    /// <param name="release">Whether to give the ownership back.</param>
    internal async Task EndAsync(bool release)
    {
        lock (_gate)
        {
            _isClosing = true;
            _releases = release;
        }

        Lease.Close();
        _signal.Set();
        await _running.ConfigureAwait(false);
        await _keepAlive.DisposeAsync().ConfigureAwait(false);
    }

    private async Task RunAsync()
    {
        try
        {
            while (Latch is null)
            {
                _signal.Reset();
                if (_connection is null)
                {
                    if (!await ReconnectAsync().ConfigureAwait(false))
                    {
                        break;
                    }
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
                else if (IsClosing)
                {
                    await ReleaseAsync().ConfigureAwait(false);
                    break;
                }
                else
                {
                    await _signal.Task.ConfigureAwait(false);
                }
            }
        }
        catch (Exception error)
        {
            // A bug; whatever it was, nobody may wait for ever, and nothing may be acknowledged.
            _settings.Logger.SessionFailed(_settings.Keys.Meta, error);
            Fail(AppendStatus.Unknown, $"the journal failed: {error.Message}");
        }
        finally
        {
            GiveUpConnection();
            lock (_gate)
            {
                _latch ??= new AppendResult(AppendStatus.Fenced, "the journal is closed");
            }
        }
    }

    private bool IsClosing
    {
        get
        {
            lock (_gate)
            {
                return _isClosing;
            }
        }
    }

    private void KeepAlive()
    {
        Volatile.Write(ref _keepAliveDue, true);
        _signal.Set();
    }

    private void Send()
    {
        while (_sent.Count < MaxScriptsInFlight && TakeBatch() is { Count: > 0 } batch)
        {
            // An append is a sign of life, too.
            Volatile.Write(ref _keepAliveDue, false);
            long now = Lease.Now;
            _sent.Enqueue(new Shipment(
                batch, SendAsync(_connection!, JournalScripts.Append, ArgumentsOf(batch)), now));
        }

        if (_sent.Count == 0 && Volatile.Read(ref _keepAliveDue))
        {
            Volatile.Write(ref _keepAliveDue, false);
            long now = Lease.Now;
            _sent.Enqueue(new Shipment(
                [], SendAsync(_connection!, JournalScripts.Renew, _record.RenewArguments), now));
        }
    }

    private List<PendingAppend> TakeBatch()
    {
        var batch = new List<PendingAppend>();
        long bytes = 0;
        lock (_gate)
        {
            while (_waiting.TryPeek(out var next)
                && (batch.Count == 0 || bytes + next.Bytes <= _settings.Options.MaxBatchBytes))
            {
                batch.Add(_waiting.Dequeue());
                bytes += next.Bytes;
            }
        }

        return batch;
    }

    private byte[][] ArgumentsOf(List<PendingAppend> batch)
    {
        var end = batch[^1].End;
        byte[][] head =
        [
            .. _record.RenewArguments,
            RedisText.Of(batch[0].Expected),
            RedisText.Of(end.Sequence),
            RedisText.Of(RedisText.Hex(end.Checksum)),
        ];
        return [.. head, .. batch.SelectMany(static append => append.Frames).Select(static frame => frame.ToArray())];
    }

    private async Task<byte[]?[]> SendAsync(IRedisConnection connection, RedisScript script, byte[][] arguments)
    {
        var answering = connection.EvaluateAsync(script, _settings.Keys.MetaAndLog, arguments);
        if (_settings.Options.Replicas == 0)
        {
            return await answering.ConfigureAwait(false);
        }

        var waiting = WaitForReplicasAsync(connection);
        byte[]?[] answer;
        try
        {
            answer = await answering.ConfigureAwait(false);
        }
        finally
        {
            await ((Task)waiting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return RedisText.Read(answer[0]) is not (JournalScripts.Done or JournalScripts.Duplicate)
            || await waiting.ConfigureAwait(false) is not { } tooFew
                ? answer
                : throw new RedisRefusedException(tooFew);
    }

    /// <summary>Why not enough replicas have what this connection wrote; null when they have.</summary>
    private Task<string?> WaitForReplicasAsync(IRedisConnection connection) =>
        Replication.ProblemAsync(connection, _settings.Options);

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

        switch (RedisText.Read(answer[0]))
        {
            case JournalScripts.Done when shipment.Appends.Count == 0:
                _sent.Dequeue();
                if (ReadEnd(answer) is { } end && end == _durable)
                {
                    Lease.Renewed(shipment.SentAt);
                    _settings.Seen(_record.Id, _record.Epoch, _durable);
                }
                else
                {
                    BeginDoubt("the log does not end where it did");
                }

                break;
            case JournalScripts.Done or JournalScripts.Duplicate:
                _sent.Dequeue();
                Lease.Renewed(shipment.SentAt);
                foreach (var append in shipment.Appends)
                {
                    Acknowledge(append);
                }

                break;
            case JournalScripts.Fenced:
                Fence(answer);
                break;
            case var other:

                // Behind one that failed, a gap is what must come. Alone it is not; reading tells.
                BeginDoubt($"it answered {other} {RedisText.Read(answer.ElementAtOrDefault(1))}");
                break;
        }
    }

    private void Acknowledge(PendingAppend append)
    {
        lock (_gate)
        {
            _durable = append.End;
        }

        _doubtSince = null;
        append.Complete(AppendResult.Durable);
    }

    private void BeginDoubt(string problem)
    {
        _problem = problem;
        _doubtSince ??= _settings.Time.GetTimestamp();
        _settings.Logger.AppendsInDoubt(_settings.Keys.Meta, _sent.Sum(static sent => sent.Appends.Count), problem);
        GiveUpConnection();
    }

    /// <summary>What was sent waits again, in front.</summary>
    private void GiveUpConnection()
    {
        _connection?.Dispose();
        _connection = null;
        if (_sent.Count == 0)
        {
            return;
        }

        foreach (var shipment in _sent)
        {
            // Nobody looks at these answers any more.
            _ = shipment.Answer.ContinueWith(
                static late => late.Exception, CancellationToken.None,
                TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            foreach (var append in shipment.Appends)
            {
                append.IsInDoubt = true;
            }
        }

        lock (_gate)
        {
            _waiting = new(_sent.SelectMany(static sent => sent.Appends).Concat(_waiting));
        }

        _sent.Clear();
    }

    /// <summary>Connects, and finds out how far the log goes. Returns false when the session is over.</summary>
    private async Task<bool> ReconnectAsync()
    {
        var backOff = FirstBackOff;
        while (true)
        {
            _signal.Reset();
            bool hasWaiting = HasWaiting;
            if (!hasWaiting)
            {
                if (IsClosing)
                {
                    return false;
                }

                // Nobody waits for an answer: Redis may stay away as long as it likes.
                _doubtSince = null;
            }
            else if (_settings.Time.GetElapsedTime(_doubtSince ??= _settings.Time.GetTimestamp())
                > _settings.Options.OutageTimeout)
            {
                Fail(AppendStatus.Unknown, $"after {_settings.Options.OutageTimeout} of trying: {_problem}");
                return false;
            }

            try
            {
                var connection = await _settings.ConnectAsync().ConfigureAwait(false);
                if (await ResolveAsync(connection).ConfigureAwait(false))
                {
                    _connection = connection;
                    _settings.Logger.Reconnected(_settings.Keys.Meta, _durable.Sequence);
                    return true;
                }

                connection.Dispose();
                if (Latch is not null)
                {
                    return false;
                }
            }
            catch (JournalException error)
            {
                _problem = error.Message;
            }

            var pause = Task.Delay(backOff, _settings.Time);
            await (hasWaiting ? pause : Task.WhenAny(pause, _signal.Task)).ConfigureAwait(false);
            backOff = backOff * 2 < LastBackOff ? backOff * 2 : LastBackOff;
        }
    }

    private bool HasWaiting
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count > 0;
            }
        }
    }

    private async Task<bool> ResolveAsync(IRedisConnection connection)
    {
        long now = Lease.Now;
        var answer = await SendAsync(connection, JournalScripts.Renew, _record.RenewArguments).ConfigureAwait(false);
        if (RedisText.Read(answer[0]) == JournalScripts.Fenced)
        {
            Fence(answer);
            return false;
        }

        string id = RedisText.Read(answer.ElementAtOrDefault(1));
        if (id != _record.Id || ReadEnd(answer) is not { } end)
        {
            Fail(AppendStatus.Unknown, $"{_settings.Keys.Meta} is another journal now ('{id}', not '{_record.Id}')");
            return false;
        }

        List<PendingAppend> stored;
        lock (_gate)
        {
            stored = [.. _waiting.TakeWhile(append => append.End.Sequence <= end.Sequence)];
            var reached = stored.Count > 0 ? stored[^1].End : _durable;
            if (reached == end && stored.All(static append => append.IsInDoubt))
            {
                for (int i = 0; i < stored.Count; i++)
                {
                    _waiting.Dequeue();
                }
            }
            else
            {
                stored.Clear();
                _problem = $"the log in {_settings.Keys.Log} ends with frame {end.Sequence} ({end.Checksum:x8}); frames " +
                    $"up to {_durable.Sequence} ({_durable.Checksum:x8}) were acknowledged";
            }
        }

        if (stored.Count == 0 && end != _durable)
        {
            // Older data under the same name, or somebody else's. To go on would make two histories of one.
            Fail(AppendStatus.Unknown, _problem);
            return false;
        }

        Lease.Renewed(now);
        stored.ForEach(Acknowledge);
        _settings.Seen(_record.Id, _record.Epoch, end);
        return true;
    }

    private static (long Sequence, uint Checksum)? ReadEnd(byte[]?[] answer) =>
        answer.Length == 4 && RedisText.TryRead(answer[2], out long sequence)
        && RedisText.TryReadHex(RedisText.Read(answer[3]), out uint checksum)
            ? (sequence, checksum)
            : null;

    private async Task ReleaseAsync()
    {
        lock (_gate)
        {
            if (!_releases)
            {
                return;
            }
        }

        try
        {
            await _connection!.EvaluateAsync(JournalScripts.Release, _settings.Keys.MetaOnly, _record.Arguments)
                .ConfigureAwait(false);
        }
        catch (JournalException error)
        {
            // The next owner waits until the lease is over, nothing worse.
            _settings.Logger.NotReleased(_settings.Keys.Meta, error.Message);
        }
    }

    private void Fence(byte[]?[] answer)
    {
        string epoch = RedisText.Read(answer.ElementAtOrDefault(1));
        if (epoch.Length == 0)
        {
            Fail(AppendStatus.Unknown, $"{_settings.Keys.Meta} is gone");
            return;
        }

        string owner = RedisText.Read(answer.ElementAtOrDefault(2));
        string by = owner.Length > 0 ? $" ({owner})" : "";
        Fail(AppendStatus.Fenced, $"epoch {_record.Epoch} is over, the owner's{by} is {epoch}");
    }

    /// <summary>Answers everything that was taken in, and whatever comes, with the same.</summary>
    private void Fail(AppendStatus status, string error)
    {
        List<PendingAppend> open;
        lock (_gate)
        {
            open = [.. _sent.SelectMany(static sent => sent.Appends), .. _waiting];
            if (status == AppendStatus.Fenced && open.Exists(static append => append.IsInDoubt))
            {
                // One sent earlier may have been stored before the other owner came: "nothing was written" is unproven.
                (status, error) = (AppendStatus.Unknown, $"{error}; what was under way may be stored");
            }

            _latch = new AppendResult(status, error);
            _waiting.Clear();
        }

        _settings.Logger.SessionEnded(_settings.Keys.Meta, status, error);
        Lease.End(_latch.Value);
        _sent.Clear();
        open.ForEach(append => append.Complete(_latch.Value));
    }

    /// <summary>One script under way; without appends, a keep-alive.</summary>
    private sealed record Shipment(List<PendingAppend> Appends, Task<byte[]?[]> Answer, long SentAt);
}
