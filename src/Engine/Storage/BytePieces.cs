using System.Buffers;

namespace Engine.Storage;

/// <summary>Makes one sequence of many pieces: what is larger than an array can be.</summary>
public static class BytePieces
{
    /// <summary>The pieces behind one another, none of them copied.</summary>
    /// <param name="pieces">In order; empty ones are left out.</param>
    /// <exception cref="ArgumentNullException"><paramref name="pieces"/> is null.</exception>
    public static ReadOnlySequence<byte> Join(IEnumerable<ReadOnlyMemory<byte>> pieces)
    {
        ArgumentNullException.ThrowIfNull(pieces);
        Segment? first = null;
        Segment? last = null;
        foreach (var piece in pieces)
        {
            if (!piece.IsEmpty)
            {
                last = new Segment(piece, last);
                first ??= last;
            }
        }

        return first is null
            ? ReadOnlySequence<byte>.Empty
            : new ReadOnlySequence<byte>(first, 0, last!, last!.Memory.Length);
    }

    /// <summary>A copy, in pieces as large as they are.</summary>
    internal static ReadOnlySequence<byte> Copy(in ReadOnlySequence<byte> bytes)
    {
        var pieces = new List<ReadOnlyMemory<byte>>();
        foreach (var piece in bytes)
        {
            pieces.Add(piece.ToArray());
        }

        return Join(pieces);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        internal Segment(ReadOnlyMemory<byte> piece, Segment? previous)
        {
            Memory = piece;
            if (previous is not null)
            {
                RunningIndex = previous.RunningIndex + previous.Memory.Length;
                previous.Next = this;
            }
        }
    }
}
