using Engine.Simulation.Driver;

namespace Engine.Simulation.Actors;

/// <summary>What happens to machines, clocks and settings, as often as the plan says.</summary>
internal sealed class Chaos(World world, SimEngine engine, SimPlan plan)
{
    private readonly RandomStream _crash = world.Stream("chaos.crash");
    private readonly RandomStream _clock = world.Stream("chaos.clock");
    private readonly RandomStream _settings = world.Stream("chaos.settings");
    private readonly RandomStream _pauses = world.Stream("chaos.standstill");

    private bool _isOver;

    internal void Start()
    {
        engine.MayLosePower = plan.Has(Faults.Power);
        engine.PortCrashChance = plan.Has(Faults.PortCrash) ? 0.002 : 0;
        Every(_crash, plan.Has(Faults.Kill) || plan.Has(Faults.Power), 1, engine.Crash);
        Every(_crash, plan.Has(Faults.Kill) && plan.Has(Faults.PortCrash), 2, CrashSoonAfterStart);
        Every(_crash, plan.Has(Faults.TakeOver), 1.5, TakeOver);
        Every(_crash, plan.Has(Faults.Stop), 2, () => engine.StopGracefully(TimeSpan.FromSeconds(10)));
        Every(_pauses, plan.Has(Faults.StandStill), 1.5, StandStill);
        Every(_clock, plan.Has(Faults.ClockStep), 0.7, StepClock);
        Every(_clock, plan.Has(Faults.ClockRate), 0.7, ChangeRate);
        Every(_clock, plan.Has(Faults.Midnight), 1.2, GoToMidnight);
        Every(_settings, plan.Has(Faults.Settings), 0.8, ChangeSettings);
    }

    /// <summary>Nothing happens any more, and every clock goes as it should.</summary>
    internal void End()
    {
        _isOver = true;
        engine.MayLosePower = false;
        engine.PortCrashChance = 0;
        engine.GoOn();
        world.Clock.WallRate = 1;
    }

    /// <summary>A wall clock that was set back stands still for the engine until it has caught up: that is
    /// now.</summary>
    internal void CatchUp(long logicalMs)
    {
        var logical = DateTimeOffset.FromUnixTimeMilliseconds(Math.Max(logicalMs, 0));
        if (world.Clock.GetUtcNow() < logical)
        {
            world.Clock.SetWall(logical);
        }
    }

    private void Every(RandomStream dice, bool happens, double factor, Action what)
    {
        if (happens)
        {
            Plan();
        }

        void Plan() => world.In(new TimeSpan((long)(plan.Trouble.Ticks * factor * 2 * dice.Fraction()) + 1), () =>
        {
            if (!_isOver)
            {
                what();
                Plan();
            }
        });
    }

    private void CrashSoonAfterStart()
    {
        engine.Crash();
        world.In(engine.Downtime + TimeSpan.FromMilliseconds(1), () =>
        {
            if (!_isOver)
            {
                engine.Crash();
            }
        });
    }

    private void TakeOver() => engine.TakeOver(_crash.Between(
        TimeSpan.Zero, _crash.Chance(0.5) ? TimeSpan.FromMilliseconds(200) : engine.Options.LeaseDuration * 3));

    /// <summary>As a process does that was stopped by a signal, or whose machine has no time for it: for a moment, for
    /// some leases, or for a quarter of an hour.</summary>
    private void StandStill() => engine.StandStill(_pauses.Between(TimeSpan.Zero, _pauses.Below(4) switch
    {
        0 => TimeSpan.FromMilliseconds(200),
        1 => TimeSpan.FromMinutes(15),
        _ => engine.Options.LeaseDuration * 3,
    }));

    private void StepClock()
    {
        var size = _clock.Pick(
            TimeSpan.FromSeconds(2), TimeSpan.FromMinutes(10), TimeSpan.FromHours(7), TimeSpan.FromDays(3));
        bool back = _clock.Chance(0.6);
        Saw(back ? Corner.ClockWentBack : Corner.ClockLeapt);
        world.Clock.StepWall(back ? -size : size);
    }

    private void ChangeRate()
    {
        double rate = _clock.Pick(0, 1, 1.5, 0.5, -1, 60);
        if (rate == 0)
        {
            Saw(Corner.ClockStoodStill);
        }

        world.Clock.WallRate = rate;
    }

    /// <summary>A moment before midnight, now and then back across it.</summary>
    private void GoToMidnight()
    {
        var now = world.Clock.GetUtcNow();
        var midnight = new DateTimeOffset(now.Date, TimeSpan.Zero).AddDays(1);
        world.Clock.SetWall(midnight - _clock.Between(TimeSpan.FromMilliseconds(-5), TimeSpan.FromSeconds(20)));
        if (_clock.Chance(0.3))
        {
            world.In(TimeSpan.FromSeconds(25), () => world.Clock.StepWall(TimeSpan.FromMinutes(-2)));
        }
    }

    private void ChangeSettings()
    {
        var dice = _settings;
        switch (dice.Below(4))
        {
            case 0:
                int cap = dice.Pick(1, 2, 5, 20, 100, 300);
                Saw(cap >= engine.Options.GlobalCap ? Corner.LimitRaised : Corner.LimitLoweredBelowUse);
                engine.Reconfigure(options => options.GlobalCap = cap);
                break;
            case 1:
                int slots = dice.Pick(1, 2, 6);
                int daily = dice.Pick(1, 3, 100, 10_000);
                int which = dice.Below(3);
                engine.Reconfigure(options => options.Tiers[which] = options.Tiers[which] with
                {
                    UserSlots = slots,
                    ProjectSlots = slots,
                    DailyLimit = daily,
                });
                break;
            case 2:
                int gpus = dice.Pick(1, 2, 4);
                engine.Reconfigure(options => options.Resources["gpu"] = gpus);
                break;
            default:
                var ordering = dice.Pick(Ordering.Strict, Ordering.Positions, Ordering.HeadStart);
                engine.Reconfigure(options => options.Ordering = ordering);
                break;
        }
    }

    private void Saw(Corner corner) => engine.Inquest.Sometimes.Saw(corner);
}
