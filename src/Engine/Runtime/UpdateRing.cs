using System.Runtime.InteropServices;
using Engine.Core;

namespace Engine.Runtime;

/// <summary>The last updates of all jobs: written all the time, read when somebody watches.</summary>
internal sealed class UpdateRing
{
    internal const int Size = 16_384;

    private readonly RecordedUpdate[] _updates = new RecordedUpdate[Size];
    private readonly long[] _instants = new long[Size];
    private readonly string?[] _messages = new string?[Size];
    private StatusBook? _statuses;

    // The latest place that may hold a message: while it is in reach, places are emptied before they are reused.
    private long _lastMessage = -Size - 1;

    /// <summary>Updates up to this event are not in the ring, or no longer.</summary>
    internal long ForgottenUpTo { get; private set; }

    /// <summary>The event of the last update that was taken in.</summary>
    internal long LastEventId { get; private set; }

    /// <summary>The first place that still holds its update. Places count updates, from 0.</summary>
    internal long Start => Math.Max(0, End - Size);

    /// <summary>The place that the next update will take.</summary>
    internal long End { get; private set; }

    internal ref readonly RecordedUpdate this[long place] => ref _updates[place % Size];

    /// <summary>Events up to this one will never be in the ring.</summary>
    internal void StartAfter(long eventId) => ForgottenUpTo = LastEventId = eventId;

    /// <summary>Takes in updates from <paramref name="from"/> on, as many as fit without a turn. Returns how
    /// many.</summary>
    /// <param name="updates">The updates of a batch.</param>
    /// <param name="from">The index of the first that is not in yet.</param>
    /// <param name="message">The index of the first message that is not in yet; moved on.</param>
    /// <param name="atMs">When the batch was decided.</param>
    /// <param name="statuses">What their numbers mean.</param>
    internal int Take(RecordedUpdates updates, int from, ref int message, long atMs, StatusBook statuses)
    {
        int at = (int)(End % Size);
        var taken = updates.Updates[from..];
        taken = taken[..Math.Min(taken.Length, Size - at)];
        if (End + taken.Length > Size)
        {
            ForgottenUpTo = _updates[at + taken.Length - 1].EventId;
        }

        taken.CopyTo(_updates.AsSpan(at));
        _instants.AsSpan(at, taken.Length).Fill(atMs);
        if (_lastMessage + Size >= End)
        {
            Array.Clear(_messages, at, taken.Length);
        }

        var messages = CollectionsMarshal.AsSpan(updates.Messages);
        for (; message < messages.Length && messages[message].Index - from < taken.Length; message++)
        {
            int offset = messages[message].Index - from;
            _messages[at + offset] = messages[message].Text;
            _lastMessage = End + offset;
        }

        _statuses = statuses;
        LastEventId = taken[^1].EventId;
        End += taken.Length;
        return taken.Length;
    }

    /// <summary>The update at a place, as it is told.</summary>
    internal JobUpdate Read(long place)
    {
        int at = (int)(place % Size);
        ref readonly var update = ref _updates[at];
        var status = _statuses![update.Status];
        return new JobUpdate(
            update.EventId,
            update.JobId,
            update.Kind,
            status.State,
            status.Name,
            status.Label,
            _messages[at] ?? "",
            DateTimeOffset.FromUnixTimeMilliseconds(_instants[at]),
            update.Value);
    }
}
