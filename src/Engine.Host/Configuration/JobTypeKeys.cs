namespace Engine.Host.Configuration;

/// <summary>The settings of job types. <c>build</c> is there already; any other name adds a type.</summary>
internal static class JobTypeKeys
{
    internal static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Choice<HandlerKind>("JobTypes:*:Handler", null,
            "What serves the type: `Process` runs an allow-listed program, `Rehearsal` walks the stages and "
            + "does nothing. "
            + "A type of your own needs one; `build` is a rehearsal in Development and served by nothing elsewhere.",
            (s, names, value) => s.ChangeType(names[0], type => type with { Handler = value })),
        Setting.Choice<PipelineKind>("JobTypes:*:Pipeline", null,
            "The stages that a run walks through: `Build` (starting, scaffold, code, deps, checks, then ready "
            + "or failed) or `None`. `None` for a type of your own, and for any that `Process` serves.",
            (s, names, value) => Change(s, names, type =>
                type with { Pipeline = value == PipelineKind.Build ? Pipeline.Build : null })),
        Setting.Duration("JobTypes:*:Timeout", TimeSpan.FromHours(1), TimeSpan.FromSeconds(1), TimeSpan.FromDays(30),
            "How long a run may take before it is stopped.",
            (s, names, value) => Change(s, names, type => type with { Timeout = value })) with { Reloads = true },
        Setting.Integer("JobTypes:*:MaxRetries", 0, 0, 100,
            "How often a failed job is tried again by itself.",
            (s, names, value) => Change(s, names, type => type with { MaxRetries = value })) with { Reloads = true },
        Setting.Duration("JobTypes:*:RetryDelay", TimeSpan.FromSeconds(10), TimeSpan.Zero, TimeSpan.FromDays(1),
            "The wait before the first retry; it doubles with each.",
            (s, names, value) => Change(s, names, type => type with { RetryDelay = value })) with { Reloads = true },
        Setting.Integer("JobTypes:*:MaxLostRuns", 3, 0, 100,
            "How often a job may lose its worker and be queued again; one more and it fails.",
            (s, names, value) => Change(s, names, type => type with { MaxLostRuns = value })) with { Reloads = true },
        Setting.Text("JobTypes:*:Resources:#", null, 128,
            "Resources that each run of the type holds while it works, up to 16; each must have a capacity under "
            + "`Resources`.",
            (s, names, value) => Change(s, names, type => type with { Resources = [.. type.Resources, value] })),
        Setting.Duration("Rehearsal:StageDuration", TimeSpan.FromSeconds(2), TimeSpan.Zero, TimeSpan.FromHours(1),
            "How long a rehearsal stays in each stage.",
            (s, _, value) => s.RehearsalStageDuration = value),
    ];

    private static void Change(HostSettings settings, IReadOnlyList<string> names, Func<JobType, JobType> change) =>
        settings.ChangeType(names[0], type => type with { Type = change(type.Type) });
}

/// <summary>The pipelines that configuration can name.</summary>
internal enum PipelineKind
{
    /// <summary>No stages.</summary>
    None,

    /// <summary><see cref="Pipeline.Build"/>.</summary>
    Build,
}
