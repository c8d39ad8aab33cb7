using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Engine.Core;

/// <summary>Rules that only a bug can break. They stay on in release builds: to carry on would be worse.</summary>
internal static class Invariant
{
    internal static void Holds(
        [DoesNotReturnIf(false)] bool condition,
        [CallerArgumentExpression(nameof(condition))] string rule = "")
    {
        if (!condition)
        {
            Throw(rule);
        }
    }

    // Apart from the check, so that the check is small enough to be inlined.
    [DoesNotReturn]
    private static void Throw(string rule) => throw new InvariantViolationException($"Broken invariant: {rule}");
}

/// <summary>The engine found itself in a state that only a bug can lead to.</summary>
internal sealed class InvariantViolationException(string message) : Exception(message);
