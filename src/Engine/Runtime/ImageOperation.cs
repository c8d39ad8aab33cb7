using Engine.Core;
using Engine.Core.Imaging;

namespace Engine.Runtime;

/// <summary>Asks for an image of the state. The loop copies a little of it at each step, and answers once all is copied
/// and every event in it is durable.</summary>
internal sealed class ImageOperation : Operation<ImageTaker>
{
    /// <summary>Some tens of microseconds of work.</summary>
    internal const int UsuallyCopiedPerStep = 512;

    private ImageTaker? _taker;
    private ImageTaker? _answer;

    protected override ref ImageTaker? Answer => ref _answer;

    /// <summary>How many jobs and users one step copies, while others wait.</summary>
    internal int CopiedPerStep { get; init; } = UsuallyCopiedPerStep;

    internal override bool Execute(LoopContext loop)
    {
        Invariant.Holds(loop.Image is null);
        loop.Image = this;
        return false;
    }

    /// <summary>Whether there is something left to copy.</summary>
    internal bool IsCopying => _taker is not { IsWhole: true };

    /// <summary>Copies a little. Called between two batches.</summary>
    /// <param name="state">The state.</param>
    /// <param name="sequence">The last frame that its events are in.</param>
    /// <param name="instant">The logical clock in that frame.</param>
    internal void Copy(EngineState state, long sequence, Instant instant)
    {
        _taker ??= new ImageTaker(state, sequence, instant);
        _taker.Advance(CopiedPerStep);
    }

    /// <summary>Answers, if all of it is durable.</summary>
    /// <param name="durable">The last frame that is.</param>
    internal bool TryAnswer(long durable)
    {
        if (IsCopying || durable < _taker!.Sequence)
        {
            return false;
        }

        Answer = _taker;
        PublishAlone();
        return true;
    }
}
