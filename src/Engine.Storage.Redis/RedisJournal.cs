using System.Buffers;
using System.Runtime.CompilerServices;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;
using Engine.Storage.Redis.Snapshots;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Storage.Redis;

/// <summary>A journal in Redis: one stream, appended to by fenced scripts, owned by a lease with an epoch and a
/// nonce.</summary>
/// <remarks>
/// <para>An append is acknowledged when Redis has answered its script, which a Redis with <c>appendfsync always</c>
/// does after its sync. When the answer is lost, what is stored is read on a new connection; the same append is never
/// counted twice. What cannot be found out within <see cref="RedisJournalOptions.OutageTimeout"/> is <see
/// cref="AppendStatus.Unknown"/>, and so is every later append, until the journal is acquired anew.</para>
/// <para>The ownership is a lease by the server's clock. Once it has run out, another may take over, and from that
/// instant nothing of the former owner is written any more, whatever it believes. As long as nobody has taken over, an
/// owner whose lease ran out may go on: its epoch still is the highest.</para>
/// <para>A log that ends earlier than this object saw it end is refused: it was restored from a backup, or a replica
/// that lacked the end was promoted.</para>
/// </remarks>
public sealed class RedisJournal : ILeasedJournal
{
    private readonly RedisJournalOptions _options;
    private readonly IRedisConnector _connector;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly JournalKeys _keys;
    private readonly SideConnection _side;
    private readonly SnapshotStore _snapshots;
    private readonly LogPages _pages;
    private readonly HighMark _mark;
    private readonly SemaphoreSlim _lifeCycle = new(1, 1);
    private OwnerSession? _session;
    private Acquisition? _acquisition;
    private bool _disposed;

    /// <summary>Describes a journal; nothing is connected before it is used.</summary>
    /// <param name="options">Where and how.</param>
    /// <param name="time">The clock of time-outs and keep-alives. Leases are measured by the server's.</param>
    /// <param name="logger">Told about lost connections and lost ownership.</param>
    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public RedisJournal(RedisJournalOptions options, TimeProvider time, ILogger<RedisJournal>? logger = null)
        : this(options, Check(options), time, logger)
    {
    }

    internal RedisJournal(
        RedisJournalOptions options, IRedisConnector? connector, TimeProvider time, ILogger<RedisJournal>? logger)
    {
        ArgumentNullException.ThrowIfNull(time);
        _options = options.Copy();
        _time = time;
        _logger = logger ?? NullLogger<RedisJournal>.Instance;
        _connector = connector ?? new StackExchangeConnector(_options.Connection, _options.CommandTimeout, time);
        _keys = new JournalKeys(_options.Namespace);
        _mark = new HighMark(_keys);
        _side = new SideConnection(ConnectAsync, _options, _keys, time, _logger);
        _snapshots = new SnapshotStore(_side, _keys, _options, _logger);
        _pages = new LogPages(_side, _keys);
    }

    /// <inheritdoc/>
    public Durability Durability => _options.Durability;

    /// <inheritdoc/>
    public bool HoldsLease => Volatile.Read(ref _session) is { Lease.Holds: true };

    /// <inheritdoc/>
    public Task<AppendResult> OwnershipEnded => Volatile.Read(ref _session)?.Lease.Ended
        ?? throw new InvalidOperationException("The journal was not acquired yet.");

    /// <inheritdoc/>
    /// <exception cref="JournalException">Redis cannot be reached within <see
    /// cref="RedisJournalOptions.OutageTimeout"/>, or is not set up to keep what it acknowledges.</exception>
    public async ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
    {
        await _lifeCycle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _acquisition ??= new Acquisition(_options, _keys, _mark, _connector.Server, _time);
            var acquired = await _acquisition
                .RunAsync(_side, _session, OwnerAddress(), cancellationToken).ConfigureAwait(false);
            _acquisition = null;
            return Start(acquired);
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    /// <inheritdoc/>
    public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames) =>
        Volatile.Read(ref _session) is { } session
            ? session.Append(epoch, expectedSequence, frames)
            : new(new AppendResult(AppendStatus.Fenced, "nobody owns this journal yet"));

    /// <inheritdoc/>
    public async IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromSequence, 1);
        var stored = await LookAsync(cancellationToken).ConfigureAwait(false);
        var end = Volatile.Read(ref _session)?.Durable ?? (stored?.Sequence ?? 0, stored?.Checksum ?? 0);
        if (stored is null || fromSequence > end.Sequence)
        {
            yield break;
        }

        if (fromSequence < stored.First)
        {
            throw new JournalDamagedException(
                $"Frames from {fromSequence} on are no longer in {_keys.Log}: it begins with frame {stored.First}.");
        }

        await foreach (var frame in _pages.ReadAsync(stored, fromSequence, end, cancellationToken).ConfigureAwait(false))
        {
            yield return frame;
        }
    }

    /// <inheritdoc/>
    public async ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default)
    {
        await _lifeCycle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var session = Owned(epoch);
            var stored = await LookAsync(cancellationToken).ConfigureAwait(false)
                ?? throw StoredJournal.Damage(_keys, "it is gone");
            var durable = session.Durable;
            ArgumentOutOfRangeException.ThrowIfLessThan(sequence, Math.Max(1, stored.First - 1));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(sequence, durable.Sequence);
            uint checksum = sequence == durable.Sequence
                ? durable.Checksum
                : await _pages.ChecksumAsync(stored, sequence, cancellationToken).ConfigureAwait(false);
            await _snapshots.SaveAsync(session.Record, stored, sequence, checksum, state, cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default)
    {
        await _lifeCycle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            return await LookAsync(cancellationToken).ConfigureAwait(false) is { } stored
                ? await _snapshots.LoadAsync(stored, cancellationToken).ConfigureAwait(false)
                : null;
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    /// <inheritdoc/>
    public async ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default)
    {
        await _lifeCycle.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var session = Owned(epoch);
            var stored = await LookAsync(cancellationToken).ConfigureAwait(false)
                ?? throw StoredJournal.Damage(_keys, "it is gone");
            ArgumentOutOfRangeException.ThrowIfGreaterThan(
                belowSequence, (SnapshotDescriptor.Read(stored.Snapshot)?.Sequence ?? 0) + 1);
            await _snapshots.VerifyNewestAsync(stored, cancellationToken).ConfigureAwait(false);
            await _pages.TruncateAsync(session.Record, stored.First, belowSequence, cancellationToken)
                .ConfigureAwait(false);
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    /// <summary>Finishes the appends under way, gives the ownership back, so that a standby takes over at once, and
    /// closes the connections.</summary>
    public async ValueTask DisposeAsync()
    {
        await _lifeCycle.WaitAsync().ConfigureAwait(false);
        try
        {
            if (!_disposed && _session is { } session)
            {
                await session.DisposeAsync().ConfigureAwait(false);
            }

            _disposed = true;
            _side.Dispose();
        }
        finally
        {
            _lifeCycle.Release();
        }
    }

    /// <summary>Throws when a setting is out of its range, and makes what connects.</summary>
    /// <exception cref="ArgumentException">The message names the setting.</exception>
    internal static IRedisConnector? Check(RedisJournalOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _ = new StackExchangeConnector(options.Connection, options.CommandTimeout, TimeProvider.System);
        return null;
    }

    private JournalOwnership Start(Acquired acquired)
    {
        var settings = new SessionSettings(_options, _keys, ConnectAsync, _mark, _time, _logger);
        Volatile.Write(ref _session, new OwnerSession(settings, acquired));
        var (record, end) = (acquired.Record, acquired.End);
        _logger.Acquired(_keys.Meta, _connector.Server, record.Epoch, end.Sequence);
        return new JournalOwnership(record.Epoch, record.Nonce, end.Sequence, end.Checksum);
    }

    private string? OwnerAddress()
    {
        string? address = _options.OwnerAddress?.Invoke();
        return address is null || (address.Length is >= 1 and <= 512 && address.All(static c => c is > ' ' and < '\x7f'))
            ? address
            : throw new JournalException(
                $"The owner's address '{address}' is not 1 to 512 ASCII characters without spaces.");
    }

    private async Task<IRedisConnection> ConnectAsync()
    {
        var connection = await _connector.ConnectAsync().ConfigureAwait(false);
        try
        {
            return await ServerCheck.ProblemAsync(connection, _connector.Server, _options.Durability)
                .ConfigureAwait(false) is { } problem
                    ? throw new ServerUnfitException(problem)
                    : connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private Task<StoredJournal?> LookAsync(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _side.UseAsync(connection => StoredJournal.ReadAsync(connection, _keys), cancellationToken);
    }

    private OwnerSession Owned(long epoch)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var session = _session;
        if (session is null || epoch != session.Record.Epoch)
        {
            throw new JournalFencedException(
                $"Epoch {epoch} is over; the owner's is {session?.Record.Epoch ?? 0}.");
        }

        return session.Latch is not { } latch
            ? session
            : latch.Status == AppendStatus.Fenced
                ? throw new JournalFencedException($"The ownership is over: {latch.Error}.")
                : throw new JournalException($"The journal has failed: {latch.Error}.");
    }
}
