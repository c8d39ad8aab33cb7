using System.Security.Claims;
using System.Text;
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

    /// <summary>Reads the claims; answers null when they name no usable user. A claim that appears twice is as good as
    /// none: which one to believe is not ours to guess.</summary>
    internal static Caller? Read(ClaimsPrincipal principal, AuthenticationSettings settings)
    {
        string? user = Single(principal, settings.UserClaim);
        if (user is null || !IsName(user, JobRequest.MaxNameLength))
        {
            return null;
        }

        if (principal.FindAll(settings.TierClaim).Count() > 1)
        {
            return null;
        }

        string? tier = Single(principal, settings.TierClaim);
        if (tier is not null && !IsName(tier, 64))
        {
            return null;
        }

        bool admin = string.Equals(
            Single(principal, settings.AdminClaim), "true", StringComparison.OrdinalIgnoreCase);
        return new Caller(user, tier, admin, Single(principal, settings.SubscriptionClaim));
    }

    /// <summary>Lets endpoints ask for the caller as a parameter. The fallback policy has let no one else
    /// through.</summary>
    public static ValueTask<Caller?> BindAsync(HttpContext http) =>
        ValueTask.FromResult(Read(http.User, http.RequestServices.GetRequiredService<AuthenticationSettings>()));

    internal static bool IsName(string text, int maxLength)
    {
        if (text.Length < 1 || text.Length > maxLength)
        {
            return false;
        }

        foreach (var rune in text.EnumerateRunes())
        {
            // A lone surrogate enumerates as the replacement character, which no identity provider hands out.
            if (Rune.IsControl(rune) || Rune.IsWhiteSpace(rune) || rune == Rune.ReplacementChar)
            {
                return false;
            }
        }

        return true;
    }

    private static string? Single(ClaimsPrincipal principal, string type)
    {
        var claims = principal.FindAll(type).Take(2).ToList();
        return claims.Count == 1 ? claims[0].Value : null;
    }
}
