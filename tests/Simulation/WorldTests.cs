using Engine.Simulation;

namespace Engine.Tests;

public sealed class WorldTests
{
    private static readonly DateTimeOffset Start = new(2030, 6, 15, 10, 30, 0, TimeSpan.Zero);

    [Fact]
    public void Events_happen_in_the_order_of_their_instants_and_time_goes_with_them()
    {
        var world = new World(1, Start);
        var seen = new List<(int, TimeSpan)>();
        world.In(TimeSpan.FromSeconds(3), () => seen.Add((3, world.Elapsed)));
        world.In(TimeSpan.FromSeconds(1), () =>
        {
            seen.Add((1, world.Elapsed));
            world.In(TimeSpan.FromSeconds(1), () => seen.Add((2, world.Elapsed)));
        });

        world.RunUntil(TimeSpan.FromMinutes(1));

        Assert.Equal(
            [(1, TimeSpan.FromSeconds(1)), (2, TimeSpan.FromSeconds(2)), (3, TimeSpan.FromSeconds(3))], seen);
        Assert.Equal(TimeSpan.FromMinutes(1), world.Elapsed);
        Assert.Equal(Start.AddMinutes(1), world.Clock.GetUtcNow());
    }

    [Fact]
    public void The_seed_decides_the_order_of_what_falls_on_one_instant()
    {
        Assert.Equal(OrderOf(7), OrderOf(7));
        Assert.True(Enumerable.Range(1, 50).Select(seed => OrderOf((ulong)seed)).Distinct().Count() > 10);

        static string OrderOf(ulong seed)
        {
            var world = new World(seed, Start);
            string order = "";
            foreach (string name in new[] { "a", "b", "c", "d", "e" })
            {
                world.In(TimeSpan.FromSeconds(1), () => order += name);
            }

            world.RunUntil(TimeSpan.FromSeconds(1));
            return order;
        }
    }

    [Fact]
    public void The_wall_clock_steps_stands_and_runs_back_while_monotonic_time_goes_on()
    {
        var world = new World(1, Start);
        var clock = world.Clock;
        clock.StepWall(TimeSpan.FromHours(-2));
        world.RunUntil(TimeSpan.FromSeconds(10));
        Assert.Equal(Start.AddHours(-2).AddSeconds(10), clock.GetUtcNow());

        clock.WallRate = 0;
        world.RunUntil(TimeSpan.FromSeconds(20));
        Assert.Equal(Start.AddHours(-2).AddSeconds(10), clock.GetUtcNow());

        clock.WallRate = -1;
        world.RunUntil(TimeSpan.FromSeconds(25));
        Assert.Equal(Start.AddHours(-2).AddSeconds(5), clock.GetUtcNow());
        Assert.Equal(TimeSpan.FromSeconds(25), clock.GetElapsedTime(0));
    }

    [Fact]
    public void A_timer_fires_by_monotonic_time_until_it_is_changed_or_disposed()
    {
        var world = new World(1, Start);
        int fired = 0;
        var timer = world.Clock.CreateTimer(_ => fired++, null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
        world.Clock.StepWall(TimeSpan.FromDays(1));
        world.RunUntil(TimeSpan.FromSeconds(6));
        Assert.Equal(3, fired);

        timer.Change(TimeSpan.FromSeconds(10), Timeout.InfiniteTimeSpan);
        world.RunUntil(TimeSpan.FromSeconds(15));
        Assert.Equal(3, fired);
        world.RunUntil(TimeSpan.FromSeconds(60));
        Assert.Equal(4, fired);

        timer.Change(TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
        timer.Dispose();
        world.RunUntil(TimeSpan.FromSeconds(70));
        Assert.Equal(4, fired);
    }

    [Fact]
    public void Streams_are_the_same_for_ever_and_differ_by_name_and_seed()
    {
        // A change here would make every recorded seed another story.
        var stream = RandomStream.Named(42, "workload");
        ulong[] first = [stream.Next(), stream.Next(), stream.Next()];
        Assert.Equal([3301846138380641920, 15657058367285601685, 9019296626760255238], first);
        Assert.Equal(first[0], RandomStream.Named(42, "workload").Next());
        Assert.NotEqual(first[0], RandomStream.Named(42, "disk").Next());
        Assert.NotEqual(first[0], RandomStream.Named(43, "workload").Next());
        Assert.All(Enumerable.Range(0, 1000), _ => Assert.InRange(stream.Below(3), 0, 2));
        Assert.All(Enumerable.Range(0, 1000), _ => Assert.InRange(stream.Between(-2, 2), -2, 2));
        Assert.Equal(5, Enumerable.Range(0, 1000).Select(_ => stream.Between(-2, 2)).Distinct().Count());
    }
}
