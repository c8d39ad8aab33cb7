using System.Globalization;
using System.Runtime.InteropServices;

namespace Engine.Bench.Throughput;

/// <summary>Who submits what: 10,000 users of three tiers with two projects each, in an order without a pattern.</summary>
internal sealed class Workload
{
    internal const int Users = 10_000;
    internal const string JobType = "noop";
    internal const string Resource = "compute";
    private const ulong Step = 0x9E37_79B9_7F4A_7C15;

    // A power of two: taking the next one is one addition and one mask.
    private const int RequestCount = 65_536;

    private readonly JobRequest[] _requests;
    private Padded _next;

    /// <remarks>Equal requests are one object: a caller's request is warm in its cache, and 65,536 of them made beforehand
    /// would not be.</remarks>
    /// <param name="limited">With projects and a named resource, or with the users' slots only, which always count.</param>
    internal Workload(bool limited)
    {
        byte[] payload = """{"prompt":"a landing page"}"""u8.ToArray();
        string[] resources = limited ? [Resource] : [];
        var distinct = new JobRequest?[Users * 2];
        _requests = new JobRequest[RequestCount];
        for (int i = 0; i < RequestCount; i++)
        {
            int user = (int)(((ulong)i * Step >> 33) % Users);
            _requests[i] = distinct[(user * 2) + (i & 1)] ??= new JobRequest
            {
                Type = JobType,
                UserId = string.Create(CultureInfo.InvariantCulture, $"user-{user}"),
                Tier = TierOf(user),
                ProjectId = limited ? string.Create(CultureInfo.InvariantCulture, $"user-{user}-{i & 1}") : null,
                Resources = resources,
                Payload = payload,
            };
        }
    }

    /// <summary>Any thread. The requests are made beforehand, so that they do not count as the engine's allocations.</summary>
    internal JobRequest Next() => _requests[Interlocked.Increment(ref _next.Value) & (RequestCount - 1)];

    /// <summary>The plans: the product's with a daily limit that counts every job but stops none, or with slots that
    /// never fill.</summary>
    internal static IReadOnlyList<Tier> TiersFor(bool limited) =>
        [.. Tiers.CoFounder.Select(tier => limited
            ? tier with { DailyLimit = 1_000_000 }
            : tier with { DailyLimit = 1_000_000, UserSlots = 10_000, ProjectSlots = 10_000 })];

    // Six of ten are bootstrappers, three partners, one cto_scale.
    private static string TierOf(int user) => (user % 10) switch
    {
        < 6 => "bootstrapper",
        < 9 => "partner",
        _ => "cto_scale",
    };

    // Written by every caller for each request: what shares a line with it would be charged to the engine.
    [StructLayout(LayoutKind.Explicit, Size = 128)]
    private struct Padded
    {
        [FieldOffset(64)]
        internal long Value;
    }
}
