using System.CommandLine;
using System.Globalization;
using Engine.Tests.Load.Driving;
using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load.Cli;

/// <summary>The options of both kinds of load, what each must be, and the plan that they make.</summary>
internal sealed class LoadOptions
{
    private const int MinRetention = 4_000;

    private static readonly string[] Journals = ["memory", "faster", "redis"];
    private static readonly string[] Endings = ["none", "stop", "kill"];

    private readonly Option<string> _target = OneOf("--target", "What is loaded.", "inprocess", "http");
    private readonly Option<string> _journal =
        OneOf("--journal", "Where events go; faster and redis are synced.", Journals);
    private readonly Option<double> _snapshots = Number(
        "--snapshots", "MiB of journal after which snapshots are taken; 0 keeps it whole.", 0.0, 0, 1_024);
    private readonly Option<Uri?> _url = new("--url")
    {
        Description = "With --target http: a host that runs, instead of one started for this. It must believe "
            + "development tokens and serve the type build; what it has stored is not looked at.",
        HelpName = "URL",
        CustomParser = result =>
        {
            if (Uri.TryCreate(result.Tokens.Single().Value, UriKind.Absolute, out var url)
                && url.Scheme is "http" or "https")
            {
                return url;
            }

            result.AddError("--url: must be an http or https URL");
            return null;
        },
    };

    private readonly Option<string> _mix =
        OneOf("--mix", "What callers do: everything, or submit only.", "all", "submit");
    private readonly Option<double> _seconds = Number("--seconds", "How long.", 10.0, 0.1, 86_400);
    private readonly Option<long> _operations =
        Number("--operations", "How many at most; 0 for no end.", 0L, 0, 1_000_000_000);
    private readonly Option<long> _users = Number("--users", "How many users.", 200L, 1, 1_000_000);
    private readonly Option<long> _seed = Number("--seed", "Fixes what is asked and when.", 1L, 0, long.MaxValue);
    private readonly Option<long> _streams =
        Number("--streams", "Event streams that are held open and read.", 0L, 0, 5_000);
    private readonly Option<long> _idle = Number("--idle-streams", "Streams on jobs that do not move.", 0L, 0, 5_000);
    private readonly Option<long> _cap = Number("--cap", "Queued jobs at most.", 1_000L, 1, 100_000_000);
    private readonly Option<long> _runs = Number("--runs", "Runs at a time.", 8L, 1, 10_000);
    private readonly Option<long> _inbox = Number("--inbox", "Commands that may wait.", 65_536L, 16, 1_048_576);
    private readonly Option<long> _daily =
        Number("--daily", "Jobs a day of a user of the smallest plan.", 20L, 1, 1_000_000);
    private readonly Option<long> _retention =
        Number("--retention", "Ended jobs that are kept.", 100_000L, 0, 100_000_000);
    private readonly Option<double> _hold =
        Number("--hold", "How long a step of a run takes, in ms.", 0.0, 0, 3_600_000);
    private readonly Option<long> _padding = Number("--padding", "Bytes more in every payload.", 0L, 0, 200_000);
    private readonly Option<long> _heap =
        Number("--heap-limit", "With --target http: MiB that its heap may take.", 0L, 0, 1_048_576);
    private readonly Option<long> _memory =
        Number("--max-memory", "MiB of memory that are too much; 0 for no limit.", 0L, 0, 1_048_576);
    private readonly Option<string> _end = OneOf("--end", "How the engine ends before it is started again.", Endings);
    private readonly Option<DirectoryInfo?> _data = new("--data")
    {
        Description = "Where journals lie; emptied afterwards. Without it a temporary directory.",
        HelpName = "DIR",
    };

    /// <summary>All of them.</summary>
    internal IEnumerable<Option> All =>
    [
        _target, _url, _journal, _snapshots, _mix, _seconds, _operations, _users, _seed, _streams, _idle, _cap, _runs,
        _inbox, _daily, _retention, _hold, _padding, _heap, _memory, _end, _data,
    ];

    /// <summary>What does not go together, by the name of the option; null when all does.</summary>
    internal string? Objection(ParseResult parsed)
    {
        bool isHttp = parsed.GetValue(_target) == "http";
        bool isUrl = parsed.GetValue(_url) is not null;
        bool isStored = Journal(parsed) != JournalKind.Memory;
        string end = parsed.GetValue(_end)!;
        return isUrl && !isHttp ? "--url: needs --target http"
            : isUrl && isStored ? "--journal: cannot be chosen for a host that runs already (--url)"
            : parsed.GetValue(_snapshots) > 0 && !isStored
                ? "--snapshots: are taken of a journal that outlives the process (--journal faster or redis)"
            : isUrl && end != "none" ? "--end: a host that runs already (--url) is not ended"
            : end == "kill" && !isHttp ? "--end: kill needs --target http"
            : end != "none" && isHttp && !isStored ? "--end: nothing is left of a host with --journal memory"
            : parsed.GetValue(_retention) < parsed.GetValue(_cap) + MinRetention && parsed.GetValue(_mix) == "all"
                ? $"--retention: must be {MinRetention} more than --cap, or callers ask for jobs that are forgotten "
                    + "(unless they only submit: --mix submit)"
            : parsed.GetValue(_heap) > 0 && (!isHttp || isUrl) ? "--heap-limit: needs a host of our own (--target http)"
            : null;
    }

    internal LoadPlan Plan(ParseResult parsed) => new()
    {
        Target = parsed.GetValue(_target) == "http" ? TargetKind.Http : TargetKind.InProcess,
        Url = parsed.GetValue(_url),
        Journal = Journal(parsed),
        SnapshotBytes = (int)(parsed.GetValue(_snapshots) * 1024 * 1024),
        Seed = (ulong)parsed.GetValue(_seed),
        Users = (int)parsed.GetValue(_users),
        Padding = (int)parsed.GetValue(_padding),
        Streams = (int)parsed.GetValue(_streams),
        IdleStreams = (int)parsed.GetValue(_idle),
        HeapLimitMiB = (int)parsed.GetValue(_heap),
        MaxMemoryMiB = (int)parsed.GetValue(_memory),
        Directory = parsed.GetValue(_data)?.FullName,
        Limits = new Limits
        {
            GlobalCap = (int)parsed.GetValue(_cap),
            Runs = (int)parsed.GetValue(_runs),
            Inbox = (int)parsed.GetValue(_inbox),
            Daily = (int)parsed.GetValue(_daily),
            Retention = (int)parsed.GetValue(_retention),
            Hold = TimeSpan.FromMilliseconds(parsed.GetValue(_hold)),
        },
    };

    private JournalKind Journal(ParseResult parsed) =>
        (JournalKind)Array.IndexOf(Journals, parsed.GetValue(_journal));

    internal TimeSpan Duration(ParseResult parsed) => TimeSpan.FromSeconds(parsed.GetValue(_seconds));

    internal long Operations(ParseResult parsed) =>
        parsed.GetValue(_operations) is > 0 and var count ? count : long.MaxValue;

    internal Func<long, ValueTask<Operation>> Mix(ParseResult parsed, Traffic traffic) =>
        parsed.GetValue(_mix) == "all" ? traffic.AnyAsync : traffic.SubmitOnlyAsync;

    internal Ending End(ParseResult parsed) => (Ending)Array.IndexOf(Endings, parsed.GetValue(_end));

    /// <summary>An option that must lie in a range, and says so.</summary>
    internal static Option<T> Number<T>(string name, string description, T missing, T least, T most)
        where T : struct, IComparable<T>, ISpanParsable<T> => new(name)
        {
            Description = string.Create(CultureInfo.InvariantCulture, $"{description} {least} to {most}."),
            DefaultValueFactory = _ => missing,
            HelpName = "N",
            CustomParser = result =>
            {
                if (T.TryParse(result.Tokens.Single().Value, CultureInfo.InvariantCulture, out var value)
                    && value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0)
                {
                    return value;
                }

                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name}: must be {least} to {most}"));
                return missing;
            },
        };

    private static Option<string> OneOf(string name, string description, params string[] values)
    {
        var option = new Option<string>(name) { Description = description, DefaultValueFactory = _ => values[0] };
        option.AcceptOnlyFromAmong(values);
        return option;
    }
}
