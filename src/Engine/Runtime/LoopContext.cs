using Engine.Core;

namespace Engine.Runtime;

/// <summary>What an operation may touch while it decides: called by the loop's thread only.</summary>
internal sealed class LoopContext(EngineCore core, LiveFeed feed)
{
    internal EngineCore Core { get; } = core;

    internal LiveFeed Feed { get; } = feed;

    /// <summary>Claims that wait for work, the oldest first.</summary>
    internal List<ClaimOperation> PendingClaims { get; } = [];

    /// <summary>Answers a claim that still waits with nothing; nothing was decided for it. Returns whether it
    /// waited.</summary>
    internal bool Withdraw(ClaimOperation claim)
    {
        bool waited = PendingClaims.Remove(claim);
        if (waited)
        {
            claim.Release();
            claim.PublishAlone();
        }

        return waited;
    }

    /// <summary>Who waits for an image of the state; null when nobody does.</summary>
    internal ImageOperation? Image { get; set; }

    /// <summary>Runs of the life before that lost their worker, and how many of their jobs will run again.</summary>
    internal int LostRuns;

    /// <inheritdoc cref="LostRuns"/>
    internal int RetriedRuns;

    /// <summary>No new work is taken in or handed out.</summary>
    internal bool IsStopping { get; set; }

    /// <summary>The loop ends once everything decided is durable.</summary>
    internal bool IsEnding { get; set; }
}
