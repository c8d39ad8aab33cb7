using System.Globalization;

namespace Engine;

/// <summary>What a caller submits.</summary>
/// <remarks>Names (of users, projects, types, tiers and resources) are compared character by character and shown to people in
/// lists and logs: <see cref="NameProblem"/> says which texts may be names.</remarks>
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

    /// <summary>What keeps a text from being a name, in words that go behind the name of its field ("must not hold ...");
    /// null when nothing does.</summary>
    /// <param name="name">The text.</param>
    /// <param name="maxLength">How many characters it may have, 1 to <see cref="MaxNameLength"/>.</param>
    /// <remarks>Refused is what a journal could not give back as it came (half of a surrogate pair), and what changes the text
    /// around a name wherever it is shown: control characters, separators of lines and paragraphs, and the codes that turn the
    /// direction of what follows. Other characters that cannot be seen may stay: the joiners are part of how names and emoji
    /// are spelled, and names that look alike to the eye exist without them, too.</remarks>
    public static string? NameProblem(string? name, int maxLength = MaxNameLength)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > maxLength)
        {
            string found = name?.Length > maxLength ? $"; found {name.Length.ToString(CultureInfo.InvariantCulture)}" : "";
            return string.Create(CultureInfo.InvariantCulture, $"must be 1 to {maxLength} characters, not only blanks{found}");
        }

        // Mostly nothing but these.
        if (!name.AsSpan().ContainsAnyExceptInRange(' ', '~'))
        {
            return null;
        }

        for (int i = 0; i < name.Length; i++)
        {
            if (char.IsHighSurrogate(name[i]) && i + 1 < name.Length && char.IsLowSurrogate(name[i + 1]))
            {
                i++;
            }
            else if (Unfit(name[i]) is { } kind)
            {
                return string.Create(
                    CultureInfo.InvariantCulture, $"must not hold {kind}; found U+{(int)name[i]:X4} at character {i + 1}");
            }
        }

        return null;
    }

    private static string? Unfit(char c) => c switch
    {
        _ when char.IsControl(c) => "a control character",
        _ when char.IsSurrogate(c) => "half of a surrogate pair",
        '\u2028' or '\u2029' => "a separator of lines",
        (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069') => "a code that turns the direction of writing",
        _ => null,
    };
}
