using System.Globalization;

namespace Engine.Simulation.Cli;

/// <summary>simulate --seed X --hours N: one seed, or a batch of them, from the command line.</summary>
internal static class SimulateCommand
{
    private const string Usage = """
        Runs the engine in virtual time, with every fault that the seed draws.

          simulate [--seed X] [--hours N] [--count N] [--preset NAME] [--without FAULT,...] [--tenants N] [--workers N]
                   [--storage NAME] [--bug NAME] [--trace] [--corners] [--no-shrink]

          --seed     where to begin, decimal or 0x...; by default 1
          --hours    virtual hours for each seed, fractions too; by default 1
          --count    how many seeds, one after the other; by default 1
          --preset   mixed (default), calm, diskhell, redishell, clockhell, zombiehell, midnight, flood
          --without  faults to leave out, or "all"
          --storage  what keeps the journal, whatever the seed says: list, disk, redis
          --bug      a bug to plant, to see it found
          --trace    writes down every fact, and where the simulation is at every 1,000 steps
          --corners  says how often each corner of the fault model was reached

        Ends with 0 when every promise was kept, with 1 and one line for each seed that broke one (the first of each
        promise is made smaller), with 2 on a mistake in the arguments.
        """;

    internal static int Run(string[] args, TextWriter output, TextWriter error)
    {
        if (args is ["--help" or "-h" or "help"] or ["simulate", "--help" or "-h"])
        {
            output.WriteLine(Usage);
            return 0;
        }

        if (args.Length == 0 || args[0] != "simulate")
        {
            error.WriteLine(Usage);
            return 2;
        }

        SimOrder order;
        try
        {
            order = SimOrder.Parse(args.AsSpan(1));
        }
        catch (FormatException exception)
        {
            error.WriteLine(exception.Message);
            error.WriteLine(Usage);
            return 2;
        }

#pragma warning disable RS0030 // The composition root: how long a simulation takes is told by a real clock.
        var time = TimeProvider.System;
#pragma warning restore RS0030
        return Run(order, time, output);
    }

    private static int Run(SimOrder order, TimeProvider time, TextWriter output)
    {
        long started = time.GetTimestamp();
        var sometimes = new Sometimes();
        var simulated = TimeSpan.Zero;
        long events = 0;
        var broken = new List<string>();
        for (int i = 0; i < order.Count; i++)
        {
            var one = order with { Seed = order.Seed + (ulong)i, Count = 1 };
            var result = SimRun.Run(one.ToPlan(), sometimes, order.Trace ? output : null);
            simulated += result.Simulated;
            events += result.Events;
            if (order.Trace || order.Count == 1)
            {
                output.WriteLine($"seed 0x{one.Seed:x}: {one.ToPlan()}");
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"  {result.Steps} steps, {result.Events} events, {result.Lives} lives, {result.StaleRefused} stale words "
                    + $"refused, hash {result.Hashes[^1]:x16}"));
            }

            if (result.Finding is not null)
            {
                output.WriteLine(Report.Failure(one, result.Finding));
                bool isNew = !broken.Contains(result.Finding.Invariant);
                broken.Add(result.Finding.Invariant);
                if (order.Shrinks && isNew)
                {
                    output.WriteLine(Report.Smaller(Shrinker.Shrink(one, result.Finding)));
                }
            }
        }

        foreach (var corner in Enum.GetValues<Corner>().Where(_ => order.Corners))
        {
            output.WriteLine($"{corner} {sometimes[corner]}");
        }

        double seconds = time.GetElapsedTime(started).TotalSeconds;
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"simulated_hours {simulated.TotalHours:0.0}  simulated_seeds {order.Count}  "
            + $"hours_per_second {simulated.TotalHours / seconds:0.0}  events_per_second {events / seconds:0}"));
        return broken.Count == 0 ? 0 : 1;
    }
}
