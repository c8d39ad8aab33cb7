using System.Globalization;
using System.Numerics;

namespace Engine.Host.Configuration;

/// <summary>The settings of the engine itself.</summary>
internal static class EngineKeys
{
    internal static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Text("DataDirectory", "data", 1_000,
            "The directory of the journal and the run logs. Relative to the current directory; made when missing.",
            (s, _, value) => s.DataDirectory = value),
        Setting.Choice<JournalKind>("Journal", JournalKind.Faster,
            "Where events are kept: `Faster` on disk, synced before anything is acknowledged; `Memory` nowhere: "
            + "everything is gone with the process; `Redis` in the Redis that `Redis:Connection` names.",
            (s, _, value) => s.Journal = value),
        Setting.Choice<JournalDurability>("JournalDurability", JournalDurability.Synced,
            "With `Journal` `Faster` or `Redis`: what acknowledged work survives. `Synced`: the loss of power. "
            + "`Logged`: the end of the process only, and faster. `Replicated`, with `Redis` only: that `Redis:Replicas` "
            + "have it, too. A Redis that is not set up for it is refused.",
            (s, _, value) => s.JournalDurability = value),
        Setting.Text("JournalSegmentBytes", "67108864", "a power of two from 65536 to 1073741824",
            "With `Journal` `Faster`: the size of one file of the log, in bytes, of which two are made at the first "
            + "start. An existing journal keeps the size it was created with.",
            text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int bytes)
                && bytes is >= 65_536 and <= 1_073_741_824
                && BitOperations.IsPow2(bytes),
            (s, _, value) => s.JournalSegmentBytes = int.Parse(value, CultureInfo.InvariantCulture)),
        Setting.Flag("Standby", false,
            "Whether to stand by while another process owns the journal: listen, answer 503 with the owner's address, "
            + "and take over when its right ends. Otherwise such a start ends with exit code 75. For `serve` only, and "
            + "not with `Journal` `Memory`.",
            (s, _, value) => s.Standby = value),
        Setting.Integer("Snapshots:JournalBytes", 128 * 1024 * 1024, 0, 1_073_741_824,
            "How much the journal grows before a snapshot is taken and older events are let go, in bytes; at least four "
            + "times as much as the last snapshot has. Smaller: faster starts and less on disk; larger: fewer snapshots, each of "
            + "which costs time and memory as the kept jobs do. 0: never, the journal keeps everything.",
            (s, _, value) => s.Engine.SnapshotJournalBytes = value),
        Setting.Integer("GlobalCap", 100, 1, 100_000_000,
            "Queued jobs at most, over all users; beyond it submissions are refused with 503.",
            (s, _, value) => s.Engine.GlobalCap = value) with { Reloads = true },
        Setting.Integer("MaxConcurrentRuns", 4, 0, 10_000,
            "Runs that the built-in workers work on at a time. 0: none are started.",
            (s, _, value) => s.Engine.MaxConcurrentRuns = value),
        Setting.Text("FallbackTier", "bootstrapper", 64,
            "The tier of a job whose own is missing or unknown: the name of a tier.",
            (s, _, value) => s.Engine.FallbackTier = value),
        Setting.Integer("Resources:*", null, 1, 1_000_000,
            "How many runs may hold a named resource at a time. A name of your own, for example "
            + "`Resources:local-model`.",
            (s, names, value) => s.Engine.Resources[names[0]] = value) with { Reloads = true },
        Setting.Choice<Ordering>("Ordering", Ordering.Strict,
            "What is next: `Strict` by tier, then priority, then age; `Positions` by age, each tier entering "
            + "its boost in positions further ahead; "
            + "`HeadStart` by age, each tier entering its boost times `HeadStartPerBoost` earlier.",
            (s, _, value) => s.Engine.Ordering = value),
        Setting.Duration(
            "HeadStartPerBoost", TimeSpan.FromMinutes(1), TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(1),
            "With `Ordering` `HeadStart`: how far ahead one step of boost enters.",
            (s, _, value) => s.Engine.HeadStartPerBoost = value),
        Setting.Duration("LeaseDuration", TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(1), TimeSpan.FromDays(1),
            "How long a run may go without a sign of life before it counts as lost. Too short and a busy "
            + "machine loses live runs, too long and a dead worker's slots stay taken.",
            (s, _, value) => s.Engine.LeaseDuration = value),
        Setting.Duration("CancelGrace", TimeSpan.FromSeconds(30), TimeSpan.FromMilliseconds(1), TimeSpan.FromHours(1),
            "How long a cancelled or overdue handler may take to stop before it is abandoned and its slots are freed.",
            (s, _, value) => s.Engine.CancelGrace = value),
        Setting.Duration("ConfirmationTimeout", TimeSpan.FromHours(24), TimeSpan.FromMinutes(1), TimeSpan.FromDays(365),
            "How long a job waits for its confirmation before it fails.",
            (s, _, value) => s.Engine.ConfirmationTimeout = value),
        Setting.Integer("MaxDaysAhead", 30, 1, 365,
            "How many days ahead a job may be scheduled when allowances are used up; past it submissions are "
            + "refused with 429.",
            (s, _, value) => s.Engine.MaxDaysAhead = value),
        Setting.Duration("ReleaseJitter", TimeSpan.FromHours(1), TimeSpan.Zero, TimeSpan.FromHours(12),
            "The span after midnight UTC over which scheduled jobs are released, so that they do not all start "
            + "at once.",
            (s, _, value) => s.Engine.ReleaseJitter = value),
        Setting.Duration("IdempotencyWindow", TimeSpan.FromHours(24), TimeSpan.FromMinutes(1), TimeSpan.FromDays(30),
            "How long an `Idempotency-Key` stands for its job.",
            (s, _, value) => s.Engine.IdempotencyWindow = value),
        Setting.Duration("RetentionTime", TimeSpan.FromDays(7), TimeSpan.Zero, TimeSpan.FromDays(3_650),
            "How long a job is kept after its end.",
            (s, _, value) => s.Engine.RetentionTime = value),
        Setting.Integer("RetentionCount", 100_000, 0, 100_000_000,
            "How many ended jobs are kept at most, the latest ones.",
            (s, _, value) => s.Engine.RetentionCount = value),
        Setting.Size("RetentionBytes", 512 * 1024 * 1024, 0, 1_099_511_627_776,
            "How many bytes of payloads, results and checkpoints of ended jobs are kept at most; beyond it the jobs that "
            + "ended first go. It bounds what users can fill the memory with.",
            (s, _, value) => s.Engine.RetentionBytes = value),
        Setting.Duration("StaleAfter", TimeSpan.FromHours(48), TimeSpan.FromMinutes(1), TimeSpan.FromDays(365),
            "The age at which a job that has not ended is reported as stale. It is never deleted.",
            (s, _, value) => s.Engine.StaleAfter = value),
        Setting.Integer("MaxPayloadBytes", 256 * 1024, 1, 1_048_576,
            "Largest payload, result or checkpoint, in bytes.",
            (s, _, value) => s.Engine.MaxPayloadBytes = value),
        Setting.Flag("SharedProjects", false,
            "Whether users may submit to each other's projects. Otherwise a project belongs to the first user "
            + "with a job in it, for as long as the engine keeps one.",
            (s, _, value) => s.Engine.SharedProjects = value),
        Setting.Integer("InboxCapacity", 65_536, 16, 1_048_576,
            "Commands that may wait for the engine before callers are slowed down.",
            (s, _, value) => s.Engine.InboxCapacity = value),
    ];
}
