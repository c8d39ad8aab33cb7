using Engine.Simulation;
using Engine.Simulation.Cli;

namespace Engine.Tests;

/// <summary>Which simulations a run of the tests does: seeds that once found something, then fresh ones.</summary>
internal static class Batch
{
    private const string Variable = "ENGINE_SIM_SEED";

    /// <summary>Seeds that stay for ever, each for what it reached or found.</summary>
    internal static readonly (ulong Seed, Preset Preset, StorageKind? Storage)[] Fixed =
    [
        // An id that was sent again after its job had been forgotten.
        (0x5, Preset.Mixed, null), (0x4, Preset.RedisHell, StorageKind.List), (0x4, Preset.ClockHell, null),
        (0xa, Preset.ZombieHell, null), (0xa, Preset.Midnight, null), (0x4, Preset.Flood, null),

        // Two appends that ended at one instant, the later one first.
        (0xac480da9bd, Preset.RedisHell, StorageKind.List),

        // A superseded owner with nothing to write, and claims that waited with it.
        (0x1, Preset.ZombieHell, null), (0x10, Preset.ZombieHell, null),

        // Settings that changed while the next owner waited for the lease to end.
        (0x9, Preset.RedisHell, null), (0x13, Preset.RedisHell, null),

        // Timers of processes that are dead, which went on ringing.
        (0x11, Preset.RedisHell, null),

        // A misdirected write refused, a flipped bit and a lost write without consequences, a lost last commit.
        (0x6, Preset.DiskHell, null), (0xa, Preset.DiskHell, null), (0x1b, Preset.DiskHell, null),
        (0x22, Preset.DiskHell, null),

        // A lie that cost the newest commit, which no single copy can notice.
        (0xd8, Preset.DiskHell, null), (0x103, Preset.DiskHell, null),

        // A graceful end in the middle of a snapshot.
        (0x21, Preset.DiskHell, null),

        // A misdirected write over the commit before, its mark in the rest of the block before that: refused.
        (0x76ff, Preset.DiskHell, null), (0x770f, Preset.DiskHell, null),

        // A fail-over that lost a take-over, and ones that lost acknowledged frames.
        (0x3b, Preset.RedisHell, null), (0x4f, Preset.RedisHell, null), (0x61, Preset.RedisHell, null),
        (0x2, Preset.RedisHell, null), (0xd, Preset.RedisHell, null),
    ];

    /// <summary>Corners that a few hundred fresh seeds may miss on some days: the fixed ones reach them, or others must be
    /// found that do.</summary>
    internal static readonly Corner[] Rare =
    [
        Corner.RedisFailOverLostOwnership, Corner.RedisFailOverLostAcknowledged, Corner.LieCostTheLastCommit,
        Corner.LieRefused, Corner.LieMadeNoDifference, Corner.DiskFlippedABit, Corner.DiskLostAWrite,
        Corner.DiskMisdirectedAWrite,
    ];

    /// <summary>Where the fresh seeds begin: another day, other seeds; printed, and set by a variable to see them
    /// again.</summary>
    internal static ulong BaseSeed { get; } =
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } text
            ? SimOrder.Parse(["--seed", text]).Seed
            : (ulong)DateTime.UtcNow.Date.Ticks / TimeSpan.TicksPerDay * 1_000_003;

    /// <summary>The standard mix: half of it mixed, and a share of each preset.</summary>
    internal static SimOrder Nth(int i) => new()
    {
        Seed = BaseSeed + (ulong)i,
        Preset = (i % 16) switch
        {
            1 => Preset.Calm,
            3 or 11 => Preset.DiskHell,
            5 => Preset.RedisHell,
            7 => Preset.ClockHell,
            9 => Preset.ZombieHell,
            13 => Preset.Midnight,
            15 => Preset.Flood,
            _ => Preset.Mixed,
        },
    };
}
