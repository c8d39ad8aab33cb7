using System.Security.Claims;
using Engine.Host.Configuration;

namespace Engine.Host.Authentication;

/// <summary>Who calls, as the token says.</summary>
/// <param name="UserId">1 to 128 visible characters.</param>
/// <param name="Tier">The plan, or null when the token names none.</param>
/// <param name="IsAdmin">Whether the token says so.</param>
/// <param name="Subscription">How the subscription stands, or null.</param>
internal sealed record Caller(string UserId, string? Tier, bool IsAdmin, string? Subscription)
{
    /// <summary>Whether builds may be started (seed-semantics 1.6, 402). A tier that is not known is treated as the
    /// fallback's, and so opens no gate either.</summary>
    internal bool IsSubscribed(JobEngineOptions plans) =>
        IsAdmin
        || Subscription is "active" or "trialing"
        || (Tier != plans.FallbackTier && plans.Tiers.Any(tier => tier.Name == Tier));

    /// <summary>Reads the claims; answers null when they name no usable user, and says why not in words that repeat nothing of
    /// the token. A claim that appears twice is as good as none: which one to believe is not ours to guess.</summary>
    internal static Caller? Read(ClaimsPrincipal principal, AuthenticationSettings settings, out string? problem)
    {
        string? user = Single(principal, settings.UserClaim);
        bool manyTiers = principal.FindAll(settings.TierClaim).Count() > 1;
        string? tier = Single(principal, settings.TierClaim);
        problem =
            user is null ? $"the user's claim '{settings.UserClaim}' must be there, and once"
            : NameProblem(user, JobRequest.MaxNameLength) is { } ofUser ? $"the user's claim '{settings.UserClaim}' {ofUser}"
            : manyTiers ? $"the tier's claim '{settings.TierClaim}' must not be there twice"
            : tier is not null && NameProblem(tier, 64) is { } ofTier ? $"the tier's claim '{settings.TierClaim}' {ofTier}"
            : null;
        if (problem is not null)
        {
            return null;
        }

        bool admin = string.Equals(
            Single(principal, settings.AdminClaim), "true", StringComparison.OrdinalIgnoreCase);
        return new Caller(user!, tier, admin, Single(principal, settings.SubscriptionClaim));
    }

    /// <summary>Lets endpoints ask for the caller as a parameter. The fallback policy has let no one else
    /// through.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext http) =>
        ValueTask.FromResult(Read(http.User, http.RequestServices.GetRequiredService<AuthenticationSettings>(), out _));

    // The engine's rule, and a little more: an identity provider hands out neither blanks nor the character that stands for
    // what could not be read, which half of a surrogate pair in a token becomes.
    private static string? NameProblem(string text, int maxLength) =>
        JobRequest.NameProblem(text, maxLength)
        ?? (text.Any(char.IsWhiteSpace) ? "must not hold blanks" : null)
        ?? (text.Contains('\ufffd', StringComparison.Ordinal) ? "must not hold U+FFFD, which stands for no character" : null);

    private static string? Single(ClaimsPrincipal principal, string type)
    {
        var claims = principal.FindAll(type).Take(2).ToList();
        return claims.Count == 1 ? claims[0].Value : null;
    }
}
