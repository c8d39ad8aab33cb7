using System.Runtime.CompilerServices;
using Engine.Core;

namespace Engine.Runtime;

/// <summary>What is kept of an update until somebody watches: 32 bytes and no reference, because every event of every
/// job writes one down and copies it once, whether or not anybody ever asks.</summary>
internal struct RecordedUpdate
{
    private const int KindBits = 3;

    internal long EventId;
    internal JobId JobId;
    internal int Value;
    private int _statusAndKind;

    internal readonly JobUpdateKind Kind => (JobUpdateKind)(_statusAndKind & ((1 << KindBits) - 1));

    /// <summary>The number in the <see cref="StatusBook"/> of what the job became.</summary>
    internal readonly int Status => _statusAndKind >> KindBits;

    internal void Became(int status, JobUpdateKind kind) => _statusAndKind = (status << KindBits) | (int)kind;
}

/// <summary>The updates of one batch in order, and the messages that some of them have.</summary>
internal sealed class RecordedUpdates
{
    private const int SmallestSize = 256;

    private readonly List<(int Index, string Text)> _messages = [];
    private RecordedUpdate[] _updates = new RecordedUpdate[SmallestSize];
    private int _count;

    internal ReadOnlySpan<RecordedUpdate> Updates => _updates.AsSpan(0, _count);

    /// <summary>Messages with the index of the update that each belongs to, in that order.</summary>
    internal List<(int Index, string Text)> Messages => _messages;

    /// <summary>Takes in one more: every field of what it returns must be set.</summary>
    /// <param name="message">What is said about it; null or "" for nothing.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ref RecordedUpdate Add(string? message)
    {
        var updates = _updates;
        int index = _count;
        if ((uint)index >= (uint)updates.Length)
        {
            updates = Grow();
        }

        if (!string.IsNullOrEmpty(message))
        {
            Say(index, message);
        }

        _count = index + 1;
        return ref updates[index];
    }

    internal void Clear()
    {
        _messages.Clear();
        _count = 0;
    }

    // What is rare stays out of the way of what is not.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private RecordedUpdate[] Grow()
    {
        Array.Resize(ref _updates, _updates.Length * 2);
        return _updates;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Say(int index, string message) => _messages.Add((index, message));
}
