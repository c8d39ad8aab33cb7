using Engine.Simulation.Driver;

namespace Engine.Simulation;

/// <summary>A worker whose work is a delay; it keeps its leases alive and moves through pipelines by itself.</summary>
internal sealed class SimulatedWorker(
    World world, SimEngine engine, string[] types, int capacity, Func<ClaimedRun, SimulatedRun> work)
{
    private static readonly TimeSpan Latency = TimeSpan.FromMilliseconds(1);

    private int _active;
    private bool _isClaiming;

    internal void Claim()
    {
        if (_isClaiming || _active >= capacity || !engine.IsUp)
        {
            return;
        }

        _isClaiming = true;
        engine.Claim(types, capacity - _active, waits: true, runs => world.In(Latency, () =>
        {
            _isClaiming = false;
            foreach (var run in runs ?? [])
            {
                Begin(run);
            }

            Claim();
        }));
    }

    private void Begin(ClaimedRun run)
    {
        _active++;
        var plan = work(run);
        bool isOver = false;
        world.In(plan.Duration, () =>
        {
            if (isOver)
            {
                return;
            }

            if (plan.Outcome is { } outcome)
            {
                MoveOn(run, outcome, StagesOf(run), 1);
            }

            Over();
        });
        Beat();

        void Beat() => world.In(engine.Options.LeaseDuration / 3, () =>
        {
            if (isOver)
            {
                return;
            }

            engine.Heartbeat(run.Lease, (answer, known) =>
            {
                if (known && answer == LeaseAnswer.CancelRequested)
                {
                    engine.EndRun(run.Lease, new RunOutcome.Stopped(), static (_, _) => { });
                    Over();
                }
                else if (known && answer == LeaseAnswer.LeaseLost)
                {
                    Over();
                }
            });
            Beat();
        });

        void Over()
        {
            if (!isOver)
            {
                isOver = true;
                _active--;
                Claim();
            }
        }
    }

    private IReadOnlyList<Stage> StagesOf(ClaimedRun run) =>
        engine.Options.Types.FirstOrDefault(type => type.Name == run.Type)?.Pipeline?.Stages ?? [];

    /// <summary>Through the stages that are left, then to the end.</summary>
    private void MoveOn(ClaimedRun run, RunOutcome outcome, IReadOnlyList<Stage> stages, int next)
    {
        if (outcome is RunOutcome.Completed && next < stages.Count)
        {
            engine.MoveToStage(run.Lease, stages[next].Name, (answer, known) =>
            {
                if (known && answer == LeaseAnswer.Accepted)
                {
                    MoveOn(run, outcome, stages, next + 1);
                }
            });
            return;
        }

        engine.EndRun(run.Lease, outcome, static (_, _) => { });
    }
}
