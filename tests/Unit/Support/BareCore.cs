using Engine.Core;
using Engine.Estimation;

namespace Engine.Tests;

/// <summary>The core alone, for jobs of type <c>work</c>.</summary>
internal static class BareCore
{
    /// <summary>With one tier, and whoever is told of its events.</summary>
    internal static EngineCore Of(Tier tier, IEventSink sink) => new(
        EngineSettings.From(new JobEngineOptions
        {
            Types = [new JobType { Name = "work" }],
            Tiers = [tier],
            FallbackTier = tier.Name,
        }),
        new MovingAverageEstimator(),
        sink);
}
