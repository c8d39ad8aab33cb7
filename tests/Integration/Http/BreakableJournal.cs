using Engine.Storage;

namespace Engine.Tests.Http;

/// <summary>A journal that works until it does not, and takes its time before it fails when it is told to.</summary>
internal sealed class BreakableJournal() : ForwardingJournal(new MemoryJournal())
{
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _broken = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _goesOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _holds;

    public override Durability Durability => Durability.Memory;

    /// <summary>Completes when an append waits for what becomes of it.</summary>
    internal Task Held => _held.Task;

    /// <summary>Frames that were stored.</summary>
    internal int Stored { get; private set; }

    /// <summary>From now on appends wait, and nobody knows what becomes of them.</summary>
    internal void Hold() => _holds = true;

    /// <summary>Appends that wait are stored after all, and so are later ones.</summary>
    internal void GoOn()
    {
        _holds = false;
        _goesOn.SetResult();
    }

    /// <summary>From now on appends fail, those that wait first.</summary>
    internal void Break()
    {
        _holds = true;
        _broken.SetResult();
    }

    public override async ValueTask<AppendResult> AppendAsync(
        long epoch, long expectedSequence, ReadOnlyMemory<byte> frames)
    {
        if (_holds)
        {
            _held.TrySetResult();
            if (await Task.WhenAny(_broken.Task, _goesOn.Task) == _broken.Task)
            {
                return new AppendResult(AppendStatus.Unknown, "the disk is gone");
            }
        }

        Stored++;
        return await base.AppendAsync(epoch, expectedSequence, frames);
    }
}
