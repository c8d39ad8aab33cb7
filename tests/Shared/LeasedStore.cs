using Engine.Storage;

namespace Engine.Tests;

/// <summary>Storage that several hosts reach, which is owned by lease: the smallest thing that behaves as a remote store
/// does. Its clock is the test's.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage(
    "Design", "CA1001", Justification = "A memory journal owns nothing to dispose.")]
internal sealed class LeasedStore(TimeProvider time, TimeSpan lease)
{
    private readonly Lock _gate = new();
    private readonly MemoryJournal _frames = new(keepFrames: true);
    private LeasedJournal? _owner;
    private string? _address;
    private long _until;

    /// <summary>How long the right lasts without a renewal.</summary>
    internal TimeSpan Lease { get; } = lease;

    internal TimeProvider Time { get; } = time;

    /// <summary>What is stored.</summary>
    internal MemoryJournal Frames => _frames;

    /// <summary>Held by a test that wants to see a host while it reads the journal.</summary>
    internal Task MayRead { get; set; } = Task.CompletedTask;

    /// <summary>What reading ends with, when something is wrong with what is stored.</summary>
    internal Exception? Damage { get; set; }

    /// <summary>A host's connection to it.</summary>
    /// <param name="address">What that host publishes when it becomes the owner.</param>
    internal LeasedJournal Open(Func<string?> address) => new(this, address);

    internal async ValueTask<JournalOwnership> AcquireAsync(LeasedJournal journal, string? address)
    {
        lock (_gate)
        {
            var left = TimeSpan.FromTicks(_until - Now());
            if (_owner is not null && left > TimeSpan.Zero)
            {
                throw new JournalLockedException($"Owned by {_address}.", _address, left);
            }

            (_owner, _address, _until) = (journal, address, Now() + Lease.Ticks);
        }

        return await _frames.AcquireAsync();
    }

    /// <summary>Gives the owner its lease anew; false for everybody else.</summary>
    internal bool Renew(LeasedJournal journal)
    {
        lock (_gate)
        {
            if (_owner != journal)
            {
                return false;
            }

            _until = Now() + Lease.Ticks;
            return true;
        }
    }

    internal void Release(LeasedJournal journal)
    {
        lock (_gate)
        {
            if (_owner == journal)
            {
                _owner = null;
            }
        }
    }

    internal long Now() => Time.GetElapsedTime(0).Ticks;
}

/// <summary>One host's side of a <see cref="LeasedStore"/>.</summary>
internal sealed class LeasedJournal : ForwardingJournal, ILeasedJournal
{
    private readonly LeasedStore _store;
    private readonly Func<string?> _address;
    private readonly TaskCompletionSource<AppendResult> _ended =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly ITimer _renewal;
    private long _heldUntil = long.MinValue;
    private volatile bool _isPaused;

    internal LeasedJournal(LeasedStore store, Func<string?> address)
        : base(store.Frames)
    {
        (_store, _address) = (store, address);
        _renewal = store.Time.CreateTimer(
            static journal => ((LeasedJournal)journal!).Renew(),
            this,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
    }

    public override Durability Durability => Durability.Logged;

    public bool HoldsLease => _store.Now() < Volatile.Read(ref _heldUntil);

    public Task<AppendResult> OwnershipEnded => _ended.Task;

    /// <summary>How often the store was asked for.</summary>
    internal int Attempts { get; private set; }

    internal bool IsDisposed { get; private set; }

    /// <summary>Renews nothing any more: the process has stopped, or its network has.</summary>
    internal void Pause() => _isPaused = true;

    /// <summary>Goes on as if no time had passed.</summary>
    internal void Wake()
    {
        _isPaused = false;
        Renew();
    }

    public override async ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default)
    {
        Attempts++;
        long asked = _store.Now();
        var ownership = await _store.AcquireAsync(this, _address());
        Volatile.Write(ref _heldUntil, asked + _store.Lease.Ticks);
        _renewal.Change(_store.Lease / 3, _store.Lease / 3);
        return ownership;
    }

    public override async IAsyncEnumerable<JournalFrame> ReadAsync(
        long fromSequence,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await _store.MayRead.WaitAsync(cancellationToken);
        if (_store.Damage is { } damage)
        {
            throw damage;
        }

        await foreach (var frame in base.ReadAsync(fromSequence, cancellationToken))
        {
            yield return frame;
        }
    }

    public override ValueTask DisposeAsync()
    {
        IsDisposed = true;
        _renewal.Dispose();
        _store.Release(this);
        return base.DisposeAsync();
    }

    private void Renew()
    {
        if (_isPaused)
        {
            return;
        }

        long asked = _store.Now();
        if (_store.Renew(this))
        {
            Volatile.Write(ref _heldUntil, asked + _store.Lease.Ticks);
        }
        else
        {
            _ended.TrySetResult(new AppendResult(AppendStatus.Fenced, "somebody else owns the store"));
        }
    }
}
