using Engine.Core;
using Engine.Core.Rules;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;

namespace Engine.Tests.Runtime;

/// <summary>Whoever folds many frames keeps lanes in mind: it must not show, whatever comes back after it was
/// forgotten.</summary>
public sealed class FoldingTests
{
    private readonly BatchWriter _writer = new();
    private readonly List<JournalFrame> _frames = [];
    private readonly EngineSettings _settings;
    private readonly EngineCore _core;
    private long _now = 1_790_000_000_000;
    private ulong _ids;

    public FoldingTests()
    {
        _settings = EngineSettings.From(new JobEngineOptions
        {
            Types = [new JobType { Name = "work" }, new JobType { Name = "other" }],
            Resources = { ["gpu"] = 5, ["disk"] = 5 },
            RetentionCount = 2,
            Tiers = [.. Tiers.CoFounder.Select(tier => tier with { DailyLimit = 1_000_000 })],
            GlobalCap = 100_000,
        });
        _core = new EngineCore(_settings, new MovingAverageEstimator(), _writer);
    }

    [Fact]
    public void D4_a_fold_that_knows_lanes_is_the_fold_that_reads_every_name()
    {
        ulong dice = 7;
        for (int frame = 0; frame < 400; frame++)
        {
            Begin();
            for (int i = 0; i < 5; i++)
            {
                dice = (dice * 6364136223846793005) + 1442695040888963407;
                uint roll = (uint)(dice >> 33);
                Submit($"user{roll % 4}", roll % 3 == 0 ? null : $"user{roll % 4}-p{roll % 2}",
                    roll % 5 == 0 ? "other" : "work", Resources(roll));
            }

            // Now and then everything ends and is forgotten, lanes and projects too.
            EndAll(frame % 10 == 9 ? int.MaxValue : 3);
            Seal();
        }

        var plain = Fold(remembers: false);
        var knowing = Fold(remembers: true);

        Assert.Equal(_core.State.ComputeHash(), plain.State.ComputeHash());
        Assert.Equal(_core.State.ComputeHash(), knowing.State.ComputeHash());
        EngineInvariants.Check(knowing);
    }

    /// <summary>An object that stands for no job has the id that no job should have: a reader that looked a job up
    /// early must not take one for the other.</summary>
    [Fact]
    public void F8_An_event_about_a_job_that_was_forgotten_just_before_is_refused_even_without_an_id()
    {
        int day = new Instant(_now).Day;
        var core = new EngineCore(_settings, new MovingAverageEstimator(), new BatchWriter());
        var folder = new Folder(core);
        folder.Apply(Frame(1, new JobEvent
        {
            Kind = EventKind.JobSubmitted,
            State = JobState.Queued,
            Day = day,
            Type = "work",
            User = "u",
            Tier = "cto_scale",
        }));

        var refusal = Assert.Throws<JournalDamagedException>(() => folder.Apply(Frame(
            2,
            new JobEvent { Kind = EventKind.RunStarted, Run = 1, Epoch = 1, Stage = -1 },
            new JobEvent { Kind = EventKind.RunEnded, End = RunEnd.Completed, State = JobState.Completed },
            new JobEvent { Kind = EventKind.JobsPurged, Count = 1 },
            new JobEvent { Kind = EventKind.StageEntered, Stage = 1 })));

        Assert.StartsWith("Event 4 of frame 2 (StageEntered", refusal.Message, StringComparison.Ordinal);
    }

    private JournalFrame Frame(long sequence, params JobEvent[] events)
    {
        var payload = new ByteWriter(64);
        foreach (var e in events)
        {
            EventCodec.Write(e, ref payload);
        }

        return new JournalFrame(sequence, 1, _now, events.Length, 0, payload.Written.ToArray());
    }

    private static string[]? Resources(uint roll) => (roll % 7) switch
    {
        0 => ["gpu"],
        1 => ["disk", "gpu"],
        _ => null,
    };

    private EngineCore Fold(bool remembers)
    {
        var core = new EngineCore(_settings, new MovingAverageEstimator(), new BatchWriter());
        var folder = new Folder(core);
        _frames.ForEach(frame => (remembers ? folder : new Folder(core)).Apply(frame));
        return core;
    }

    private void Begin()
    {
        _writer.Batch.Reset();
        _core.AdvanceTo(new Instant(_now += 10), _now);
    }

    private void Submit(string user, string? project, string type, string[]? resources) => Assert.Equal(
        SubmitOutcome.Queued,
        Submitting.Decide(_core, new Submission(
            JobId.New(_now, 0, ++_ids), false, type, user, project, "cto_scale", 0, default, resources, null, default))
            .Outcome);

    private void EndAll(int count)
    {
        JobTypeEntry[] types = [_core.TypeEntry("work"), _core.TypeEntry("other")];
        for (int i = 0; i < count && Claiming.Decide(_core, types, epoch: 1) is { } job; i++)
        {
            Assert.Equal(LeaseAnswer.Accepted, Finishing.Decide(_core, job.Lease, new RunOutcome.Completed()));
        }

        Retaining.Decide(_core);
    }

    private void Seal()
    {
        var frame = _writer.Batch.Frame;
        uint checksum = FrameCodec.Seal(
            frame.Written, _frames.Count + 1, 1, _now, _writer.Batch.EventCount, _frames.LastOrDefault().Checksum);
        _frames.Add(new JournalFrame(_frames.Count + 1, 1, _now, _writer.Batch.EventCount, checksum,
            frame.Written[FrameCodec.HeaderSize..].ToArray()));
    }
}
