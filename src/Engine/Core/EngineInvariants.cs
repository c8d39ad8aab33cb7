using System.Diagnostics.CodeAnalysis;
using Engine.Core.Scheduling;

namespace Engine.Core;

/// <summary>Looks over the whole state for contradictions: between jobs, slots, lanes, heaps, counts and
/// lists.</summary>
/// <remarks>Slow, O(jobs × log jobs): for tests and simulations after every step, never for a live engine. What can be
/// checked in constant time is checked where it happens, by <see cref="Invariant"/>.</remarks>
internal static class EngineInvariants
{
    /// <exception cref="InvariantViolationException">Something does not fit; the message says what.</exception>
    internal static void Check(EngineCore core)
    {
        var state = core.State;
        var jobs = CheckLists(state);
        CheckCounts(state, jobs);
        CheckSlots(state, jobs);
        CheckOrder(state, jobs);
        CheckLanes(state, jobs);
        CheckParking(state);
        CheckQueuesByTime(state, jobs);
        CheckOwners(state, jobs);
    }

    private static List<Job> CheckLists(EngineState state)
    {
        var jobs = new List<Job>();
        foreach (var job in state.Live.All)
        {
            Require(job.State != JobState.None && !job.State.IsFinal,
                $"{job.Id} is {job.State} in the list of live jobs");
            jobs.Add(job);
        }

        Require(ReferenceEquals(state.Live.First, jobs.FirstOrDefault()) && state.Live.Count == jobs.Count,
            "the list of live jobs knows its beginning and length");
        Require(jobs.Zip(jobs.Skip(1)).All(pair => pair.First.Sequence < pair.Second.Sequence),
            "live jobs lie in the order in which they came");
        Require(state.Live.CountedOld <= jobs.Count, "no more jobs are counted as old than there are");
        Instant lastEnd = default;
        foreach (var job in state.Ended)
        {
            Require(job.State.IsFinal, $"{job.Id} is {job.State} among ended jobs");
            Require(lastEnd <= job.FinishedAt, "ended jobs lie in order of their end");
            lastEnd = job.FinishedAt;
            jobs.Add(job);
        }

        Require(state.Live.Count + state.Ended.Count == jobs.Count, "the ended jobs are counted");
        Require(jobs.Count == state.Jobs.Count, "every kept job is in one of the two lists");
        Require(jobs.ToHashSet().SetEquals(state.Jobs.Values), "the table knows the kept jobs by their numbers");
        foreach (var job in jobs)
        {
            Require(state.Jobs.TryGetValue(job.Id, out var found) && ReferenceEquals(found, job),
                $"{job.Id} is found by its id");
        }

        Require(
            jobs.Where(job => job.State.IsFinal).Sum(job => job.Bytes) == state.EndedBytes,
            "the bytes of ended jobs are counted");
        Require(jobs.Select(job => job.Sequence).Distinct().Count() == jobs.Count, "sequences are unique");
        return jobs;
    }

    private static void CheckCounts(EngineState state, List<Job> jobs)
    {
        foreach (var job in Enum.GetValues<JobState>())
        {
            long kept = jobs.LongCount(each => each.State == job);
            Require(state.Counts[(int)job] == (job.IsFinal ? 0 : kept), $"the count of {job} is right");
            foreach (var tier in state.Tiers.Values)
            {
                long ofTier = jobs.LongCount(each => each.State == job && ReferenceEquals(each.Tier, tier));
                long counted = tier.Counts[(int)job];
                Require(job.IsFinal ? counted >= ofTier : counted == ofTier, $"tier {tier.Name} counts {job} right");
            }
        }
    }

    private static void CheckSlots(EngineState state, List<Job> jobs)
    {
        var running = new Dictionary<Limit, HashSet<Job>>();
        foreach (var job in jobs)
        {
            bool runs = job.State == JobState.Running;
            Require(runs == (job.Ticket != 0), $"{job.Id} ({job.State}) holds slots while it runs");
            Require(runs == state.Leases.Contains(job), $"{job.Id} ({job.State}) has a lease while it runs");
            foreach (var limit in runs ? job.Lane.Limits : [])
            {
                if (!running.TryGetValue(limit, out var ofLimit))
                {
                    running[limit] = ofLimit = [];
                }

                ofLimit.Add(job);
            }
        }

        var limits = state.Users.Values.Select(user => user.Slots)
            .Concat(state.Projects.Values.Select(project => project.Slots))
            .Concat(state.ResourceLimits);
        foreach (var limit in limits)
        {
            // A bijection: no leaked slot, no free ride, never some of them (A3, A4).
            var expected = running.GetValueOrDefault(limit) ?? [];
            var holders = limit.Holders.ToList();
            Require(limit.Used == holders.Count && expected.Count == holders.Count && holders.All(expected.Contains),
                $"the slots of {limit.Kind} {limit.Name} are held by all runs that need one, and by nothing else");
            Require(ReferenceEquals(limit.LongestHolder, holders.FirstOrDefault()),
                $"{limit.Kind} {limit.Name} knows who has held a slot the longest");
        }
    }

    private static void CheckOrder(EngineState state, List<Job> jobs)
    {
        var queued = jobs.Where(job => job.State == JobState.Queued).OrderBy(job => job.Key).ToList();
        Require(state.Positions.Count == queued.Count, "every queued job has a position, and nothing else has");
        for (int i = 0; i < queued.Count; i++)
        {
            Require(queued[i].Key == JobMoves.KeyOf(state, queued[i]),
                $"{queued[i].Id} lies where the order in force puts it");
            Require(state.Positions.RankOf(queued[i].Key) == i + 1, $"{queued[i].Id} is number {i + 1}");
        }
    }

    private static void CheckLanes(EngineState state, List<Job> jobs)
    {
        var lanes = state.Lanes;
        foreach (var lane in lanes)
        {
            var members = lane.Jobs.Members.ToList();
            Require(members.Count == lane.Jobs.Count && members.All(member => member.Key == member.Job.Key),
                "a lane counts its jobs and knows their keys");
            Require(members.Count == 0 || (members.Min(member => member.Key) == lane.Jobs.FirstKey
                && lane.Jobs.First.Key == lane.Jobs.FirstKey), "a lane begins with its first job");
            Require(lane.References == jobs.Count(job => ReferenceEquals(job.Lane, lane)),
                "a lane knows its kept jobs");
            Require(lane.References > 0, "a lane without jobs is forgotten");
            foreach (var (_, job) in members)
            {
                Require(job.State == JobState.Queued && ReferenceEquals(job.Lane, lane),
                    $"{job.Id} waits in its own lane");
            }

            if (lane.Jobs.Count == 0)
            {
                Require(lane is { ParkedOn: null, HeapSlot: HeapNode.Outside, ReadyRow: 0 },
                    "an empty lane is nowhere");
            }
            else if (lane.ParkedOn is { } limit)
            {
                Require(lane.Limits.Contains(limit), "a lane is parked on a limit of its own");
                Require(limit.GroupOf(lane.Type, lane.Tier)?.Lanes.Contains(lane) == true,
                    "a parked lane is in its group");
            }
            else
            {
                Require(lane.Type.Ready.Contains(lane), "a lane that is not parked is ready");
            }
        }

        Require(lanes.Sum(lane => lane.Jobs.Count) == state.Queued, "every queued job is in exactly one lane");
        Require(jobs.All(job => lanes.Contains(job.Lane)), "every job's lane is known");
    }

    private static void CheckParking(EngineState state)
    {
        int placed = 0;
        foreach (var type in state.Types.Values)
        {
            CheckHeap(type.Ready.Others, lane => lane.Jobs.FirstKey);
            CheckReady(type.Ready);
            placed += type.Ready.Count;
        }

        var limits = state.Lanes.SelectMany(lane => lane.Limits).Distinct().ToList();
        foreach (var limit in limits)
        {
            var groups = limit.Groups.ToArray();
            Require(limit.ParkedLanes == groups.Sum(group => group.Lanes.Count),
                $"{limit.Name} counts its parked lanes");
            foreach (var group in groups)
            {
                CheckHeap(group.Lanes, lane => lane.Jobs.FirstKey);
                placed += group.Lanes.Count;

                // The rule that makes waking one lane enough; see LaneBoard.
                Require(group.Lanes.Count == 0 || !limit.HasRoomFor(group.Tier) || IsStoodInFor(group, limit),
                    $"{limit.Kind} {limit.Name} has room, and somebody stands in for those parked on it");
            }
        }

        Require(placed == state.Lanes.Count(lane => lane.Jobs.Count > 0), "every waiting lane is in exactly one place");
    }

    private static void CheckReady(ReadyLanes ready)
    {
        var lanes = ready.All.ToList();
        Require(lanes.Count == ready.Count, "ready lanes are counted");
        Require(lanes.All(entry => ready.Contains(entry.Lane) && entry.Key == entry.Lane.Jobs.FirstKey),
            "a ready lane is found, and its key is that of its next job");
        Require(lanes.Count == 0 || lanes.Min(entry => entry.Key) == ready.FirstKey, "the first of them is known");
        Require(lanes.Count == 0 || ready.First.Jobs.FirstKey == ready.FirstKey, "and its key");
        foreach (var keys in ready.Rows)
        {
            Require(keys.SequenceEqual(keys.Order()), "the keys of a row rise");
        }
    }

    private static bool IsStoodInFor(ParkGroup group, Limit limit)
    {
        foreach (var (key, lane) in group.Type.Ready.All)
        {
            if (ReferenceEquals(lane.Tier, group.Tier) && lane.Limits.Contains(limit) && key <= group.Lanes.FirstKey)
            {
                return true;
            }
        }

        return false;
    }

    private static void CheckQueuesByTime(EngineState state, List<Job> jobs)
    {
        foreach (var job in jobs)
        {
            bool waits = job.State is JobState.Scheduled or JobState.AwaitingConfirmation;
            Require(state.Due.Contains(job) == (waits && !job.IsOverdue),
                $"{job.Id} ({job.State}) waits for its instant");
            Require(state.Overdue.Contains(job) == job.IsOverdue, $"{job.Id} waits for room");
            Require(!job.IsOverdue || (job.State == JobState.Scheduled && job.DueAt <= state.Now),
                $"{job.Id} is overdue");
        }

        CheckHeap(state.Due, job => new OrderKey((ulong)job.DueAt.Ms, (ulong)job.Sequence));
        CheckHeap(state.Overdue, job => JobMoves.KeyOf(state, job));
        CheckLeases(state);
    }

    private static void CheckLeases(EngineState state)
    {
        var runs = state.Leases.All.ToList();
        Require(runs.Count == state.Leases.Count && runs.Distinct().Count() == runs.Count, "leases are counted");
        Require(runs.Count == (state.IsLedger ? 0 : state.Counts[(int)JobState.Running]),
            "only what runs has a lease");
        long first = runs.Count == 0 ? long.MaxValue : runs.Min(job => job.LeaseEndsMs);
        Require(first == state.Leases.FirstDeadlineMs, "the lease that ends first is known");
    }

    private static void CheckOwners(EngineState state, List<Job> jobs)
    {
        foreach (var user in state.Users.Values)
        {
            var own = new List<Job>();
            for (var job = user.NewestJob; job is not null; job = job.Older)
            {
                Require(ReferenceEquals(job.User, user) && ReferenceEquals(job.PreviousOfUser, own.LastOrDefault()),
                    $"{user.Id} owns its list");
                Require(own.Count == 0 || own[^1].Sequence > job.Sequence, $"the jobs of {user.Id} go from new to old");
                own.Add(job);
            }

            Require(ReferenceEquals(own.LastOrDefault(), user.OldestJob), $"{user.Id} knows its oldest job");
            Require(own.Count == user.JobCount && own.Count == jobs.Count(job => job.User.Id == user.Id),
                $"{user.Id} has all its jobs");
            CheckMilestones(user, own);
            int lastDay = int.MinValue;
            foreach (var (day, charged, deferred) in user.Allowance.Days)
            {
                Require(day > lastDay && charged >= 0 && deferred >= 0, $"no counter of {user.Id} is negative");
                lastDay = day;

                // Cancelled before they started, jobs gave their charge back; forgotten ones have theirs in the count.
                int kept = jobs.Count(job => ReferenceEquals(job.User, user) && job.ChargedDay == day
                    && !(job.State == JobState.Cancelled && job.NeverStarted));
                Require(charged >= kept, $"{user.Id} is charged for every job of day {day}");
            }
        }

        foreach (var project in state.Projects.Values)
        {
            int count = jobs.Count(job => ReferenceEquals(job.Project, project));
            var lanes = state.Lanes.Where(lane => ReferenceEquals(lane.Project, project)).ToList();
            Require(count > 0 && count == lanes.Sum(lane => lane.References) && lanes.Count == project.LaneCount,
                $"project {project.Id} knows its lanes");
        }

        Require(jobs.All(job => state.Users.TryGetValue(job.User.Id, out var user) && ReferenceEquals(user, job.User)),
            "every job's user is known");
        Require(jobs.All(job => job.Project is null || (state.Projects.TryGetValue(job.Project.Id, out var project)
            && ReferenceEquals(project, job.Project))), "every job's project is known");
    }

    /// <param name="user">The user.</param>
    /// <param name="own">Its jobs, newest first.</param>
    private static void CheckMilestones(UserAccount user, List<Job> own)
    {
        var marked = own.Where(job => job.IsMilestone).Reverse().Select(job => (job.Sequence, job));
        Require((user.Milestones?.All ?? []).SequenceEqual(marked), $"{user.Id} knows its milestones");
        int gap = 0;
        foreach (var job in own)
        {
            gap = job.IsMilestone ? 0 : gap + 1;
            Require(gap < JobMilestones.Distance, $"the milestones of {user.Id} lie close together");
        }
    }

    /// <param name="heap">The heap.</param>
    /// <param name="keyOf">What a member's key must be.</param>
    private static void CheckHeap<T>(IndexedHeap<T> heap, Func<T, OrderKey> keyOf)
        where T : HeapNode
    {
        for (int i = 0; i < heap.Count; i++)
        {
            var (key, node) = heap[i];
            Require(heap.PlaceOf(node) == i, "a heap knows the place of its member");
            Require(keyOf(node) == key, "a heap knows the key of its member");
            Require(i == 0 || heap[(i - 1) / 4].Key <= key, "a parent goes before its children");
        }
    }

    private static void Require([DoesNotReturnIf(false)] bool holds, string rule)
    {
        if (!holds)
        {
            throw new InvariantViolationException($"Not so: {rule}.");
        }
    }
}
