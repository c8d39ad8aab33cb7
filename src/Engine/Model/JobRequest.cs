namespace Engine;

/// <summary>What a caller submits.</summary>
public sealed record JobRequest
{
    /// <summary>Longest name of a user, project, type, tier or resource, in characters.</summary>
    public const int MaxNameLength = 128;

    /// <summary>Longest idempotency key, in characters.</summary>
    public const int MaxIdempotencyKeyLength = 255;

    /// <summary>The kind of work; must be a configured type.</summary>
    public required string Type { get; init; }

    /// <summary>Whose job it is: the owner of its slots, allowance and place. 1 to 128 characters.</summary>
    public required string UserId { get; init; }

    /// <summary>The project that the work belongs to, or null when it belongs to none.</summary>
    public string? ProjectId { get; init; }

    /// <summary>The plan that applies to this job from now on; null or an unknown one falls back
    /// (<see cref="JobEngineOptions.FallbackTier"/>).</summary>
    public string? Tier { get; init; }

    /// <summary>0 (default) to 100; the higher goes first among jobs of one tier.</summary>
    public int Priority { get; init; }

    /// <summary>What the handler is given, as JSON in UTF-8; up to <see cref="JobEngineOptions.MaxPayloadBytes"/>.
    /// The engine keeps this memory: the caller does not change it.</summary>
    public ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Named resources beyond those of the type, up to 16; one slot of each is held while the job
    /// runs.</summary>
    public IReadOnlyList<string> Resources { get; init; } = [];

    /// <summary>Makes the submission repeatable: for 24 hours the same key of the same user gives the same job and
    /// answer, and another request under it is refused. 1 to 255 visible ASCII characters.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>The id of the new job; by default one is made.</summary>
    public JobId? Id { get; init; }
}
