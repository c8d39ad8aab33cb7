namespace Engine.Storage;

/// <summary>A journal whose ownership ends by itself unless it is renewed: an owner that is paused, or cut off from the
/// storage, may have been replaced without knowing it.</summary>
/// <remarks>
/// Writes need none of this: appends of a replaced owner are refused (<see cref="AppendStatus.Fenced"/>). Reads do: what
/// an owner shows is only current while nobody can have taken over.
/// </remarks>
public interface ILeasedJournal : IJournal
{
    /// <summary>Whether the right to append lasts, so that nobody can have taken over yet. Judged without asking the
    /// storage, by a clock that goes on while the process is paused, from a moment before the last renewal was
    /// sent.</summary>
    /// <remarks>False is no verdict: a renewal that comes through in time makes it true again. Before
    /// <see cref="IJournal.AcquireAsync"/> it is false.</remarks>
    bool HoldsLease { get; }

    /// <summary>Completes, and never fails, when the journal has learned that nothing will be appended any more, even if
    /// nothing is being appended: because another owner has taken over, for example. With what an append would be
    /// answered. Closing the journal does not complete it.</summary>
    /// <exception cref="InvalidOperationException">The journal was not acquired yet.</exception>
    Task<AppendResult> OwnershipEnded { get; }
}
