namespace Engine.Simulation.Storage.Redis;

/// <summary>When a simulated Redis makes what it wrote durable.</summary>
internal enum RedisSync
{
    /// <summary>Before it answers (<c>appendfsync always</c>).</summary>
    Always = 1,

    /// <summary>Once a second.</summary>
    EverySecond = 2,

    /// <summary>When the system likes, within half a minute.</summary>
    Never = 3,
}

/// <summary>How often something goes wrong between a journal and its Redis: each is the chance for one
/// command.</summary>
internal sealed record RedisFaults
{
    /// <summary>A Redis in good order.</summary>
    internal static RedisFaults None { get; } = new();

    /// <summary>The command never arrives, nor does anything behind it.</summary>
    internal double LoseCommand { get; init; }

    /// <summary>The command is carried out, and its answer never arrives.</summary>
    internal double LoseAnswer { get; init; }

    /// <summary>The command, and all behind it, arrives up to five seconds late: often when nobody waits any
    /// more.</summary>
    internal double Delay { get; init; }

    /// <summary>The server answers OOM, READONLY or BUSY, and carries nothing out.</summary>
    internal double Refuse { get; init; }

    /// <summary>The server is killed before it carries the command out, and starts again.</summary>
    internal double KillServer { get; init; }

    /// <summary>The machine of the server loses power, and starts again.</summary>
    internal double CutPower { get; init; }

    /// <summary>The primary is lost for good, and a replica that lags takes over: what it lacks is gone.</summary>
    internal double FailOver { get; init; }
}
