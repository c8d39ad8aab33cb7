using System.Runtime.CompilerServices;
using Engine.Core.Scheduling;

namespace Engine.Core;

/// <summary>A tier that jobs refer to: its name, what it may do now, and its part of the queue.</summary>
internal sealed class TierEntry(string name, int number)
{
    /// <summary>How many durations are kept. A moving average with a weight of 0.3 has forgotten all but a
    /// ten-billionth of what came before them.</summary>
    internal const int MaxDurations = 64;

    /// <summary>As many as may be forgotten at once; more would only push each other out of the cache.</summary>
    internal const int MaxSpareJobs = 4096;

    private long[]? _durations;
    private int _durationsSeen;

    internal string Name { get; } = name;

    internal int Number { get; } = number;

    /// <summary>Configuration, not state: a tier that is no longer configured keeps the fallback's limits.</summary>
    internal Tier Policy { get; set; } = new() { Name = name };

    internal bool IsConfigured { get; set; }

    /// <summary>Live jobs now, and ended jobs ever, by state.</summary>
    internal long[] Counts { get; } = new long[(int)JobState.Skipped + 1];

    /// <summary>Objects of its jobs that were forgotten, to stand for others of it.</summary>
    /// <remarks>Jobs of a tier wait about as long as each other. So objects that go round in it, the first that was
    /// forgotten first, are used in the order in which they lie in memory: who claims one job has asked for a part of
    /// the next, and for how their addresses are translated. Mixed, each of a million waiting jobs would be as far away
    /// as any other.</remarks>
    internal JobQueue SpareJobs { get; } = new();

    /// <summary>Whether a job ever had it.</summary>
    internal bool WasUsed => Counts.AsSpan().ContainsAnyExcept(0L);

    /// <summary>Takes one of <see cref="SpareJobs"/>. There is one.</summary>
    internal Job TakeSpareJob()
    {
        const int Ahead = 4;
        const int JobLines = 5;
        Prefetch.Object(SpareJobs.Ahead(Ahead), JobLines);
        return SpareJobs.RemoveFirst();
    }

    /// <summary>How long its latest completed runs took, in ms, the oldest first: what estimates are learned from, and
    /// all that is left of runs that were forgotten.</summary>
    internal IEnumerable<long> Durations
    {
        get
        {
            int count = Math.Min(_durationsSeen, MaxDurations);
            for (int i = _durationsSeen - count; i < _durationsSeen; i++)
            {
                yield return _durations![i % MaxDurations];
            }
        }
    }

    internal void Completed(long durationMs)
    {
        _durations ??= new long[MaxDurations];
        _durations[_durationsSeen % MaxDurations] = durationMs;

        // Kept between one and two rounds, so that it never overflows and still says how many there are.
        _durationsSeen = _durationsSeen == (2 * MaxDurations) - 1 ? MaxDurations : _durationsSeen + 1;
    }
}

/// <summary>A job type that jobs refer to, with the lanes that may run.</summary>
internal sealed class JobTypeEntry(string name, int number)
{
    internal string Name { get; } = name;

    internal int Number { get; } = number;

    /// <summary>Configuration, not state: null when the type is no longer configured, and its jobs wait.</summary>
    internal JobType? Policy { get; set; }

    /// <summary>What its jobs are shown as, by that policy.</summary>
    internal StatusTable Statuses { get; set; } = StatusTable.Plain;

    internal ReadyLanes Ready { get; } = new();
}

/// <summary>A user with kept jobs or a used allowance.</summary>
/// <remarks>It is the limit of its own slots, so that who looks at one has the other in its cache.</remarks>
internal sealed class UserAccount(string id, int number) : Limit(LimitKind.User, id)
{
    internal string Id => Name;

    internal int Number { get; } = number;

    /// <summary>Found by its id now. Of one that was forgotten and came back, only the new account is.</summary>
    internal bool IsKnown { get; set; }

    internal Limit Slots => this;

    internal Allowance Allowance;

    /// <summary>Newest first, linked by <see cref="Job.NextOfUser"/> up to <see cref="OldestJob"/>.</summary>
    internal Job? NewestJob;

    /// <summary>Where the list ends: when it is forgotten, no other job need be told.</summary>
    internal Job? OldestJob;

    internal int JobCount;

    /// <summary>Jobs that came after the last of <see cref="Milestones"/>.</summary>
    internal int SinceMilestone;

    /// <summary>Ways into a long list of jobs; null where it never was long.</summary>
    internal JobMilestones? Milestones;

    internal const int NotNoted = int.MinValue;

    /// <summary>The day of its latest entry among the idle users, as long as that stands there.</summary>
    internal int NotedIdleOn = NotNoted;

    /// <summary>Asks for the memory in which its jobs are counted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void PrefetchCounts() => Prefetch.Place(ref JobCount);

    /// <summary>Answers to submissions that carried a key.</summary>
    internal Dictionary<string, KeptAnswer>? Answers;

    /// <inheritdoc cref="Job.ImageNumber"/>
    internal int ImageNumber;

    /// <summary>Its place there.</summary>
    internal int ImagePlace;
}

/// <summary>A project with kept jobs, and the limit of its slots.</summary>
internal sealed class Project(string id, int number, UserAccount owner) : Limit(LimitKind.Project, id)
{
    internal string Id => Name;

    internal int Number { get; } = number;

    /// <summary>Who submitted its first kept job (DA-21).</summary>
    internal UserAccount Owner { get; } = owner;

    internal Limit Slots => this;

    /// <summary>Lanes of its kept jobs: counted there, so that no job that comes or goes has to look at its
    /// project.</summary>
    internal int LaneCount;
}

/// <summary>A set of resources that jobs need together, by name in ordinal order.</summary>
internal sealed class ResourceSet(string[] names, int number, Limit[] limits)
{
    internal string[] Names { get; } = names;

    internal int Number { get; } = number;

    internal Limit[] Limits { get; } = limits;
}

/// <summary>The answer that an idempotency key stands for.</summary>
internal sealed record KeptAnswer(UserAccount User, JobId JobId, SubmitOutcome Outcome, Instant ScheduledFor,
    SubmitKey Content)
{
    internal Instant ExpiresAt => new(Content.ExpiresMs);
}
