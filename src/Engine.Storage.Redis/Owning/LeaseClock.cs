namespace Engine.Storage.Redis.Owning;

/// <summary>How long an owner may believe in its lease: from the moment before the last renewal was sent, for the
/// server counts from a later one.</summary>
/// <remarks>A fiftieth less than the lease: the server counts in whole milliseconds, which it rounds down, by a clock of its
/// own, which may run faster. Written by the session's task, read by anybody.</remarks>
internal sealed class LeaseClock(TimeProvider time, TimeSpan lease, long askedAt)
{
    private readonly TaskCompletionSource<AppendResult> _ended =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly TimeSpan _believed = lease - (lease / 50);
    private long _askedAt = askedAt;
    private bool _isClosed;

    /// <summary>Whether nobody can have taken over.</summary>
    internal bool Holds =>
        !Volatile.Read(ref _isClosed) && !_ended.Task.IsCompleted
        && time.GetElapsedTime(Volatile.Read(ref _askedAt)) < _believed;

    /// <summary>Completes when nothing will be appended any more, other than by closing, with why.</summary>
    internal Task<AppendResult> Ended => _ended.Task;

    /// <summary>Now, to be given back when what is asked now was answered.</summary>
    internal long Now => time.GetTimestamp();

    /// <summary>What was asked at that moment renewed the lease.</summary>
    internal void Renewed(long askedAt) => Volatile.Write(ref _askedAt, Math.Max(askedAt, _askedAt));

    /// <summary>The lease is given back, or about to be.</summary>
    internal void Close() => Volatile.Write(ref _isClosed, true);

    internal void End(AppendResult reason) => _ended.TrySetResult(reason);
}
