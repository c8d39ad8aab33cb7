using System.Threading.Tasks.Sources;

namespace Engine.Storage.Faster.Log;

/// <summary>One append on its way to the disk; used again when its answer was fetched.</summary>
internal sealed class AppendOperation : IValueTaskSource<AppendResult>
{
    private ManualResetValueTaskSourceCore<AppendResult> _source;

    /// <param name="continuesElsewhere">Whether the caller goes on on a thread of its own.</param>
    internal AppendOperation(bool continuesElsewhere) => _source.RunContinuationsAsynchronously = continuesElsewhere;

    internal long FirstSequence { get; private set; }

    internal long LastSequence { get; private set; }

    internal uint LastChecksum { get; private set; }

    internal long Epoch { get; private set; }

    internal ReadOnlyMemory<byte> Frames { get; private set; }

    /// <summary>Takes the operation back when its answer was fetched.</summary>
    internal Action<AppendOperation>? Fetched { get; init; }

    internal ValueTask<AppendResult> Task => new(this, _source.Version);

    internal void Start(
        long epoch, long firstSequence, (long Sequence, uint Checksum) end, ReadOnlyMemory<byte> frames)
    {
        _source.Reset();
        (Epoch, FirstSequence, LastSequence, LastChecksum, Frames) =
            (epoch, firstSequence, end.Sequence, end.Checksum, frames);
    }

    internal void Complete(AppendResult result)
    {
        Frames = default;
        _source.SetResult(result);
    }

    AppendResult IValueTaskSource<AppendResult>.GetResult(short token)
    {
        var result = _source.GetResult(token);
        Fetched?.Invoke(this);
        return result;
    }

    ValueTaskSourceStatus IValueTaskSource<AppendResult>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<AppendResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);
}
