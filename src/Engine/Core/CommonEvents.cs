namespace Engine.Core;

/// <summary>The events of a life cycle as most have it, made once: who decides sets what differs, all of it each time,
/// and emits them.</summary>
/// <remarks>An event made anew is cleared by a few wide stores and read at once in narrow pieces. Where one of those
/// stores crosses a cache line, which the address of the stack decides, reading it waits for all stores before it: in
/// some processes an eighth of all time went there.</remarks>
internal sealed class CommonEvents
{
    /// <summary>A job is submitted. To be set: all that such an event may have.</summary>
    internal JobEvent Submitted = new() { Kind = EventKind.JobSubmitted };

    /// <summary>A run starts. To be set: JobId, KnownJob, Run, Epoch and Stage.</summary>
    internal JobEvent Started = new() { Kind = EventKind.RunStarted };

    /// <summary>A run ends well. To be set: JobId, KnownJob and Payload.</summary>
    internal JobEvent Completed = new()
    {
        Kind = EventKind.RunEnded,
        End = RunEnd.Completed,
        State = JobState.Completed,
    };
}
