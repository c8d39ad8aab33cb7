using Engine.Core;
using Engine.Runtime;
using Engine.Simulation.Driver;

namespace Engine.Simulation.Audit;

/// <summary>Stands between the core of one life and its journal: sees every fact, and holds it against the model before
/// the model learns it.</summary>
internal sealed partial class Witness(Inquest inquest, BatchWriter writer) : IEventSink
{
    // How much looking at everything may cost: each event earns a little, a check spends what it looks at.
    private const int CreditPerEvent = 48;

    private readonly Saboteur _saboteur = new(writer);
    private long _credit;
    private int _turn;
    private long _epoch;
    private long _supersededAt;

    /// <summary>The core it listens to; set once that exists.</summary>
    internal EngineCore Core { get; set; } = null!;

    internal Model Model { get; private set; } = null!;

    /// <summary>Another owner has taken over: what this life decides from now on must never be told.</summary>
    internal bool IsSuperseded { get; private set; }

    /// <summary>The call that is being decided, or null between calls.</summary>
    internal SimCall? Call { get; set; }

    /// <summary>Events of this life and all before it.</summary>
    internal long EventCount { get; private set; }

    /// <summary>Whether every worker of this world serves every type: then the first of all must be claimed.</summary>
    internal bool WorkersServeAll { get; set; }

    /// <summary>What the loop says of leases that ended while it stood still.</summary>
    internal Func<long>? NothingExpiresBefore { get; set; }

    public bool IsFull
    {
        get
        {
            if (!writer.IsFull)
            {
                return false;
            }

            Saw(Corner.BatchFull);
            return true;
        }
    }

    private long MonotonicMs => (long)inquest.World.Elapsed.TotalMilliseconds;

    /// <summary>The life has found its journal, which says what the model says.</summary>
    internal void Begin(Model model, long epoch)
    {
        (Model, _epoch) = (model, epoch);
        EventCount = inquest.EventCount;
    }

    /// <summary>Another life owns the journal from now on; what lies in it up to here is this one's word
    /// still.</summary>
    internal void Supersede()
    {
        IsSuperseded = true;
        _supersededAt = inquest.EventCount;
    }

    public void Recorded(in JobEvent fact, Job? job)
    {
        _saboteur.Write(fact, job);
        var e = Spelled(fact);
        EventCount++;
        if (IsSuperseded)
        {
            return;
        }

        SyncClock();
        var asked = (Call as SubmitCall)?.Request;
        inquest.Decided(e, Model.NowMs, asked);
        inquest.World.Note(((long)e.Kind << 56) ^ ((long)e.State << 48) ^ (e.JobId.GetHashCode() * 31L) ^ Model.NowMs);
        inquest.Trace?.WriteLine(
            $"{inquest.World.Elapsed} {EventCount} {e.Kind} {e.JobId} {e.State} due {e.DueMs} day {e.Day} now {Model.NowMs}");
        Check(e);
        Model.Apply(e, EventCount, asked);
        if (e.Kind is EventKind.RunStarted or EventKind.RunEnded && Model.Find(e.JobId) is { } ran)
        {
            CheckSlots(ran);
        }

        _credit += CreditPerEvent;
    }

    /// <summary>A submission by a lane that is known names nothing; the journal spells it out, and so does
    /// this.</summary>
    private static JobEvent Spelled(in JobEvent fact)
    {
        var e = fact;
        if (e.Kind == EventKind.JobSubmitted && e.KnownLane is { } lane)
        {
            (e.User, e.Project, e.Tier) = (lane.Owner.Id, lane.Project?.Id, lane.Tier.Name);
            (e.Type, e.Resources) = (lane.Type.Name, lane.ResourceNames);
        }

        return e;
    }

    public void Forgotten(JobId id) => writer.Forgotten(id);

    /// <summary>The instant of a batch is the wall clock's, unless that went back; nothing else is (A7).</summary>
    /// <param name="isDeciding">Whether something is being decided, and judged by the instant of now.</param>
    internal void SyncClock(bool isDeciding = true)
    {
        if (IsSuperseded)
        {
            return;
        }

        long wall = inquest.World.Clock.GetUtcNow().ToUnixTimeMilliseconds();
        long now = Core.State.Now.Ms;
        if (now != Math.Max(wall, Model.NowMs) && (isDeciding || now != Model.NowMs))
        {
            Fail("A7", $"The logical clock went from {Model.NowMs} to {now} while the wall clock says {wall}.");
        }

        if (now == Model.NowMs)
        {
            return;
        }

        if (Model.NowMs > 0 && Model.DayOf(now) != Model.Today && Model.Live > 0)
        {
            inquest.Sometimes.Saw(Corner.MidnightPassed);
        }

        Model.NowMs = now;
    }

    /// <summary>Looks at everything, as often as there is credit for it. The loop has done what it could.</summary>
    /// <param name="claims">Claims that wait for work, by the types they serve.</param>
    internal void AtRest(IReadOnlyList<string[]> claims)
    {
        CheckLeases();
        CheckKept();
        if (!Model.IsOrderedBy(Model.Options))
        {
            Fail("O1", $"The order in force is {Model.Ordering} ({Model.HeadStartMs}), the settings say otherwise.");
        }

        int jobs = Model.Jobs.Count + 8;
        int cost = _turn switch
        {
            0 => (Model.Queued.Count + 4) * (claims.Count + 1) * 2,
            1 => (Model.Scheduled.Count + 4) * 2,
            2 => jobs * 6,
            _ => jobs * 60,
        };
        if (_credit < cost)
        {
            return;
        }

        _credit -= cost;
        switch (_turn)
        {
            case 0:
                CheckNobodyWaitsInVain(claims);
                break;
            case 1:
                CheckNothingIsOverdue();
                break;
            case 2:
                Compare();
                break;
            default:
                CheckInside();
                break;
        }

        _turn = (_turn + 1) % 4;
    }

    /// <summary>Everything that can be looked at, at any price: after a recovery, and at the end.</summary>
    internal void CheckEverything()
    {
        Compare();
        CheckInside();
    }

    /// <summary>The state is the one that its facts give, in every field of it (D4). Everything that was decided is
    /// durable.</summary>
    /// <param name="sequence">The last frame.</param>
    internal void CheckHash(long sequence)
    {
        if (Core.State.ComputeHash() != inquest.HashAfter(sequence))
        {
            Fail("D4", $"After frame {sequence} the engine's state has another digest than a fold of its facts.");
        }
    }

    /// <summary>The order and structure inside the core, and what its answers are made of.</summary>
    private void CheckInside()
    {
        try
        {
            EngineInvariants.Check(Core);
        }
        catch (InvariantViolationException exception)
        {
            Fail("C", exception.Message);
        }
    }

    /// <summary>Of what has ended nothing is kept that is too old, too much, or too large (F26).</summary>
    private void CheckKept()
    {
        var options = Model.Options;
        if (Model.Ended.First is { Value: var oldest } && (Model.Ended.Count > options.RetentionCount
            || Model.EndedBytes > options.RetentionBytes
            || oldest.FinishedMs + (long)options.RetentionTime.TotalMilliseconds <= Model.NowMs))
        {
            Fail("F26",
                $"{Model.Ended.Count} ended jobs of {Model.EndedBytes} bytes are kept; the oldest, {oldest.Id}, ended "
                + $"at {oldest.FinishedMs}, and it is {Model.NowMs}.");
        }
    }

    /// <summary>Nobody who asked for work waits beside a job that may run (O6).</summary>
    private void CheckNobodyWaitsInVain(IReadOnlyList<string[]> claims)
    {
        foreach (string[] types in claims)
        {
            if (Model.Next(type => Array.IndexOf(types, type) >= 0) is { } job)
            {
                Fail("O6", $"A worker for {string.Join(", ", types)} waits, and {job.Id} may run.");
            }
        }
    }

    private void CheckNothingIsOverdue()
    {
        if (Model.Queued.Count > 0)
        {
            // Where jobs wait, some must wait for each of the limits.
            Corner? corner = Model.FullLimit(Model.Queued[0]) switch
            {
                WaitKind.UserSlots => Corner.WaitedForUserSlot,
                WaitKind.ProjectSlots => Corner.WaitedForProjectSlot,
                WaitKind.Resource => Corner.WaitedForResource,
                _ => null,
            };
            if (corner is { } seen)
            {
                Saw(seen);
            }
        }

        if (Model.Queued.Count < Model.Options.GlobalCap && Model.FirstOverdue() is { } job)
        {
            Fail("V1", $"{job.Id} was due at {job.DueMs}, there is room, and it is {Model.NowMs}.");
        }

        foreach (var waiting in Model.Awaiting)
        {
            if (waiting.DueMs <= Model.NowMs)
            {
                Fail("V1", $"The confirmation of {waiting.Id} was due at {waiting.DueMs}, and it is {Model.NowMs}.");
            }
        }
    }

    /// <summary>Compares every job, and every count, with the engine's.</summary>
    private void Compare()
    {
        var state = Core.State;
        if (state.Jobs.Count != Model.Jobs.Count)
        {
            Fail("D4", $"The engine keeps {state.Jobs.Count} jobs; its events give {Model.Jobs.Count}.");
        }

        foreach (var job in Model.Jobs.Values)
        {
            if (!state.Jobs.TryGetValue(job.Id, out var actual))
            {
                Fail("D4", $"{job.Id} is {job.State} by its events, and the engine does not know it.");
                return;
            }

            var expected = (job.State, job.Runs, job.Epoch, job.Used, job.Granted, job.Retries, job.Lost,
                job.CancelRequested,
                job.ChargedDay, job.Entry);
            var found = (actual.State, actual.Runs, actual.RunEpoch, actual.IterationsUsed, actual.IterationsGranted,
                (int)actual.Retries, (int)actual.LostRuns, actual.CancelRequested, actual.ChargedDay,
                    actual.EntrySequence);
            if (expected != found)
            {
                Fail(job.State.IsFinal ? "L2" : "D4",
                    $"{job.Id} is {expected} by its events, and the engine says {found}.");
                return;
            }
        }

        if (state.EndedBytes != Model.EndedBytes)
        {
            Fail("D4", $"The engine counts {state.EndedBytes} bytes of ended jobs; they carry {Model.EndedBytes}.");
        }

        if (state.Queued != Model.Queued.Count)
        {
            Fail("A1", $"The engine counts {state.Queued} queued jobs; there are {Model.Queued.Count}.");
        }

        foreach (var user in state.Users.Values)
        {
            int today = Model.Today;
            if (user.Allowance.ChargedTo(today) != Model.Charged(user.Id, today)
                || user.Allowance.UsedOn(today) != Model.UsedOn(user.Id, today))
            {
                Fail("A5",
                    $"User {user.Id} is charged with {user.Allowance.ChargedTo(today)} jobs for day {today} and told of "
                    + $"{user.Allowance.UsedOn(today)}; the events give {Model.Charged(user.Id, today)} and "
                    + $"{Model.UsedOn(user.Id, today)}.");
            }

            if (user.Slots.Used != Model.RunningOfUser(user.Id))
            {
                Fail("A3", $"User {user.Id} holds {user.Slots.Used} slots for {Model.RunningOfUser(user.Id)} runs.");
            }
        }

        CheckAllSlots();
    }

    private void Fail(string invariant, string message) => inquest.Fail(invariant, message);
}
