using System.Runtime.InteropServices;
using Engine.Core.Imaging;
using Engine.Core.Scheduling;

namespace Engine.Core;

/// <summary>All state, in one place. Only <see cref="EngineCore.Apply"/> changes it.</summary>
/// <param name="isLedger">Only facts are kept, no order, slot or due date of anything: for whoever writes the state
/// down and decides nothing.</param>
/// <param name="tableSeed">Of <see cref="Jobs"/>.</param>
internal sealed class EngineState(bool isLedger = false, ulong tableSeed = 0)
{
    private readonly Dictionary<LaneKey, Lane> _lanes = [];
    private readonly Dictionary<string, ResourceSet> _resourceSets = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Limit> _resources = new(StringComparer.Ordinal);
    private readonly Queue<(UserAccount User, int Day)> _idleUsers = new();
    private long _lastTicket;
    private int _numbers;

    /// <summary>Only facts are kept: nothing can be decided.</summary>
    internal bool IsLedger { get; } = isLedger;

    internal JobTable Jobs { get; } = new(tableSeed);

    internal Dictionary<string, UserAccount> Users { get; } = new(StringComparer.Ordinal);

    internal Dictionary<string, Project> Projects { get; } = new(StringComparer.Ordinal);

    internal Dictionary<string, TierEntry> Tiers { get; } = new(StringComparer.Ordinal);

    internal Dictionary<string, JobTypeEntry> Types { get; } = new(StringComparer.Ordinal);

    /// <summary>Scheduled jobs by their not-before instant and suspended ones by their time-out.</summary>
    internal IndexedHeap<Job> Due { get; } = new();

    /// <summary>Scheduled jobs whose instant has come and which wait for room under the cap, in the order of the
    /// queue.</summary>
    internal IndexedHeap<Job> Overdue { get; } = new();

    internal PositionIndex Positions { get; } = new();

    /// <summary>Where submissions went under the settings in force.</summary>
    internal LaneMemo LaneMemo { get; } = new();

    internal Queue<KeptAnswer> Answers { get; } = new();

    internal JobList Live { get; } = new();

    internal JobQueue Ended { get; } = new();

    /// <summary>What the ended jobs carry, in bytes.</summary>
    internal long EndedBytes { get; private set; }

    /// <summary>Live jobs by state.</summary>
    internal long[] Counts { get; } = new long[(int)JobState.Skipped + 1];

    /// <summary>The logical clock: never goes back (A7).</summary>
    internal Instant Now
    {
        get;
        set
        {
            field = value;
            if (value.Day != Today)
            {
                Today = value.Day;
                NextMidnight = value.NextMidnight.ToDateTimeOffset();
            }
        }
    }

    /// <summary>The UTC day of <see cref="Now"/>.</summary>
    internal int Today { get; private set; }

    /// <summary>When that day ends and allowances reset (A-U8, LA-14).</summary>
    internal DateTimeOffset NextMidnight { get; private set; } = default(Instant).NextMidnight.ToDateTimeOffset();

    /// <summary>Who must be told of a job or a user before it changes; null when nobody must.</summary>
    internal ImageTaker? Image { get; set; }

    /// <summary>The number of the image that is being taken, or was taken last.</summary>
    internal int ImageNumber { get; set; }

    /// <summary>A clock that nobody sets, in ms. Not in the journal: it means nothing in another process.</summary>
    internal long MonotonicMs { get; set; }

    /// <summary>Open runs by the monotonic time at which their lease ends.</summary>
    internal LeaseQueue Leases { get; } = new();

    internal long LastSequence { get; set; }

    internal long LastEventId { get; set; }

    internal Ordering Ordering { get; set; }

    internal long HeadStartMs { get; set; } = 60_000;

    /// <summary>Users that had no job left, and the day after which they may be forgotten, in the order in which that
    /// will be looked at.</summary>
    internal IReadOnlyCollection<(UserAccount User, int Day)> IdleUsers => _idleUsers;

    internal long Queued => Counts[(int)JobState.Queued];

    internal IEnumerable<Limit> ResourceLimits => _resources.Values;

    /// <summary>Lanes with kept jobs, waiting or not; in no order that means anything.</summary>
    internal IReadOnlyCollection<Lane> Lanes => _lanes.Values;

    /// <summary>A digest of all facts, equal after every replay of the same events (D4).</summary>
    internal ulong ComputeHash() => StateHash.Of(StateImage.Of(this));

    /// <summary>An object for a new job.</summary>
    /// <param name="tier">Its tier, if one that was forgotten may be used.</param>
    internal Job NewJob(TierEntry? tier = null)
    {
        var job = tier is { SpareJobs.Count: > 0 } ? tier.TakeSpareJob() : new Job();
        job.ImageNumber = ImageNumber;
        return job;
    }

    internal UserAccount UserOf(string id)
    {
        ref var user = ref CollectionsMarshal.GetValueRefOrAddDefault(Users, id, out _);
        return user ??= new UserAccount(id, ++_numbers) { IsKnown = true, ImageNumber = ImageNumber };
    }

    internal Project ProjectOf(string id, UserAccount owner)
    {
        ref var project = ref CollectionsMarshal.GetValueRefOrAddDefault(Projects, id, out _);
        return project ??= new Project(id, ++_numbers, owner);
    }

    internal TierEntry TierOf(string name)
    {
        ref var tier = ref CollectionsMarshal.GetValueRefOrAddDefault(Tiers, name, out _);
        return tier ??= new TierEntry(name, ++_numbers);
    }

    internal JobTypeEntry TypeOf(string name)
    {
        ref var type = ref CollectionsMarshal.GetValueRefOrAddDefault(Types, name, out _);
        return type ??= new JobTypeEntry(name, ++_numbers);
    }

    internal Limit ResourceOf(string name)
    {
        ref var limit = ref CollectionsMarshal.GetValueRefOrAddDefault(_resources, name, out _);
        return limit ??= new Limit(LimitKind.Resource, name);
    }

    /// <summary>The lane that jobs with these attributes wait in.</summary>
    /// <param name="type">Their type.</param>
    /// <param name="tier">Their tier.</param>
    /// <param name="user">Their owner.</param>
    /// <param name="project">Their project, if any.</param>
    /// <param name="resources">The resources they need, sorted, without repeats; null for none.</param>
    internal Lane LaneOf(JobTypeEntry type, TierEntry tier, UserAccount user, Project? project, string[]? resources)
    {
        var set = resources is { Length: > 0 } ? ResourceSetOf(resources) : null;
        var key = new LaneKey(user.Number, project?.Number ?? 0, type.Number, tier.Number, set?.Number ?? 0);
        ref var lane = ref CollectionsMarshal.GetValueRefOrAddDefault(_lanes, key, out _);
        if (lane is null)
        {
            lane = new Lane(type, tier, user, project, set);
            if (project is not null)
            {
                project.LaneCount++;
            }
        }

        return lane;
    }

    /// <summary>A number for a run that takes its slots: never the same twice in a process.</summary>
    internal long NextTicket() => ++_lastTicket;

    /// <summary>Takes a job in that has ended just now, or when others are here already that ended before it.</summary>
    internal void AddEnded(Job job)
    {
        Ended.Add(job);
        EndedBytes += job.Bytes;
    }

    /// <summary>Forgets the job that ended first, and whatever only it kept alive.</summary>
    internal void ForgetFirst()
    {
        var job = Ended.RemoveFirst();
        Invariant.Holds(job.State.IsFinal);
        Image?.Keep(job);
        EndedBytes -= job.Bytes;
        Jobs.Remove(job);
        ForgetOfUser(job);
        if (--job.Lane.References == 0)
        {
            Forget(job.Lane);
        }

        // Whoever still has it sees that it is another by now.
        var spare = job.Tier.SpareJobs;
        job.Reset();
        if (spare.Count < TierEntry.MaxSpareJobs)
        {
            spare.Add(job);
        }
        else
        {
            Jobs.Drop(job);
        }
    }

    /// <summary>Forgets users without jobs once the days they used are over.</summary>
    internal void ForgetIdleUsers()
    {
        while (_idleUsers.TryPeek(out var idle) && idle.Day < Today)
        {
            _idleUsers.Dequeue();
            if (idle.User.NotedIdleOn == idle.Day)
            {
                idle.User.NotedIdleOn = UserAccount.NotNoted;
            }

            if (idle.User.JobCount == 0 && idle.User.Answers is not { Count: > 0 }
                && idle.User.Allowance.LastDay < Today
                && idle.User.IsKnown)
            {
                idle.User.IsKnown = false;
                Users.Remove(idle.User.Id);
            }
        }
    }

    /// <summary>Notes that a user has no job left. Once a day is enough, however often that happens where little is
    /// kept.</summary>
    internal void NoteIdle(UserAccount user)
    {
        int day = Math.Max(user.Allowance.LastDay, Today);
        if (user.NotedIdleOn != day)
        {
            NoteIdle(user, day);
        }
    }

    internal void NoteIdle(UserAccount user, int day)
    {
        user.NotedIdleOn = day;
        _idleUsers.Enqueue((user, day));
    }

    /// <summary>Asks for the memory of a job that will soon be forgotten; twice, as the job says what else that takes.
    /// </summary>
    internal void PrefetchToForget(Job? soon, Job? next)
    {
        const int JobLines = 5;
        Prefetch.Object(soon, JobLines);
        if (next is not null)
        {
            Jobs.Prefetch(next);
            next.User?.PrefetchCounts();
            next.Lane?.PrefetchReferences();
        }
    }

    private void Forget(Lane lane)
    {
        _lanes.Remove(lane.Key);
        LaneMemo.Forget(lane);
        if (lane.Project is { } project && --project.LaneCount == 0)
        {
            Projects.Remove(project.Id);
        }
    }

    private void ForgetOfUser(Job job)
    {
        var user = job.User;
        if (job.IsMilestone)
        {
            user.Milestones!.Forget(job);
        }

        if (ReferenceEquals(user.OldestJob, job))
        {
            // Mostly so. The next older than its successor is now nobody.
            user.OldestJob = job.PreviousOfUser;
            user.NewestJob = user.OldestJob is null ? null : user.NewestJob;
        }
        else
        {
            job.NextOfUser!.PreviousOfUser = job.PreviousOfUser;
            if (job.PreviousOfUser is { } newer)
            {
                newer.NextOfUser = job.NextOfUser;
            }
            else
            {
                user.NewestJob = job.NextOfUser;
            }
        }

        if (--user.JobCount == 0)
        {
            NoteIdle(user);
        }
    }

    private ResourceSet ResourceSetOf(string[] names)
    {
        string key = names.Length == 1 ? names[0] : string.Join('\n', names);
        ref var set = ref CollectionsMarshal.GetValueRefOrAddDefault(_resourceSets, key, out _);
        return set ??= new ResourceSet(names, ++_numbers, [.. names.Select(ResourceOf)]);
    }
}
