using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;

namespace Engine.Runtime;

/// <summary>The one way into the loop: a bounded channel, and a bell for when the loop sleeps.</summary>
/// <remarks>When it is full callers wait; nothing is dropped. Writers never touch anything else the loop owns.</remarks>
[SuppressMessage("Design", "CA1001", Justification = "A semaphore without a wait handle owns nothing to dispose.")]
internal sealed class Inbox(int capacity)
{
    private readonly Channel<Operation> _channel = Channel.CreateBounded<Operation>(
        new BoundedChannelOptions(capacity)
        {
            SingleReader = true,
            FullMode = BoundedChannelFullMode.Wait,
        });

    private readonly SemaphoreSlim _bell = new(0);
    private int _asleep;

    /// <summary>Puts an operation in; it is answered or failed, even when the loop has ended.</summary>
    internal ValueTask WriteAsync(Operation operation, CancellationToken cancellationToken)
    {
        if (_channel.Writer.TryWrite(operation))
        {
            Ring();
            return ValueTask.CompletedTask;
        }

        return WriteSlowlyAsync(operation, cancellationToken);
    }

    /// <summary>Whether something is in. The loop's thread.</summary>
    internal bool HasItems => _channel.Reader.TryPeek(out _);

    internal bool TryRead(out Operation operation) => _channel.Reader.TryRead(out operation!);

    /// <summary>Nothing more goes in. What is in can still be read.</summary>
    internal void Close() => _channel.Writer.TryComplete();

    /// <summary>Wakes the loop. Any thread.</summary>
    internal void Ring()
    {
        if (Volatile.Read(ref _asleep) == 1 && Interlocked.Exchange(ref _asleep, 0) == 1)
        {
            _bell.Release();
        }
    }

    /// <summary>Sleeps until somebody rings, unless there is something to do. The loop's thread.</summary>
    internal void Sleep(Func<bool> mustStayAwake)
    {
        // Asleep first, then look: whoever brings work after the look sees that it must ring.
        Interlocked.Exchange(ref _asleep, 1);
        if (mustStayAwake() && Interlocked.Exchange(ref _asleep, 0) == 1)
        {
            return;
        }

        _bell.Wait();
    }

    private async ValueTask WriteSlowlyAsync(Operation operation, CancellationToken cancellationToken)
    {
        try
        {
            await _channel.Writer.WriteAsync(operation, cancellationToken).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw new EngineStoppedException("The engine has stopped.");
        }

        Ring();
    }
}
