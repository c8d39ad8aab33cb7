using Engine.Simulation.Driver;

namespace Engine.Simulation.Actors;

/// <summary>One who claims runs and works on them: honestly, slowly, not at all, or with lies.</summary>
/// <param name="world">Its world.</param>
/// <param name="engine">Who has work.</param>
/// <param name="plan">What may go wrong.</param>
/// <param name="net">The way to the engine.</param>
/// <param name="dice">Its own.</param>
/// <param name="types">What it works on.</param>
/// <param name="isInProcess">Whether it works in the engine's own process, and stands still with it.</param>
internal sealed class Worker(
    World world, SimEngine engine, SimPlan plan, Net net, RandomStream dice, string[] types, bool isInProcess)
{
    private const int MaxRuns = 3;

    private readonly World _world = world;
    private readonly SimEngine _engine = engine;
    private readonly SimPlan _plan = plan;
    private readonly Net _net = net;
    private readonly RandomStream _dice = dice;
    private int _active;
    private bool _isClaiming;

    /// <summary>From now on it does its best.</summary>
    internal bool IsHonest { get; set; }

    /// <summary>Asks for work, if it has room and the engine is there.</summary>
    internal void Claim()
    {
        if (_isClaiming || _active >= MaxRuns)
        {
            return;
        }

        _isClaiming = true;
        int room = MaxRuns - _active;
        Send(() =>
        {
            if (!_engine.IsUp)
            {
                _isClaiming = false;
                return;
            }

            bool waits = IsHonest || _dice.Chance(0.9);
            _engine.Claim(types, room, waits, runs => Send(() =>
            {
                _isClaiming = false;
                foreach (var run in runs ?? [])
                {
                    Begin(run);
                }

                if (runs is { Count: > 0 })
                {
                    Claim();
                }
                else
                {
                    // Nothing to do, or the connection was lost: both are tried again.
                    In(_dice.Between(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10)), Claim);
                }
            }));
        });
    }

    private void Begin(ClaimedRun run)
    {
        _active++;
        var how = Manner.Honest;
        int luck = _dice.Below(100);
        var length = _dice.Between(TimeSpan.FromMilliseconds(50), _plan.LongestRun);
        if (!IsHonest)
        {
            how = luck switch
            {
                < 6 when _plan.Has(Faults.WorkerCrash) => Manner.Crashing,
                < 18 when _plan.Has(Faults.Zombie) => Manner.Zombie,
                < 24 when _plan.Has(Faults.Liar) => Manner.Lying,
                _ => Manner.Honest,
            };
        }

        new Work(this, run, how, length).Start();
    }

    private void Ended()
    {
        _active--;
        Claim();
    }

    private void Send(Action what) => In(_net.Delay(), what);

    private void In(TimeSpan delay, Action what) =>
        _world.In(delay, isInProcess ? () => _engine.InProcess(what) : what);

    private enum Manner
    {
        Honest,
        Crashing,
        Zombie,
        Lying,
    }

    /// <summary>The work on one run.</summary>
    private sealed class Work(Worker owner, ClaimedRun run, Manner how, TimeSpan length)
    {
        private readonly RandomStream _dice = owner._dice;
        private readonly SimEngine _engine = owner._engine;
        private bool _isOver;
        private int _stage;

        private TimeSpan Lease => _engine.Options.LeaseDuration;

        internal void Start()
        {
            if (how == Manner.Crashing)
            {
                // Whoever starts it again knows nothing of the run.
                owner.In(_dice.Between(TimeSpan.Zero, length), Over);
                return;
            }

            if (how == Manner.Zombie)
            {
                var pause = new TimeSpan((long)(Lease.Ticks * _dice.Fraction() * 4));
                owner.In(pause, () => Say(Outcome(), _ => Over()));
                return;
            }

            Beat();
            int iterations = owner._plan.Has(Faults.Iterations) && _dice.Chance(0.4) ? _dice.Below(5) + 1 : 0;
            if (iterations > 0)
            {
                Iterate(iterations);
            }
            else
            {
                Finish();
            }
        }

        private void Beat() => owner.In(Lease / 3, () =>
        {
            if (!_isOver)
            {
                owner.Send(() => _engine.Heartbeat(run.Lease, (answer, known) =>
                {
                    if (known && answer == LeaseAnswer.CancelRequested)
                    {
                        Say(new RunOutcome.Stopped(), _ => Over());
                    }
                    else if (known && answer == LeaseAnswer.LeaseLost)
                    {
                        Over();
                    }
                }));
                Beat();
            }
        });

        private void Iterate(int left)
        {
            if (left == 0)
            {
                Finish();
                return;
            }

            owner.In(length / (left + 1), () => Unless(() => _engine.BeginIteration(run.Lease, (answer, known) =>
            {
                if (!known || answer is IterationAnswer.LeaseLost)
                {
                    Over();
                }
                else if (answer == IterationAnswer.Granted)
                {
                    Iterate(left - 1);
                }
                else if (answer == IterationAnswer.CancelRequested)
                {
                    Say(new RunOutcome.Stopped(), _ => Over());
                }
                else if (answer == IterationAnswer.Suspend)
                {
                    Say(new RunOutcome.Suspended(Checkpoint()), _ => Over());
                }
                else
                {
                    Finish();
                }
            })));
        }

        private void Finish()
        {
            if (run.Type == SimNames.Staged && _stage < 2)
            {
                owner.In(length / 3, () => Unless(() => _engine.MoveToStage(run.Lease, SimNames.Stages[_stage + 1],
                    (answer, known) =>
                {
                    _stage++;
                    if (known && answer == LeaseAnswer.Accepted)
                    {
                        Finish();
                    }
                    else if (known && answer == LeaseAnswer.CancelRequested)
                    {
                        Say(new RunOutcome.Stopped(), _ => Over());
                    }
                    else
                    {
                        Over();
                    }
                })));
                return;
            }

            if (_dice.Chance(0.1))
            {
                owner.Send(() => _engine.Report(run.Lease, _dice.Below(101), static (_, _) => { }));
            }

            owner.In(length / (run.Type == SimNames.Staged ? 3 : 1), () => Unless(() =>
            {
                if (how == Manner.Lying)
                {
                    Lie();
                }
                else
                {
                    Say(Outcome(), Ended);
                }
            }));
        }

        private void Ended(LeaseAnswer? answer)
        {
            if (answer == LeaseAnswer.IllegalMove)
            {
                Say(new RunOutcome.Failed("The handler completed too early.", "sim", Retryable: false), _ => Over());
            }
            else
            {
                Over();
            }
        }

        /// <summary>Words under leases that were never given, and the same word twice.</summary>
        private void Lie()
        {
            var lies = new[]
            {
                run.Lease with { Epoch = run.Lease.Epoch + 1 },
                run.Lease with { Epoch = run.Lease.Epoch - 1 },
                run.Lease with { Run = run.Lease.Run + 1 },
                run.Lease with { Run = run.Lease.Run - 1 },
            };
            owner.Send(() => _engine.EndRun(lies[_dice.Below(lies.Length)], new RunOutcome.Completed(), (answer,
                known) =>
            {
                if (known && answer == LeaseAnswer.LeaseLost)
                {
                    _engine.Inquest.Sometimes.Saw(Corner.WrongEpochRefused);
                }
            }));
            Say(Outcome(), _ => { });
            Say(new RunOutcome.Completed(), Ended);
        }

        /// <summary>Bytes that tell one run's from another's.</summary>
        private byte[] Checkpoint() =>
            [(byte)run.Lease.Run, .. run.Payload.IsEmpty ? [0, 0] : run.Payload[..1].ToArray(), (byte)run.Lease.Epoch];

        private RunOutcome Outcome()
        {
            int luck = _dice.Below(100);
            if (owner.IsHonest || !owner._plan.Has(Faults.Failure) || luck >= 25)
            {
                return new RunOutcome.Completed(luck < 50 ? new byte[] { 42 } : default(ReadOnlyMemory<byte>));
            }

            return luck switch
            {
                < 18 => new RunOutcome.Failed("It did not work.", "sim"),
                < 21 => new RunOutcome.Failed("It never will.", "sim", Retryable: false),
                _ => new RunOutcome.Stopped(),
            };
        }

        private void Say(RunOutcome outcome, Action<LeaseAnswer?> then) => owner.Send(() =>
            _engine.EndRun(run.Lease, outcome, (answer, known) => then(known ? answer : null)));

        private void Unless(Action what)
        {
            if (!_isOver)
            {
                what();
            }
        }

        private void Over()
        {
            if (!_isOver)
            {
                _isOver = true;
                owner.Ended();
            }
        }
    }
}
