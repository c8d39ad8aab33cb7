using Engine.Core;
using Engine.Runtime;

namespace Engine.Tests.Runtime;

/// <summary>What the ring of updates keeps, against a plain list of everything that was ever published.</summary>
public sealed class LiveFeedTests
{
    private const int Jobs = 100;

    private readonly StatusBook _statuses = new();
    private readonly LiveFeed _feed = new();
    private readonly List<JobUpdate> _all = [];
    private readonly JobId[] _jobs = [.. Enumerable.Range(0, Jobs).Select(i => JobId.New(1, 0, (ulong)i))];
    private readonly Random _random = new(7);
    private long _lastEventId = 1000;

    public LiveFeedTests() => _feed.StartAfter(_lastEventId);

    [Fact]
    public void A_reader_resumes_with_exactly_what_the_ring_still_holds_whatever_was_written_over()
    {
        for (int turn = 0; turn < 400; turn++)
        {
            // Mostly batches as the loop makes them; some are larger than the ring. Messages come, and stay away for
            // a while.
            int size = _random.Next(20) == 0 ? _random.Next(3 * LiveFeed.RingSize) : _random.Next(600);
            Publish(size, messages: turn / 20 % 2 == 0 ? 0.3 : 0);

            var job = _jobs[_random.Next(Jobs)];
            var told = _all.TakeLast(LiveFeed.RingSize).ToList();
            long forgotten = _all.Count > told.Count ? _all[^(told.Count + 1)].EventId : 1000;
            long after = _random.NextInt64(Math.Max(0, forgotten - 500), _lastEventId + 1);
            var watcher = _feed.Watch(Snapshot(job), after, out bool mustResync);
            _feed.Remove(watcher);

            Assert.Equal(after < forgotten, mustResync);
            Assert.Equal(
                mustResync ? [] : told.Where(update => update.JobId == job && update.EventId > after),
                Read(watcher));
        }
    }

    [Fact]
    public void Those_who_watch_are_told_all_of_a_batch_that_is_larger_than_the_ring()
    {
        var all = _feed.WatchAll(_lastEventId);
        Publish(10, messages: 1);
        var one = _feed.Watch(Snapshot(_jobs[3]), null, out _);

        Publish(LiveFeed.RingSize + (LiveFeed.RingSize / 2), messages: 0.5);

        Assert.Equal(_all.Take(LiveFeed.WatcherCapacity), Read(all));
        var ofOne = _all.Skip(10).Where(update => update.JobId == _jobs[3]).ToList();
        Assert.Equal(ofOne, Read(one));
        Assert.InRange(ofOne.Count, 150, LiveFeed.WatcherCapacity);
    }

    [Fact]
    public async Task What_was_true_then_is_told_after_types_were_configured_anew()
    {
        await using var engine = await TestEngine.StartAsync();
        var id = await engine.SubmitQueuedAsync(type: "build");
        var run = await engine.ClaimOneAsync();
        await engine.Engine.MoveToStageAsync(run.Lease, "scaffold");
        await ConfigureAsync(Pipeline.Build with
        {
            Stages = [.. Pipeline.Build.Stages.Select(stage => stage with { Label = stage.Label.ToUpperInvariant() })],
        });
        await engine.Engine.MoveToStageAsync(run.Lease, "code");
        await ConfigureAsync(null);
        await engine.Engine.ReportProgressAsync(run.Lease, 50);
        await ConfigureAsync(Pipeline.Build);
        await engine.Engine.MoveToStageAsync(run.Lease, "deps");

        using var watch = await engine.Engine.WatchAsync(id, afterEventId: 0);
        await engine.Engine.CancelAsync(id);
        await engine.Engine.EndRunAsync(run.Lease, new RunOutcome.Stopped());

        Assert.Equal(
            [
                ("queued", "Queued..."), ("starting", "Starting..."), ("scaffold", "Scaffolding workspace..."),
                ("code", "WRITING CODE..."), ("running", "Running..."), ("deps", "Installing dependencies..."),
                ("deps", "Installing dependencies..."), ("failed", "Build failed"),
            ],
            (await Updates.AllAsync(watch!)).Select(update => (update.Status, update.StatusLabel)));

        ValueTask ConfigureAsync(Pipeline? pipeline) => engine.Engine.ReconfigureAsync(
            options => options.Types = [.. options.Types.Select(
                type => type.Name == "build" ? type with { Pipeline = pipeline } : type)]);
    }

    [Fact]
    public void Equal_statuses_share_a_number_however_often_types_are_configured()
    {
        var build = new JobType { Name = "build", Pipeline = Pipeline.Build };
        var first = _statuses.TableFor(build);
        int count = _statuses.Count;

        for (int i = 0; i < 100; i++)
        {
            var copy = build.Pipeline with { Stages = [.. build.Pipeline.Stages] };
            Assert.NotSame(first, _statuses.TableFor(build with { Pipeline = copy }));
        }

        Assert.Equal(count, _statuses.Count);
    }

    private static List<JobUpdate> Read(Watcher watcher)
    {
        var updates = new List<JobUpdate>();
        while (watcher.Channel.Reader.TryRead(out var update))
        {
            updates.Add(update);
        }

        return updates;
    }

    private JobView Snapshot(JobId id) => new()
    {
        Id = id,
        Type = "work",
        UserId = "u",
        Tier = "partner",
        State = JobState.Running,
        Status = "",
        StatusLabel = "",
        LastEventId = _lastEventId,
    };

    private void Publish(int size, double messages)
    {
        var batch = new RecordedUpdates();
        var at = DateTimeOffset.FromUnixTimeMilliseconds(_lastEventId);
        for (int i = 0; i < size; i++)
        {
            var job = _jobs[_random.Next(Jobs)];
            var kind = (JobUpdateKind)_random.Next(1, 4);
            var state = (JobState)_random.Next((int)JobState.Completed);
            string message = _random.NextDouble() < messages ? $"message {_lastEventId}" : "";
            ref var update = ref batch.Add(message);
            (update.EventId, update.JobId, update.Value) = (++_lastEventId, job, i);
            update.Became((int)state, kind);
            var status = _statuses[(int)state];
            _all.Add(new JobUpdate(_lastEventId, job, kind, state, status.Name, status.Label, message, at, i));
        }

        _lastEventId += _random.Next(3);
        _feed.Publish(batch, at, _statuses);
    }
}
