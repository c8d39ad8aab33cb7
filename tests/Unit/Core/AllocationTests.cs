using System.Text;
using Engine.Core;
using Engine.Core.Rules;
using Engine.Estimation;
using Engine.Runtime;

namespace Engine.Tests.Core;

/// <summary>What a job's life costs the garbage collector, in the core alone.</summary>
public sealed class AllocationTests
{
    // Measured: nothing for the job itself, and the object that keeps a result (72 bytes) for one that has one.
    [Theory]
    [InlineData("", 0)]
    [InlineData("{\"ok\":true}", 72)]
    public void The_life_of_a_job_allocates_nothing_but_what_its_result_is_kept_in_once_warm(string result, int bytesPerLife)
    {
        var options = new JobEngineOptions
        {
            Types = [new JobType { Name = "work" }],
            Tiers = [.. Tiers.CoFounder.Select(tier => tier with { DailyLimit = 1_000_000 })],
            RetentionCount = 100,
        };
        var writer = new BatchWriter();
        var core = new EngineCore(EngineSettings.From(options), new MovingAverageEstimator(), writer);
        JobTypeEntry[] types = [core.TypeEntry("work")];
        string[] users = [.. Enumerable.Range(0, 50).Select(i => $"user{i}")];
        var completed = new RunOutcome.Completed(Encoding.UTF8.GetBytes(result));
        ReadOnlyMemory<byte> payload = "{\"goal\":\"warm\"}"u8.ToArray();
        ulong lives = 0;
        long accepted = 0;
        long lived = 0;

        // Half of the jobs are of a tier with a higher boost.
        for (int i = 0; i < 100; i++)
        {
            Submit();
        }

        Live(20_000);
        long allocated = Allocations.Of(() => Live(10_000));

        // A collection that grows by a step in between is no allocation of each job.
        Assert.InRange(allocated, 0, (bytesPerLife * 10_000) + (16 * 1024));
        Assert.Equal(lived + (long)lives, accepted);
        Assert.Equal(99, core.State.Queued);
        Assert.Equal(100, core.State.Ended.Count);

        void Live(int count)
        {
            lived += count;
            for (int i = 0; i < count; i++)
            {
                core.AdvanceTo(new Instant(1_900_000_000_000 + (long)lives), (long)lives);
                writer.Batch.Reset();
                var job = Claiming.Decide(core, types, epoch: 1)!;
                accepted += Finishing.Decide(core, job.Lease, completed) == LeaseAnswer.Accepted ? 1 : 0;
                if (core.State.Queued < 99)
                {
                    Submit();
                }

                Retaining.Decide(core);
            }
        }

        void Submit()
        {
            string user = users[(int)(lives % 50)];
            var submission = new Submission(
                JobId.New(1_900_000_000_000, 0, lives++), false, "work", user, user, lives % 2 == 0 ? "partner" : "bootstrapper",
                0, payload, null, null, default);
            accepted += Submitting.Decide(core, submission).Outcome == SubmitOutcome.Queued ? 1 : 0;
        }
    }
}
