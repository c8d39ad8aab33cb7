namespace Engine.Simulation.Actors;

/// <summary>The way between actors and the engine: it takes time, now and then a long time.</summary>
internal sealed class Net(World world, SimPlan plan)
{
    private readonly RandomStream _dice = world.Stream("net");

    internal void Send(Action what) => world.In(Delay(), what);

    internal TimeSpan Delay() => plan.Has(Faults.LateAnswers) && _dice.Chance(0.01)
        ? _dice.Between(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(2))
        : _dice.Between(TimeSpan.FromMicroseconds(200), TimeSpan.FromMilliseconds(20));
}
