using BenchmarkDotNet.Attributes;
using Engine.Bench.Throughput;
using Engine.Core;
using Engine.Core.Rules;
using Engine.Core.Scheduling;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;

namespace Engine.Bench.Micro;

/// <summary>What does a life cycle cost the one thread that decides, events encoded, without callers, channel and journal?
/// Its reciprocal is what the engine cannot exceed.</summary>
[MemoryDiagnoser]
public class CoreBenchmarks
{
    private const int CyclesPerBatch = 300;
    private readonly RunOutcome _done = new RunOutcome.Completed();
    private readonly RunLease[] _leases = new RunLease[CyclesPerBatch];
    private readonly BatchWriter _writer = new();
    private readonly Workload _workload = new(limited: true);
    private EngineCore _core = null!;
    private JobTypeEntry[] _types = [];
    private long _now = 1_790_000_000_000;
    private ulong _ids;

    [Params(1_000, 100_000, 1_000_000)]
    public int Queued { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        var options = new JobEngineOptions
        {
            GlobalCap = 10_000_000,
            Tiers = [.. Workload.TiersFor(limited: true)],
            Types = [new JobType { Name = Workload.JobType }],
            Resources = { [Workload.Resource] = 100_000 },
        };
        _core = new EngineCore(EngineSettings.From(options), new MovingAverageEstimator(), _writer);
        _types = [_core.TypeEntry(Workload.JobType)];
        Begin();
        for (int i = 0; i < Queued; i++)
        {
            Submit();
            if (_writer.IsFull)
            {
                Begin();
            }
        }

        // Until as many jobs have ended as are kept: from then on one is forgotten for each that ends.
        while (_core.State.Ended.Count < options.RetentionCount)
        {
            LifeCycles();
        }
    }

    /// <summary>Jobs are submitted, then claimed, then ended, 300 of each in one batch.</summary>
    [Benchmark(OperationsPerInvoke = CyclesPerBatch)]
    public int LifeCycles()
    {
        Begin();
        for (int i = 0; i < CyclesPerBatch; i++)
        {
            Submit();
        }

        Span<RunLease> leases = _leases;
        for (int i = 0; i < CyclesPerBatch; i++)
        {
            Job job = Claiming.Decide(_core, _types, epoch: 1) ?? throw new InvalidOperationException("Nothing runs.");
            leases[i] = job.Lease;
        }

        foreach (RunLease lease in leases)
        {
            if (Finishing.Decide(_core, lease, _done) != LeaseAnswer.Accepted)
            {
                throw new InvalidOperationException("A run could not end.");
            }
        }

        Retaining.Decide(_core);
        return _writer.Batch.EventCount;
    }

    private void Begin()
    {
        _writer.Batch.Reset();
        _core.AdvanceTo(new Instant(++_now), _now);
    }

    private void Submit()
    {
        JobRequest request = _workload.Next();
        Submission submission = RequestRules.ToSubmission(request, JobId.New(_now, 0, ++_ids));
        var names = default(LaneNames);
        EventCodec.WriteNames(submission, ref names);
        var hint = default(SubmitHint);
        for (int step = 0; step < Operation.PrepareSteps; step++)
        {
            Submitting.Prepare(_core, submission, names, ref hint, step);
        }

        EngineUnderTest.RequireQueued(Submitting.Decide(_core, submission, names, hint));
    }
}
