using System.Globalization;
using Engine.Core;

namespace Engine.Simulation.Cli;

/// <summary>What to simulate, as the command line says it: a plan, and what to leave out of it.</summary>
internal sealed record SimOrder
{
    internal ulong Seed { get; init; } = 1;

    internal TimeSpan Length { get; init; } = TimeSpan.FromHours(1);

    internal int Count { get; init; } = 1;

    internal Preset Preset { get; init; }

    internal Faults Without { get; init; }

    internal int? Tenants { get; init; }

    internal int? Workers { get; init; }

    internal PlantedBug Bug { get; init; }

    internal bool Trace { get; init; }

    internal bool Shrinks { get; init; } = true;

    internal SimPlan ToPlan()
    {
        var plan = SimPlan.Draw(Seed, Preset, Length);
        return plan with
        {
            Faults = plan.Faults & ~Without,
            Tenants = Tenants ?? plan.Tenants,
            Workers = Workers ?? plan.Workers,
            Bug = Bug,
        };
    }

    internal static SimOrder Parse(ReadOnlySpan<string> args)
    {
        var order = new SimOrder();
        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i];
            order = name switch
            {
                "--trace" => order with { Trace = true },
                "--no-shrink" => order with { Shrinks = false },
                _ when i + 1 == args.Length => throw new FormatException($"'{name}' needs a value."),
                "--seed" => order with { Seed = ParseSeed(args[++i]) },
                "--hours" => order with
                {
                    Length = TimeSpan.FromHours(double.Parse(args[++i], CultureInfo.InvariantCulture)),
                },
                "--count" => order with { Count = int.Parse(args[++i], CultureInfo.InvariantCulture) },
                "--preset" => order with { Preset = Enum.Parse<Preset>(args[++i], ignoreCase: true) },
                "--without" => order with { Without = Enum.Parse<Faults>(args[++i], ignoreCase: true) },
                "--tenants" => order with { Tenants = int.Parse(args[++i], CultureInfo.InvariantCulture) },
                "--workers" => order with { Workers = int.Parse(args[++i], CultureInfo.InvariantCulture) },
                "--bug" => order with { Bug = Enum.Parse<PlantedBug>(args[++i], ignoreCase: true) },
                _ => throw new FormatException($"There is no option '{name}'."),
            };
        }

        return order.Length > TimeSpan.Zero && order.Count > 0 && order.Tenants is null or > 0
            && order.Workers is null or > 0
            ? order
            : throw new FormatException("Hours, count, tenants and workers are more than 0.");
    }

    /// <summary>The command that does it again.</summary>
    public override string ToString()
    {
        string text = string.Create(CultureInfo.InvariantCulture,
            $"dotnet run -c Release --project src/Engine.Simulation -- simulate --seed 0x{Seed:x} --hours {Length.TotalHours:0.######}");
        text += Preset == Preset.Mixed ? "" : $" --preset {Preset.ToString().ToLowerInvariant()}";
        text += Without == Faults.None ? ""
            : $" --without {Without.ToString().Replace(" ", "", StringComparison.Ordinal)}";
        text += Tenants is null ? "" : string.Create(CultureInfo.InvariantCulture, $" --tenants {Tenants}");
        text += Workers is null ? "" : string.Create(CultureInfo.InvariantCulture, $" --workers {Workers}");
        return text + (Bug == PlantedBug.None ? "" : $" --bug {Bug}");
    }

    private static ulong ParseSeed(string text) => text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
        : ulong.Parse(text, CultureInfo.InvariantCulture);
}
