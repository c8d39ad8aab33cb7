using System.Globalization;
using System.Text;

namespace Engine.Tests.Load.Work;

/// <summary>One submission, as the user means it.</summary>
/// <param name="Number">Which; the job's goal says it, so that every job in a journal can be told.</param>
/// <param name="User">Who.</param>
/// <param name="Tier">Their plan.</param>
/// <param name="Project">One of their projects.</param>
/// <param name="Type">The kind of work.</param>
/// <param name="Priority">0 to 100.</param>
/// <param name="Key">The idempotency key, or null.</param>
/// <param name="Iterations">How many iterations the work takes.</param>
/// <param name="Fails">Whether it fails half-way.</param>
internal sealed record Ask(
    int Number,
    string User,
    string Tier,
    string Project,
    string Type,
    int Priority,
    string? Key,
    int Iterations,
    bool Fails);

/// <summary>What is asked for, and under which limits. Equal settings and numbers give equal submissions.</summary>
/// <param name="limits">Of the engine under load.</param>
/// <param name="seed">Fixes who asks for what.</param>
/// <param name="users">How many they are.</param>
/// <param name="padding">So many bytes more in every payload.</param>
/// <param name="onlyBuilds">Only the type that every host has.</param>
/// <param name="name">What users' names begin with.</param>
internal sealed class Workload(
    Limits limits, ulong seed, int users, int padding = 0, bool onlyBuilds = false, string name = "user")
{
    internal const string Quick = "quick";
    internal const string Build = "build";
    internal const string Steps = "steps";
    internal const string Heavy = "heavy";
    internal const string Gpu = "gpu";

    /// <summary>Ends when it is cancelled, and not before.</summary>
    internal const string Held = "held";

    /// <summary>The same, with the resource.</summary>
    internal const string HeldGpu = "held_gpu";

    /// <summary>What a held job of a host runs.</summary>
    internal const string HeldProgram = "sleep";

    /// <summary>The stage in which those that fail do.</summary>
    internal const string FailingStage = "code";

    /// <summary>More than every tier but the largest grants at once: the others must confirm.</summary>
    private const int ManySteps = 4;

    private const string GoalPrefix = "load-";

    private readonly string _padding = new('x', padding);

    internal Limits Limits => limits;

    /// <summary>Submission number <paramref name="number"/>.</summary>
    internal Ask Ask(int number)
    {
        var dice = Dice.For(seed, (ulong)number);
        int user = dice.Below(users);
        string type = dice.Below(100) switch
        {
            _ when onlyBuilds => Build,
            < 60 => Quick,
            < 75 => Build,
            < 88 => Steps,
            _ => Heavy,
        };
        string userName = UserName(user);
        return new Ask(
            number,
            userName,
            (user % 10) switch
            {
                < 2 => Limits.Bootstrapper,
                < 7 => Limits.Partner,
                _ => Limits.Scale,
            },
            userName + (dice.Chance(50) ? "-a" : "-b"),
            type,
            dice.Below(3) * 50,
            dice.Chance(50) ? Key(number) : null,
            type == Steps ? ManySteps : 1,
            type == Build && dice.Chance(10));
    }

    /// <summary>What a user is called.</summary>
    internal string UserName(int user) => string.Create(CultureInfo.InvariantCulture, $"{name}-{user}");

    /// <summary>The same submission under a key, so that it may be sent again.</summary>
    internal static Ask WithKey(Ask ask) => ask with { Key = Key(ask.Number) };

    /// <summary>A user who owns nothing yet, for a submission out of turn.</summary>
    internal Ask AskOf(string user, int number) => new(
        number, user, Limits.Bootstrapper, user, onlyBuilds ? Build : Quick, 0, null, 1, Fails: false);

    /// <summary>The goal: says which submission it is.</summary>
    internal string Goal(Ask ask) =>
        string.Create(CultureInfo.InvariantCulture, $"{GoalPrefix}{ask.Number}.{_padding}");

    /// <summary>The fields beside the goal, as JSON, with a comma before each.</summary>
    internal static string Fields(Ask ask) => ask.Type is Held or HeldGpu
        ? $",\"program\":\"{HeldProgram}\",\"arguments\":[\"3600\"]"
        : string.Create(
            CultureInfo.InvariantCulture,
            $",\"iterations\":{ask.Iterations}{(ask.Fails ? $",\"fail_at\":\"{FailingStage}\"" : "")}");

    /// <summary>What the handler is given.</summary>
    internal byte[] Payload(Ask ask) => Encoding.ASCII.GetBytes($"{{\"goal\":\"{Goal(ask)}\"{Fields(ask)}}}");

    /// <summary>Which submission a payload is of, or -1.</summary>
    internal static int NumberIn(ReadOnlySpan<byte> payload)
    {
        int at = payload.IndexOf("\"goal\":\"load-"u8);
        return at >= 0
            && System.Buffers.Text.Utf8Parser.TryParse(
                payload[(at + "\"goal\":\"load-"u8.Length)..], out int number, out _)
            ? number
            : -1;
    }

    private static string Key(int number) => string.Create(CultureInfo.InvariantCulture, $"key-{number}");
}
