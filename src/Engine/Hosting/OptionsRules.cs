using Engine.Runtime;
using Microsoft.Extensions.Options;

namespace Engine.Hosting;

/// <summary>The ranges that <see cref="JobEngineOptions"/> documents, and the copy that an engine works with.</summary>
internal static class OptionsRules
{
    /// <summary>Throws with every rule that is broken, each with the name of its setting.</summary>
    internal static void Check(JobEngineOptions options)
    {
        var failures = Failures(options);
        if (failures.Count > 0)
        {
            throw new OptionsValidationException(nameof(JobEngineOptions), typeof(JobEngineOptions), failures);
        }
    }

    /// <summary>Throws when a setting is changed that threads and timers of a running engine were made by.</summary>
    internal static void CheckFixed(JobEngineOptions before, JobEngineOptions after)
    {
        List<string> failures = [];
        Fixed(nameof(after.MaxConcurrentRuns), before.MaxConcurrentRuns, after.MaxConcurrentRuns);
        Fixed(nameof(after.LeaseDuration), before.LeaseDuration, after.LeaseDuration);
        Fixed(nameof(after.InboxCapacity), before.InboxCapacity, after.InboxCapacity);
        Fixed(nameof(after.SnapshotJournalBytes), before.SnapshotJournalBytes, after.SnapshotJournalBytes);
        if (failures.Count > 0)
        {
            throw new OptionsValidationException(nameof(JobEngineOptions), typeof(JobEngineOptions), failures);
        }

        void Fixed<T>(string name, T old, T now)
            where T : IEquatable<T>
        {
            if (!old.Equals(now))
            {
                failures.Add(FormattableString.Invariant(
                    $"{name} is read when the engine starts: it stays {old} while it runs, and cannot become {now}."));
            }
        }
    }

    /// <summary>Every rule that is broken, each with the name of its setting.</summary>
    internal static List<string> Failures(JobEngineOptions options)
    {
        var failures = new List<string>();
        Number(nameof(options.GlobalCap), options.GlobalCap, 1, 100_000_000);
        Number(nameof(options.MaxConcurrentRuns), options.MaxConcurrentRuns, 0, 10_000);
        Number(nameof(options.MaxDaysAhead), options.MaxDaysAhead, 1, 365);
        Number(nameof(options.RetentionCount), options.RetentionCount, 0, 100_000_000);
        Number(nameof(options.RetentionBytes), options.RetentionBytes, 0, 1_099_511_627_776);
        Number(nameof(options.MaxPayloadBytes), options.MaxPayloadBytes, 1, 1_048_576);
        Number(nameof(options.InboxCapacity), options.InboxCapacity, 16, 1_048_576);
        Number(nameof(options.SnapshotJournalBytes), options.SnapshotJournalBytes, 0, 1_073_741_824);
        Span(nameof(options.HeadStartPerBoost), options.HeadStartPerBoost, Ms(1), Days(1));
        Span(nameof(options.LeaseDuration), options.LeaseDuration, Ms(1000), Days(1));
        Span(nameof(options.CancelGrace), options.CancelGrace, Ms(1), TimeSpan.FromHours(1));
        Span(nameof(options.ConfirmationTimeout), options.ConfirmationTimeout, TimeSpan.FromMinutes(1), Days(365));
        Span(nameof(options.ReleaseJitter), options.ReleaseJitter, TimeSpan.Zero, TimeSpan.FromHours(12));
        Span(nameof(options.IdempotencyWindow), options.IdempotencyWindow, TimeSpan.FromMinutes(1), Days(30));
        Span(nameof(options.RetentionTime), options.RetentionTime, TimeSpan.Zero, Days(3650));
        Span(nameof(options.StaleAfter), options.StaleAfter, TimeSpan.FromMinutes(1), Days(365));
        if (!Enum.IsDefined(options.Ordering))
        {
            failures.Add($"{nameof(options.Ordering)} is Strict, Positions or HeadStart, not {(int)options.Ordering}.");
        }

        CheckTiers();
        CheckTypes();
        foreach (var (name, capacity) in options.Resources)
        {
            Name("Resources", name);
            Number($"Resources:{name}", capacity, 1, 1_000_000);
        }

        return failures;

        void CheckTiers()
        {
            if (options.Tiers.Count is < 1 or > 1000)
            {
                failures.Add($"Tiers has 1 to 1,000 entries, not {options.Tiers.Count}.");
            }

            Distinct("Tiers", options.Tiers.Select(tier => tier.Name));
            foreach (var tier in options.Tiers)
            {
                string path = $"Tiers:{tier.Name}:";
                Name("Tiers", tier.Name);
                Number(path + nameof(tier.UserSlots), tier.UserSlots, 1, 10_000);
                Number(path + nameof(tier.ProjectSlots), tier.ProjectSlots, 1, 10_000);
                Number(path + nameof(tier.DailyLimit), tier.DailyLimit, 1, 1_000_000);
                Number(path + nameof(tier.IterationDepth), tier.IterationDepth, 1, 1000);
                Number(path + nameof(tier.IterationCap), tier.IterationCap, 1, 1_000_000);
                Number(path + nameof(tier.Boost), tier.Boost, 0, 1000);
                Span(path + nameof(tier.InitialDuration), tier.InitialDuration, Ms(1000), Days(30));
            }

            if (options.FallbackTier is { } fallback && options.Tiers.All(tier => tier.Name != fallback))
            {
                failures.Add($"FallbackTier names '{fallback}', which is none of Tiers.");
            }
        }

        void CheckTypes()
        {
            if (options.Types.Count > 1000)
            {
                failures.Add($"Types has up to 1,000 entries, not {options.Types.Count}.");
            }

            Distinct("Types", options.Types.Select(type => type.Name));
            foreach (var type in options.Types)
            {
                string path = $"Types:{type.Name}:";
                Name("Types", type.Name);
                Span(path + nameof(type.Timeout), type.Timeout, Ms(1000), Days(30));
                Number(path + nameof(type.MaxRetries), type.MaxRetries, 0, 100);
                Span(path + nameof(type.RetryDelay), type.RetryDelay, TimeSpan.Zero, Days(1));
                Number(path + nameof(type.MaxLostRuns), type.MaxLostRuns, 0, 100);
                if (type.Resources.Count > RequestRules.MaxResources)
                {
                    failures.Add($"{path}{nameof(type.Resources)} has up to {RequestRules.MaxResources} entries, "
                        + $"not {type.Resources.Count}.");
                }

                foreach (string resource in type.Resources.Where(name => !options.Resources.ContainsKey(name)))
                {
                    failures.Add($"{path}{nameof(type.Resources)} names '{resource}', which is none of Resources.");
                }

                CheckPipeline(path + nameof(type.Pipeline), type.Pipeline);
            }
        }

        void CheckPipeline(string path, Pipeline? pipeline)
        {
            if (pipeline is null)
            {
                return;
            }

            if (pipeline.Stages.Count is < 1 or > 32)
            {
                failures.Add($"{path}:Stages has 1 to 32 entries, not {pipeline.Stages.Count}.");
            }

            Distinct($"{path}:Stages", pipeline.Stages.Select(stage => stage.Name));
            foreach (var stage in pipeline.Stages)
            {
                Name($"{path}:Stages", stage.Name);
            }

            foreach (var loop in pipeline.Loops.Where(loop => pipeline.IndexOf(loop.From) < 0 || pipeline.IndexOf(loop.To) < 0))
            {
                failures.Add($"{path}:Loops goes from '{loop.From}' to '{loop.To}': both must be stages.");
            }
        }

        void Number(string name, long value, long min, long max)
        {
            if (value < min || value > max)
            {
                failures.Add(FormattableString.Invariant($"{name} is {min} to {max}, not {value}."));
            }
        }

        void Span(string name, TimeSpan value, TimeSpan min, TimeSpan max)
        {
            if (value < min || value > max)
            {
                failures.Add(FormattableString.Invariant($"{name} is {min:c} to {max:c}, not {value:c}."));
            }
        }

        void Name(string path, string? name)
        {
            if (string.IsNullOrWhiteSpace(name) || name.Length > 64)
            {
                failures.Add($"{path} has a name of {name?.Length ?? 0} characters; names have 1 to 64.");
            }
        }

        void Distinct(string path, IEnumerable<string> names)
        {
            if (names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            {
                failures.Add($"{path} names '{twice.Key}' twice.");
            }
        }
    }

    /// <summary>A copy that the caller can no longer change.</summary>
    internal static JobEngineOptions Copy(JobEngineOptions options) => new()
    {
        GlobalCap = options.GlobalCap,
        MaxConcurrentRuns = options.MaxConcurrentRuns,
        Tiers = [.. options.Tiers],
        FallbackTier = options.FallbackTier,
        Types = [.. options.Types],
        Resources = new Dictionary<string, int>(options.Resources, StringComparer.Ordinal),
        Ordering = options.Ordering,
        HeadStartPerBoost = options.HeadStartPerBoost,
        LeaseDuration = options.LeaseDuration,
        CancelGrace = options.CancelGrace,
        ConfirmationTimeout = options.ConfirmationTimeout,
        MaxDaysAhead = options.MaxDaysAhead,
        ReleaseJitter = options.ReleaseJitter,
        IdempotencyWindow = options.IdempotencyWindow,
        RetentionTime = options.RetentionTime,
        RetentionCount = options.RetentionCount,
        RetentionBytes = options.RetentionBytes,
        StaleAfter = options.StaleAfter,
        MaxPayloadBytes = options.MaxPayloadBytes,
        SharedProjects = options.SharedProjects,
        InboxCapacity = options.InboxCapacity,
        SnapshotJournalBytes = options.SnapshotJournalBytes,
        SnapshotGrowth = options.SnapshotGrowth,
    };

    private static TimeSpan Ms(int ms) => TimeSpan.FromMilliseconds(ms);

    private static TimeSpan Days(int days) => TimeSpan.FromDays(days);
}
