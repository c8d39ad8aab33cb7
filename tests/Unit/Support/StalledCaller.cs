using System.Runtime.CompilerServices;
using Engine.Runtime;

namespace Engine.Tests;

/// <summary>A caller that was put to sleep right at the door: it has a place, and its operation is not in it yet. What
/// <see cref="Inbox.WriteAsync"/> does between two of its instructions, so that a test can come in between.</summary>
internal sealed class StalledCaller
{
    private readonly Inbox _inbox;
    private readonly long _place;

    internal StalledCaller(Inbox inbox)
    {
        _inbox = inbox;
        Interlocked.Increment(ref CountsOf(inbox).Places);
        _place = RingOf(inbox).TakePlace();
    }

    /// <summary>It has the processor again.</summary>
    internal void GoOn(Operation operation)
    {
        RingOf(_inbox).Put(_place, operation);
        _inbox.Ring();
    }

    internal static Inbox InboxOf(JobEngine engine) => TheInboxOf(engine);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_inbox")]
    private static extern ref Inbox TheInboxOf(JobEngine engine);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_operations")]
    private static extern ref OperationRing RingOf(Inbox inbox);

    [UnsafeAccessor(UnsafeAccessorKind.Field, Name = "_counts")]
    private static extern ref Inbox.Counts CountsOf(Inbox inbox);
}
