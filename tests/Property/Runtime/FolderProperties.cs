using Engine.Core;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Stories;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Engine.Tests.Runtime;

/// <summary>Whoever reads events ahead of applying them must end where one comes who does not: whatever was forgotten
/// and came again between the look and the deed.</summary>
public sealed class FolderProperties(ITestOutputHelper output)
{
    [Fact]
    public void D4_Events_read_a_few_at_a_time_give_the_state_of_events_applied_one_by_one() =>
        Law.Holds(output, 300, Regrouped.Any(Regrouped.Forgetful), Regrouped.Shorter, journal => Compare(journal));

    [Fact]
    public void D4_The_same_of_whatever_can_happen() =>
        Law.Holds(output, 150, Regrouped.Any(StoryGen.Mixed), Regrouped.Shorter, journal => Compare(journal));

    [Fact]
    public void F8_An_event_that_contradicts_those_before_it_is_refused_by_its_number_wherever_it_stands() =>
        Law.Holds(output, 600, Damaged, Shorter, CompareDamaged);

    /// <summary>The laws above say nothing about journals in which nothing comes again within a group, or damage that
    /// never shows.</summary>
    [Fact]
    public void The_journals_bring_back_jobs_lanes_and_users_within_one_group()
    {
        var found = new Comebacks();
        foreach (var journal in Regrouped.Any(Regrouped.Forgetful).Sample(150, new Rnd(42), 50))
        {
            Compare(journal with { Sizes = [16] }, found);
        }

        int refused = Damaged.Sample(200, new Rnd(42), 50).Count(damage => DamagedEvent(damage) > 0);
        string counts = $"{found.Jobs} jobs, {found.Lanes} lanes, {found.Users} users; {refused} of 200 refused";
        output.WriteLine(counts);
        Assert.True(found is { Jobs: > 20, Lanes: > 20, Users: > 5 } && refused is > 60 and < 195, counts);
    }

    private static void Compare(Regrouped journal, Comebacks? found = null)
    {
        var play = Play.Of(journal.Story);
        var (plain, folded) = (play.Engine.NewCore(), play.Engine.NewCore());
        var folder = new Folder(folded);
        foreach (var frame in journal.Frames(play))
        {
            found?.Before(plain);
            Assert.Equal(frame.EventCount, Regrouped.ApplyOneByOne(plain, frame, job => found?.After(plain, job)));
            folder.Apply(frame);
            Assert.Equal(plain.State.ComputeHash(), folded.State.ComputeHash());
        }

        EngineInvariants.Check(folded);
        Assert.Equal(play.Engine.Core.State.ComputeHash(), folded.State.ComputeHash());
    }

    private static Gen<Damage> Damaged =>
        from journal in Regrouped.Any(Gen.OneOf(Regrouped.Forgetful, StoryGen.Mixed))
        from frame in Gen.Choose(0, 1000)
        from place in Gen.Choose(0, 1000)
        from other in Gen.Choose(0, 1000)
        from kind in Gen.Choose(0, Damage.Kinds - 1)
        select new Damage(journal, frame, place, other, kind);

    private static IEnumerable<Damage> Shorter(Damage damage) =>
        Regrouped.Shorter(damage.Journal).Select(journal => damage with { Journal = journal });

    private static void CompareDamaged(Damage damage) => DamagedEvent(damage);

    /// <returns>The number of the event that was refused; 0 when none was.</returns>
    private static int DamagedEvent(Damage damage)
    {
        var play = Play.Of(damage.Journal.Story);
        var frames = damage.Journal.Frames(play);
        damage.Do(frames);
        var (plain, folded) = (play.Engine.NewCore(), play.Engine.NewCore());
        var folder = new Folder(folded);
        foreach (var frame in frames)
        {
            int applied = Regrouped.ApplyOneByOne(plain, frame);
            if (applied < frame.EventCount)
            {
                var refusal = Assert.Throws<JournalDamagedException>(() => folder.Apply(frame));
                Assert.StartsWith(
                    $"Event {applied + 1} of frame {frame.Sequence} (", refusal.Message, StringComparison.Ordinal);
                return applied + 1;
            }

            folder.Apply(frame);
            Assert.Equal(plain.State.ComputeHash(), folded.State.ComputeHash());
        }

        return 0;
    }

    /// <summary>One event of a journal is lost, doubled, moved or altered, under sound checksums.</summary>
    private sealed record Damage(Regrouped Journal, int Frame, int Place, int Other, int Kind)
    {
        internal const int Kinds = 9;

        internal void Do(List<JournalFrame> frames)
        {
            var withEvents = frames.Where(frame => frame.EventCount > 0).ToList();
            if (withEvents.Count == 0)
            {
                return;
            }

            // Rather in a large frame: there, some events are read before those in front of them are applied.
            var frame = withEvents.OrderByDescending(frame => frame.EventCount)
                .ElementAt(Frame % ((withEvents.Count + 2) / 3));
            var events = Walk.Events([frame]).Select(entry => entry.Event).ToList();
            int place = Place % events.Count;
            int other = Other % events.Count;
            var e = events[place];
            switch (Kind)
            {
                case 0:
                    events.RemoveAt(place);
                    break;
                case 1:
                    events.Insert(other, e);
                    break;
                case 2:
                    (events[place], events[other]) = (events[other], e);
                    break;
                case 3:
                    events[place] = e with { JobId = events[other].JobId };
                    break;
                case 4:
                    events[place] = e with { JobId = Play.IdOf(Other) };
                    break;
                case 5:
                    events[place] = e with { Run = e.Run + 1, Count = e.Count + 1 };
                    break;
                case 6:
                    events[place] = e with { State = (JobState)(Other % 10) };
                    break;
                case 7:
                    events.Insert(place, new JobEvent { Kind = EventKind.JobsPurged, Count = 1 });
                    break;
                default:
                    events.RemoveAll(each => each.Kind == EventKind.JobsPurged);
                    break;
            }

            frames[frames.IndexOf(frame)] = Regrouped.Frame(frame.Sequence, frame.InstantMs, events);
        }
    }

    /// <summary>What was there when a frame began, was forgotten in it, and came again in it.</summary>
    private sealed class Comebacks
    {
        private readonly Dictionary<JobId, long> _jobs = [];
        private readonly Dictionary<string, object> _lanes = new(StringComparer.Ordinal);
        private readonly Dictionary<string, object> _users = new(StringComparer.Ordinal);

        internal int Jobs { get; private set; }

        internal int Lanes { get; private set; }

        internal int Users { get; private set; }

        internal void Before(EngineCore core)
        {
            _jobs.Clear();
            _lanes.Clear();
            _users.Clear();
            foreach (var job in core.State.Jobs.Values)
            {
                _jobs[job.Id] = job.Sequence;
                _lanes[NameOf(job)] = job.Lane;
            }

            foreach (var user in core.State.Users.Values)
            {
                _users[user.Id] = user;
            }
        }

        internal void After(EngineCore core, Job? job)
        {
            if (job is null || job.LastEventId != core.State.LastEventId || job.Runs > 0)
            {
                return;
            }

            Jobs += _jobs.Remove(job.Id, out long sequence) && sequence != job.Sequence ? 1 : 0;
            Lanes += _lanes.Remove(NameOf(job), out var lane) && !ReferenceEquals(lane, job.Lane) ? 1 : 0;
            Users += _users.Remove(job.User.Id, out var user) && !ReferenceEquals(user, job.User) ? 1 : 0;
        }

        private static string NameOf(Job job) =>
            $"{job.User.Id}/{job.Project?.Id}/{job.Type.Name}/{job.Tier.Name}/" +
            string.Join(',', job.Lane.ResourceNames ?? []);
    }
}
