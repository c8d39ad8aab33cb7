using System.Reflection;
using Engine.Core;
using Engine.Core.Imaging;
using Engine.Core.Rules;
using Engine.Core.Scheduling;
using Engine.Estimation;
using Engine.Runtime;

namespace Engine.Tests.Core.Imaging;

/// <summary>What is kept of jobs while an image is taken of a state that goes on.</summary>
public sealed class CopiedJobsTests
{
    // Where the job is in the state, and what follows from other facts: no part of an image.
    private static readonly string[] NoFacts =
    [
        nameof(Job.Key), nameof(Job.NextKeyInLane), nameof(Job.Ticket), nameof(Job.IsOverdue), nameof(Job.IsMilestone),
        nameof(Job.TableNumber), nameof(Job.TableHash), nameof(Job.ImageNumber), nameof(Job.LivePlace),
        nameof(Job.LeasePlace), nameof(Job.LeaseEndsMs), nameof(Job.PreviousInLane), nameof(Job.NextInLane),
        nameof(Job.PreviousOfUser), nameof(Job.NextOfUser),
    ];

    /// <summary>Of every field there is, so that one that is added is either copied or named above.</summary>
    [Fact]
    public void D4_A_copy_has_every_fact_of_its_job_whatever_becomes_of_it()
    {
        FieldInfo[] fields = [.. typeof(Job)
            .GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            .Where(field => !NoFacts.Contains(field.Name))];
        var job = new Job { Lane = LaneOf("u") };
        job.User = job.Lane.Owner;
        for (int i = 0; i < fields.Length; i++)
        {
            if (ValueFor(fields[i].FieldType, i + 1) is { } value)
            {
                fields[i].SetValue(job, value);
            }
        }

        job.State = JobState.Completed;
        job.Details = new JobDetails { Message = "done", Result = new byte[] { 1, 2 } };
        var expected = fields.ToDictionary(field => field.Name, field => field.GetValue(job));
        using var copies = new CopiedJobs();
        copies.Add(job);
        job.Details.Message = "changed";
        job.Reset();
        copies.Sort();

        var copy = copies.At(0);
        Assert.Equal(("done", 2), (copy.Details!.Message, copy.Details.Result.Length));
        expected[nameof(Job.Details)] = copy.Details;
        Assert.All(fields, field => Assert.Equal(
            (field.Name, expected[field.Name]), (field.Name, field.GetValue(copy))));
    }

    [Fact]
    public void Live_jobs_come_in_the_order_of_submission_and_the_others_in_that_of_their_ends()
    {
        // Several pieces of every kind, in no order at all.
        const int Count = 20_000;
        var dice = new Random(5);
        int[] sequences = [.. Enumerable.Range(1, Count)];
        dice.Shuffle(sequences);
        Lane[] lanes = [LaneOf("a"), LaneOf("b")];
        using var copies = new CopiedJobs();
        foreach (int sequence in sequences)
        {
            copies.Add(new Job
            {
                Sequence = sequence,
                LastEventId = (2 * Count) - sequence,
                State = sequence % 3 == 0 ? JobState.Failed : JobState.Queued,
                Lane = lanes[sequence % 2],
            });
        }

        copies.Sort();
        long[] found = [.. Enumerable.Range(0, copies.Count).Select(copies.SequenceAt)];
        Assert.Equal(Count / 3, copies.EndedCount);
        Assert.Equal(Enumerable.Range(1, Count).Where(i => i % 3 != 0).Select(i => (long)i), found[..copies.LiveCount]);
        Assert.Equal(
            Enumerable.Range(1, Count).Where(i => i % 3 == 0).Select(i => (long)i).Reverse(), found[copies.LiveCount..]);
        Assert.All(Enumerable.Range(0, Count), place =>
        {
            Assert.Same(lanes[found[place] % 2], copies.LaneAt(place));
            Assert.Equal((found[place], copies.LaneAt(place)), (copies.At(place).Sequence, copies.At(place).Lane));
        });
        Job one = copies.At(7);
        Assert.NotSame(one, copies.At(8));
        Assert.Equal(found[7], one.Sequence);
    }

    [Fact]
    public void What_was_copied_cannot_be_read_after_it_was_given_back()
    {
        var copies = new CopiedJobs();
        copies.Add(new Job { Lane = LaneOf("u") });
        copies.Sort();
        Assert.Throws<ArgumentOutOfRangeException>(() => new OffHeap<long>()[0]);

        copies.Dispose();
        copies.Dispose();
        Assert.Throws<ObjectDisposedException>(() => copies.At(0));
        Assert.Throws<ObjectDisposedException>(() => copies.SequenceAt(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => copies.LaneAt(0));
        Assert.Throws<ObjectDisposedException>(() => copies.Add(new Job { Lane = LaneOf("u") }));
    }

    /// <summary>As objects they were 300 bytes each, all of which the collector moved twice while everybody waited: most
    /// of what a snapshot cost the loop, and all of its pauses.</summary>
    [Fact]
    public void An_image_of_a_state_hardly_concerns_the_collector()
    {
        const int Jobs = 50_000;
        var writer = new BatchWriter();
        var core = new EngineCore(
            EngineSettings.From(new JobEngineOptions
            {
                Types = [new JobType { Name = "work" }],
                GlobalCap = Jobs,
                Tiers = [new Tier { Name = "free", DailyLimit = Jobs }],
            }),
            new MovingAverageEstimator(),
            writer);
        for (int i = 0; i < Jobs; i++)
        {
            writer.Batch.Reset();
            var submission = new Submission(
                JobId.New(1, 0, (ulong)i), true, "work", $"u{i % 50}", null, "free", 0, new byte[3], null, null, default);
            Assert.Equal(SubmitOutcome.Queued, Submitting.Decide(core, submission).Outcome);
        }

        ImageTaker? taker = null;
        long allocated = Allocations.Of(() =>
        {
            taker = new ImageTaker(core.State, 1, core.State.Now);
            taker.Advance(int.MaxValue);
        });
        using var image = taker!.ToImage();
        Assert.Equal(Jobs, image.Jobs.LiveCount);
        Assert.InRange(allocated, 0, 40 * Jobs);
    }

    private static Lane LaneOf(string user)
    {
        var core = new EngineCore(
            EngineSettings.From(new JobEngineOptions { Types = [new JobType { Name = "work" }] }),
            new MovingAverageEstimator(),
            new BatchWriter());
        return core.State.LaneOf(
            core.TypeEntry("work"), core.TierEntry("bootstrapper"), core.State.UserOf(user), null, null);
    }

    // Different in every field, and different from what a new job has.
    private static object? ValueFor(Type type, int number) => Type.GetTypeCode(type) switch
    {
        TypeCode.Boolean => true,
        TypeCode.Object when type == typeof(JobId) => new JobId(new Guid(number, 1, 2, new byte[8])),
        TypeCode.Object when type == typeof(Instant) => new Instant(1000 + number),
        TypeCode.Object when type == typeof(ReadOnlyMemory<byte>) => new ReadOnlyMemory<byte>(new byte[number]),
        TypeCode.Object => null,
        _ when type.IsEnum => Enum.ToObject(type, 2),
        var code => Convert.ChangeType(number, code, System.Globalization.CultureInfo.InvariantCulture),
    };
}
