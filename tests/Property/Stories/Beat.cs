namespace Engine.Tests.Stories;

/// <summary>One step of a story: time passes, the engine restarts, or a batch of commands comes in at one
/// instant.</summary>
internal abstract record Beat
{
    /// <summary>Both clocks go on.</summary>
    internal sealed record Wait(TimeSpan By) : Beat;

    /// <summary>Both clocks go on to so many ms after the next midnight (before it, if negative).</summary>
    internal sealed record ToMidnight(int OffsetMs) : Beat;

    /// <summary>Both clocks go on to so many ms after the next instant that a job or a run waits for.</summary>
    internal sealed record ToNext(int OffsetMs) : Beat;

    /// <summary>Only the wall clock jumps, as a time server would make it.</summary>
    internal sealed record WallJump(TimeSpan By) : Beat;

    /// <summary>The process ends and another one replays the journal.</summary>
    internal sealed record Restart : Beat;

    /// <summary>Commands that are decided as one batch.</summary>
    internal sealed record Do(params Op[] Ops) : Beat
    {
        public override string ToString() => string.Join(" + ", Ops.Select(op => op.ToString()));
    }
}

/// <summary>A command. Jobs and runs are named by their place among those there are, so that it means something
/// whatever was left out before it.</summary>
internal abstract record Op
{
    /// <param name="Job">The number that the job's id is made from.</param>
    /// <param name="User">Which user.</param>
    /// <param name="Project">Which project; 0 for none.</param>
    /// <param name="Tier">t0 to t2; 3 is unknown, 4 is none.</param>
    /// <param name="Type">An index of <see cref="Setup.TypeNames"/>.</param>
    /// <param name="Priority">0 to 100.</param>
    /// <param name="Resources">Bit 0: r1, bit 1: r2, bit 2: one that nobody knows.</param>
    /// <param name="Key">The idempotency key; 0 for none.</param>
    /// <param name="Body">Which of two bodies.</param>
    internal sealed record Submit(
        int Job, int User, int Project, int Tier, int Type, int Priority, int Resources, int Key, int Body) : Op
    {
        public override string ToString() =>
            $"submit #{Job} u{User}{(Project == 0 ? "" : $" p{Project}")} t{Tier} {Setup.TypeNames[Type]} " +
            $"priority {Priority}" +
            $"{(Resources == 0 ? "" : $" resources {Resources}")}{(Key == 0 ? "" : $" key {Key} body {Body}")}";
    }

    /// <summary>A worker for some types (a bit each) asks for up to so many runs.</summary>
    internal sealed record Claim(int Types, int Max) : Op;

    /// <summary>The worker of an open run says that it ended.</summary>
    internal sealed record End(int Run, Ending How) : Op;

    /// <summary>A worker whose run may be over says something.</summary>
    internal sealed record Late(int Lease, Saying What) : Op;

    internal sealed record Heartbeat(int Run) : Op;

    internal sealed record Stage(int Run, int To) : Op;

    internal sealed record Progress(int Run, int Percent) : Op;

    internal sealed record Iterate(int Run) : Op;

    internal sealed record Cancel(int Job) : Op;

    internal sealed record Confirm(int Job) : Op;

    internal sealed record Reconfigure(Setup To) : Op
    {
        public override string ToString() => $"reconfigure: {To}";
    }
}

internal enum Ending
{
    Complete,
    CompleteWithResult,
    Fail,
    FailForGood,
    Suspend,
    Stop,
}

internal enum Saying
{
    Complete,
    Heartbeat,
    Iterate,
    Progress,
    Stage,
}

/// <summary>What happens to one engine, from its first start on.</summary>
internal sealed record Story(Setup Setup, IReadOnlyList<Beat> Beats)
{
    public override string ToString() =>
        $"\n  setup: {Setup}{string.Concat(Beats.Select((beat, i) => $"\n  {i}: {beat}"))}";
}
