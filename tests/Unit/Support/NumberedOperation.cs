using Engine.Runtime;

namespace Engine.Tests;

/// <summary>One of the many that somebody puts in: whose it is, and which of theirs. It decides nothing.</summary>
internal sealed class NumberedOperation(int author, int number) : Operation
{
    internal int Author { get; } = author;

    internal int Number { get; } = number;

    internal override bool Execute(LoopContext loop) => true;

    internal override void Publish()
    {
    }

    internal override void Fail(Exception exception)
    {
    }
}
