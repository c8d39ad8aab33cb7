namespace Engine.Storage.Redis.Owning;

/// <summary>An append that was taken in and not answered yet.</summary>
internal sealed class PendingAppend(
    long expected,
    IReadOnlyList<ReadOnlyMemory<byte>> frames,
    (long Sequence, uint Checksum) end,
    TaskCreationOptions options)
{
    private readonly TaskCompletionSource<AppendResult> _answer = new(options);

    /// <summary>The sequence before its first frame.</summary>
    internal long Expected { get; } = expected;

    internal IReadOnlyList<ReadOnlyMemory<byte>> Frames { get; } = frames;

    /// <summary>Its last frame.</summary>
    internal (long Sequence, uint Checksum) End { get; } = end;

    internal long Bytes { get; } = frames.Sum(static frame => (long)frame.Length);

    /// <summary>It was sent and no answer came: it may be stored, or be on its way still.</summary>
    internal bool IsInDoubt { get; set; }

    internal Task<AppendResult> Answer => _answer.Task;

    internal void Complete(AppendResult result) => _answer.TrySetResult(result);
}
