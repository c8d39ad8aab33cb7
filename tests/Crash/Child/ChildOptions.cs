using System.Globalization;
using Engine.Storage;

namespace Engine.Tests.Crash.Child;

/// <summary>What a child process does.</summary>
internal enum ChildMode
{
    /// <summary>Submits and works until it is stopped.</summary>
    Work = 1,

    /// <summary>Submits nothing new, works off everything, says "idle" and stops.</summary>
    Drain = 2,

    /// <summary>Like work; when the directory is owned by another process it says so and tries again when told to.</summary>
    Contend = 3,

    /// <summary>Works until the storage fails, as it is going to, and shows that the engine then keeps silent.</summary>
    Endure = 4,
}

/// <summary>How one child is set up, as it travels on its command line.</summary>
internal sealed record ChildOptions
{
    internal required string Directory { get; init; }

    internal ChildMode Mode { get; init; } = ChildMode.Work;

    internal ulong Seed { get; init; }

    /// <summary>The number of the first new request.</summary>
    internal int First { get; init; }

    /// <summary>How far its wall clock is ahead of the real one, in ms.</summary>
    internal long ClockMs { get; init; }

    /// <summary>The named point to stop at, or "".</summary>
    internal string Pause { get; init; } = "";

    /// <summary>Which passage of that point, from 1.</summary>
    internal int PauseAt { get; init; }

    internal Durability Durability { get; init; } = Durability.Synced;

    /// <summary>A planted bug: appends are acknowledged before they are made, this many ms late; 0 for none.</summary>
    internal int AcknowledgeEarlyMs { get; init; }

    /// <summary>Another planted bug.</summary>
    internal Bug Bug { get; init; }

    /// <summary>The lease of every run, in ms; 0 for the default.</summary>
    internal int LeaseMs { get; init; }

    /// <summary>How much the journal grows before a snapshot is taken, in bytes; 0 for never.</summary>
    internal int SnapshotBytes { get; init; }

    /// <summary>Where the journal is, when it is not in <see cref="Directory"/>; "" when it is.</summary>
    internal string JournalRoot { get; init; } = "";

    /// <summary>Where the Redis is that has the journal; "" when files have it.</summary>
    internal string RedisAddress { get; init; } = "";

    /// <summary>Runs of remote workers that earlier children left open: their late completions must be refused.</summary>
    internal IReadOnlyList<RunLease> Zombies { get; init; } = [];

    internal string JournalDirectory => Path.Combine(JournalRoot.Length > 0 ? JournalRoot : Directory, "journal");

    /// <summary>Where copies of frames go that the journal may let go of.</summary>
    internal string ArchiveDirectory => Path.Combine(Directory, "archive");

    internal string EffectsPath => Path.Combine(Directory, "effects.log");

    internal IEnumerable<string> ToArguments()
    {
        yield return Program.ChildWord;
        yield return Directory;
        yield return Mode.ToString();
        yield return Seed.ToString(CultureInfo.InvariantCulture);
        yield return First.ToString(CultureInfo.InvariantCulture);
        yield return ClockMs.ToString(CultureInfo.InvariantCulture);
        yield return Pause;
        yield return PauseAt.ToString(CultureInfo.InvariantCulture);
        yield return Durability.ToString();
        yield return AcknowledgeEarlyMs.ToString(CultureInfo.InvariantCulture);
        yield return Bug.ToString();
        yield return LeaseMs.ToString(CultureInfo.InvariantCulture);
        yield return SnapshotBytes.ToString(CultureInfo.InvariantCulture);
        yield return JournalRoot;
        yield return RedisAddress;
        yield return string.Join(',', Zombies.Select(zombie => string.Create(
            CultureInfo.InvariantCulture, $"{zombie.JobId}/{zombie.Run}/{zombie.Epoch}")));
    }

    internal static ChildOptions Parse(ReadOnlySpan<string> arguments) => new()
    {
        Directory = arguments[1],
        Mode = Enum.Parse<ChildMode>(arguments[2]),
        Seed = ulong.Parse(arguments[3], CultureInfo.InvariantCulture),
        First = int.Parse(arguments[4], CultureInfo.InvariantCulture),
        ClockMs = long.Parse(arguments[5], CultureInfo.InvariantCulture),
        Pause = arguments[6],
        PauseAt = int.Parse(arguments[7], CultureInfo.InvariantCulture),
        Durability = Enum.Parse<Durability>(arguments[8]),
        AcknowledgeEarlyMs = int.Parse(arguments[9], CultureInfo.InvariantCulture),
        Bug = Enum.Parse<Bug>(arguments[10]),
        LeaseMs = int.Parse(arguments[11], CultureInfo.InvariantCulture),
        SnapshotBytes = int.Parse(arguments[12], CultureInfo.InvariantCulture),
        JournalRoot = arguments[13],
        RedisAddress = arguments[14],
        Zombies = [.. arguments[15].Split(',', StringSplitOptions.RemoveEmptyEntries).Select(ParseLease)],
    };

    private static RunLease ParseLease(string text)
    {
        string[] parts = text.Split('/');
        return new RunLease(
            JobId.Parse(parts[0]),
            int.Parse(parts[1], CultureInfo.InvariantCulture),
            long.Parse(parts[2], CultureInfo.InvariantCulture));
    }
}
