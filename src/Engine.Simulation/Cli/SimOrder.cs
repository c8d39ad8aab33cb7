using System.Globalization;
using Engine.Core;

namespace Engine.Simulation.Cli;

/// <summary>What to simulate, as the command line says it: a plan, and what to leave out of it.</summary>
internal sealed record SimOrder
{
    private static readonly HashSet<string> Valued =
        ["--seed", "--hours", "--count", "--preset", "--without", "--tenants", "--workers", "--storage", "--bug"];

    internal ulong Seed { get; init; } = 1;

    internal TimeSpan Length { get; init; } = TimeSpan.FromHours(1);

    internal int Count { get; init; } = 1;

    internal Preset Preset { get; init; }

    internal Faults Without { get; init; }

    internal int? Tenants { get; init; }

    internal int? Workers { get; init; }

    /// <summary>What keeps the journal, if not what the seed draws.</summary>
    internal StorageKind? Storage { get; init; }

    internal PlantedBug Bug { get; init; }

    internal bool Trace { get; init; }

    internal bool Corners { get; init; }

    internal bool Shrinks { get; init; } = true;

    internal SimPlan ToPlan()
    {
        var plan = SimPlan.Draw(Seed, Preset, Length);
        return plan with
        {
            Faults = plan.Faults & ~Without,
            Tenants = Tenants ?? plan.Tenants,
            Workers = Workers ?? plan.Workers,
            Storage = Storage ?? plan.Storage,
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
                "--corners" => order with { Corners = true },
                "--no-shrink" => order with { Shrinks = false },
                _ when !Valued.Contains(name) => throw new FormatException($"There is no option '{name}'."),
                _ when i + 1 == args.Length => throw new FormatException($"{name} needs a value."),
                _ => order.With(name, args[++i]),
            };
        }

        return order;
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
        text += Storage is null ? "" : $" --storage {Storage.ToString()!.ToLowerInvariant()}";
        return text + (Bug == PlantedBug.None ? "" : $" --bug {Bug}");
    }

    private SimOrder With(string name, string value)
    {
        return name switch
        {
            "--seed" when Seed(value, out ulong seed) => this with { Seed = seed },
            "--hours" when double.TryParse(value, CultureInfo.InvariantCulture, out double hours)
                && hours is > 0 and <= 1_000_000 => this with { Length = TimeSpan.FromHours(hours) },
            "--count" when Count(value, out int count) => this with { Count = count },
            "--tenants" when Count(value, out int tenants) => this with { Tenants = tenants },
            "--workers" when Count(value, out int workers) => this with { Workers = workers },
            "--preset" when Named<Preset>(value, out var preset) => this with { Preset = preset },
            "--without" when Named<Faults>(value, out var faults) => this with { Without = faults },
            "--storage" when Named<StorageKind>(value, out var storage) => this with { Storage = storage },
            "--bug" when Named<PlantedBug>(value, out var bug) => this with { Bug = bug },
            _ => throw new FormatException($"{name} cannot be '{value}'."),
        };

        static bool Seed(string text, out ulong seed) => text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out seed)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seed);

        static bool Count(string text, out int count) =>
            int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count) && count > 0;

        // A number is not a name, although it would be read as one.
        static bool Named<T>(string text, out T named)
            where T : struct, Enum
        {
            named = default;
            return !text.Any(char.IsAsciiDigit) && Enum.TryParse(text, ignoreCase: true, out named);
        }
    }
}
