using Engine.Storage;

namespace Engine.Tests;

/// <summary>A memory journal that a test can hold up, and let fail.</summary>
internal sealed class GatedJournal() : ForwardingJournal(new MemoryJournal())
{
    private readonly Lock _gate = new();
    private readonly Queue<Held> _held = new();
    private TaskCompletionSource _arrived = NewSignal();
    private bool _isShut;
    private Func<AppendResult>? _failure;

    /// <summary>Appends that wait.</summary>
    internal int HeldCount
    {
        get
        {
            lock (_gate)
            {
                return _held.Count;
            }
        }
    }

    internal bool IsDisposed { get; private set; }

    /// <summary>From now on appends wait until they are let through.</summary>
    internal void Shut()
    {
        lock (_gate)
        {
            _isShut = true;
        }
    }

    /// <summary>Lets all through, those that wait first.</summary>
    internal void Open()
    {
        lock (_gate)
        {
            _isShut = false;
        }

        while (LetOne())
        {
        }
    }

    /// <summary>Lets the append through that has waited the longest.</summary>
    internal bool LetOne()
    {
        Held held;
        lock (_gate)
        {
            if (!_held.TryDequeue(out held!))
            {
                return false;
            }
        }

        held.Done.SetResult(held.Appended.Result);
        return true;
    }

    /// <summary>From the next append on, this is the answer; it may throw.</summary>
    internal void FailWith(Func<AppendResult> failure)
    {
        lock (_gate)
        {
            _failure = failure;
        }
    }

    /// <summary>Completes when so many appends wait.</summary>
    internal async Task WaitForHeldAsync(int count)
    {
        while (true)
        {
            Task arrived;
            lock (_gate)
            {
                if (_held.Count >= count)
                {
                    return;
                }

                arrived = _arrived.Task;
            }

            await arrived.WaitAsync(TestEngine.Guard);
        }
    }

    public override ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        lock (_gate)
        {
            if (_failure is not null)
            {
                return new(_failure());
            }

            var appended = base.AppendAsync(epoch, expectedSequence, frames);
            if (!_isShut)
            {
                return appended;
            }

            var held = new Held(appended.AsTask());
            _held.Enqueue(held);
            _arrived.TrySetResult();
            _arrived = NewSignal();
            return new(held.Done.Task);
        }
    }

    public override ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return base.DisposeAsync();
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private sealed record Held(Task<AppendResult> Appended)
    {
        internal TaskCompletionSource<AppendResult> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
