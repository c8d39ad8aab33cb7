using Engine.Storage.Redis.Connections;

namespace Engine.Storage.Redis;

/// <summary>How one journal in Redis is set up. Read once, when the journal is created.</summary>
public sealed class RedisJournalOptions
{
    /// <summary>Which Redis, in the words of StackExchange.Redis: <c>host:port</c>, then settings behind commas, such
    /// as <c>password=...</c> or <c>ssl=true</c>. One address, and the primary's: a replica is refused, and so is a
    /// node of a cluster. Time-outs and what happens while disconnected are this journal's business and set
    /// here.</summary>
    /// <value>Required. Never logged, as it may hold a password.</value>
    public string Connection { get; set; } = "";

    /// <summary>What the names of the journal's keys begin with, in braces, so that all of them lie in one slot:
    /// <c>{engine}:meta</c>, <c>{engine}:log</c>, <c>{engine}:snapshot:0</c> to <c>2</c>. Two journals in one Redis
    /// differ in it.</summary>
    /// <value>The default is <c>engine</c>; 1 to 64 letters, digits, dots, dashes, underscores and colons.</value>
    public string Namespace { get; set; } = "engine";

    /// <summary>What an acknowledged append survives, and so what Redis must be set to; anything less is refused when
    /// the journal is acquired. <see cref="Durability.Synced"/>: <c>appendonly yes</c>, <c>appendfsync always</c> and
    /// <c>no-appendfsync-on-rewrite no</c>. <see cref="Durability.Replicated"/>: the same, and <see cref="Replicas"/>
    /// have it. <see cref="Durability.Logged"/>: <c>appendonly yes</c>; the loss of the machine's power may cost what
    /// was acknowledged in the last second or two.</summary>
    /// <value>The default is <see cref="Durability.Synced"/>.</value>
    public Durability Durability { get; set; } = Durability.Synced;

    /// <summary>How many replicas have an append before it is acknowledged (<c>WAIT</c>), with <see
    /// cref="Durability.Replicated"/>. While fewer answer, nothing is acknowledged.</summary>
    /// <value>The default is 0; from 1 to 16 with <see cref="Durability.Replicated"/>, else 0.</value>
    public int Replicas { get; set; }

    /// <summary>How long the ownership lasts without a sign of life, by the clock of the Redis server. Every append is
    /// one, and an idle owner gives one three times in this span. Short: a standby takes over soon, and a pause of the
    /// owner's process or network ends its ownership. Long: the other way round.</summary>
    /// <value>The default is 5 seconds; from 500 milliseconds to 10 minutes.</value>
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one command may go without an answer before its connection is given up. What became of an
    /// append is then read from what is stored.</summary>
    /// <value>The default is 2 seconds; from 50 milliseconds to 1 minute.</value>
    public TimeSpan CommandTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long Redis may be away, or answer with errors, before appends that wait are answered with <see
    /// cref="AppendStatus.Unknown"/> and the journal has failed for good. Also how long acquiring and reading
    /// wait for it.</summary>
    /// <value>The default is 10 seconds; from 100 milliseconds to 10 minutes.</value>
    public TimeSpan OutageTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many bytes of appends may share one script, if they wait for each other anyway. A single append is
    /// never split, however large.</summary>
    /// <value>The default is 1 MiB; from 64 KiB to 64 MiB.</value>
    public int MaxBatchBytes { get; set; } = 1024 * 1024;

    /// <summary>Where the owner can be reached by its callers: asked when the journal is acquired, and told to those
    /// who are refused (<see cref="JournalLockedException.Owner"/>).</summary>
    /// <value>Null, the default, or an answer of null publishes nothing; at most 512 ASCII characters without
    /// spaces.</value>
    public Func<string?>? OwnerAddress { get; set; }

    /// <summary>Whether everything runs on the thread that calls, or that completes what is awaited: for a simulation,
    /// which has one thread only.</summary>
    internal bool RunsInline { get; set; }

    /// <summary>The largest snapshot that leaves the journal one of version 1, in bytes; smaller in tests.</summary>
    internal long MaxPlainSnapshotBytes { get; set; } = Array.MaxLength;

    /// <summary>Makes the nonces of owners and drafts, and the id of a new journal: from dice, in a
    /// simulation.</summary>
    internal Func<Guid> NewGuid { get; set; } = Guid.NewGuid;

    /// <summary>How what is awaited goes on. Callers go on on threads of their own as a rule: a session's has the next
    /// answers to look at.</summary>
    internal TaskCreationOptions Continuations =>
        RunsInline ? TaskCreationOptions.None : TaskCreationOptions.RunContinuationsAsynchronously;

    /// <summary>Whether a text is a connection to one server: see <see cref="Connection"/>.</summary>
    public static bool IsConnection(string? connection)
    {
        try
        {
            _ = new StackExchangeConnector(connection ?? "", TimeSpan.FromSeconds(1), TimeProvider.System);
            return true;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>Throws when a setting is out of its range.</summary>
    /// <exception cref="ArgumentException">The message names the setting, its value (but of <see cref="Connection"/>)
    /// and its range.</exception>
    internal void Validate()
    {
        Require(!string.IsNullOrWhiteSpace(Connection), nameof(Connection), "is required: host:port of a Redis");
        Require(
            Namespace.Length is >= 1 and <= 64 && Namespace.All(IsNameCharacter),
            nameof(Namespace),
            $"is '{Namespace}'; 1 to 64 letters, digits, dots, dashes, underscores and colons are needed");
        Require(
            Durability is Durability.Logged or Durability.Synced or Durability.Replicated,
            nameof(Durability), $"is {Durability}; this journal offers Logged, Synced and Replicated");
        Require(
            Durability == Durability.Replicated ? Replicas is >= 1 and <= 16 : Replicas == 0,
            nameof(Replicas),
            $"is {Replicas}; from 1 to 16 is needed with Durability Replicated, and 0 with any other");
        RequireSpan(LeaseDuration, TimeSpan.FromMilliseconds(500), TimeSpan.FromMinutes(10), nameof(LeaseDuration));
        RequireSpan(CommandTimeout, TimeSpan.FromMilliseconds(50), TimeSpan.FromMinutes(1), nameof(CommandTimeout));
        RequireSpan(OutageTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10), nameof(OutageTimeout));
        Require(
            MaxBatchBytes is >= 64 * 1024 and <= 64 * 1024 * 1024,
            nameof(MaxBatchBytes), $"is {MaxBatchBytes}; from {64 * 1024} to {64 * 1024 * 1024} is needed");
    }

    internal RedisJournalOptions Copy() => (RedisJournalOptions)MemberwiseClone();

    private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':';

    private static void RequireSpan(TimeSpan value, TimeSpan min, TimeSpan max, string option) =>
        Require(value >= min && value <= max, option, $"is {value}; from {min} to {max} is needed");

    private static void Require(bool holds, string option, string problem)
    {
        if (!holds)
        {
            throw new ArgumentException($"RedisJournalOptions.{option} {problem}.");
        }
    }
}
