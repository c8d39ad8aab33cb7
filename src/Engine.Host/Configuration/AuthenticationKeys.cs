using System.Text;

namespace Engine.Host.Configuration;

/// <summary>The settings of who may call.</summary>
internal static class AuthenticationKeys
{
    // RFC 8725: pinned, asymmetric or keyed, never "none".
    private static readonly string[] KnownAlgorithms =
    [
        "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
    ];

    internal static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Choice<AuthenticationMode>("Authentication:Mode", null,
            "`Jwt`: signed bearer tokens. `Development`: `Bearer dev:USER:TIER` is believed, on loopback only "
            + "(of requests to `localhost` or a loopback address) and never in Production; the default in Development, and there is none elsewhere.",
            (s, _, value) => s.Authentication.Mode = value),
        Setting.Text("Authentication:Authority", null, "an https URL",
            "With `Jwt`: the issuer whose published keys sign the tokens. Either this or `SigningKey`.",
            text => Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme == Uri.UriSchemeHttps,
            (s, _, value) => s.Authentication.Authority = value),
        Setting.Text("Authentication:SigningKey", null, "at least 32 bytes of text in UTF-8",
            "With `Jwt`: the secret that signs the tokens (HS256). Give it by environment, not in a file.",
            text => Encoding.UTF8.GetByteCount(text) >= 32, (s, _, value) => s.Authentication.SigningKey = value),
        Setting.Text("Authentication:Issuer", null, 1_000,
            "With `Jwt`: the `iss` that tokens must carry. Needed with `SigningKey`; with `Authority` it "
            + "defaults to that.",
            (s, _, value) => s.Authentication.Issuer = value),
        Setting.Text("Authentication:Audience", null, 1_000,
            "With `Jwt`: the `aud` that tokens must carry.",
            (s, _, value) => s.Authentication.Audience = value),
        Setting.Text("Authentication:Algorithms:#", null, $"one of {string.Join(", ", KnownAlgorithms)}",
            "With `Jwt`: the algorithms that tokens may be signed with. Without it `HS256` with a `SigningKey`, "
            + "`RS256` and `ES256` with an `Authority`.",
            text => KnownAlgorithms.Contains(text, StringComparer.Ordinal),
            (s, _, value) => s.Authentication.Algorithms.Add(value)),
        Setting.Duration("Authentication:ClockSkew", TimeSpan.FromSeconds(30), TimeSpan.Zero, TimeSpan.FromSeconds(60),
            "With `Jwt`: how far the issuer's clock may be off.",
            (s, _, value) => s.Authentication.ClockSkew = value),
        Setting.Text("Authentication:UserClaim", "sub", 128, "The claim that names the user: 1 to 128 visible "
            + "characters.",
            (s, _, value) => s.Authentication.UserClaim = value),
        Setting.Text("Authentication:TierClaim", "tier", 128, "The claim that names the user's tier.",
            (s, _, value) => s.Authentication.TierClaim = value),
        Setting.Text("Authentication:SubscriptionClaim", "subscription", 128, "The claim that says how the "
            + "user's subscription stands.",
            (s, _, value) => s.Authentication.SubscriptionClaim = value),
        Setting.Text("Authentication:AdminClaim", "admin", 128, "The claim whose value `true` makes an admin, "
            + "who needs no subscription.",
            (s, _, value) => s.Authentication.AdminClaim = value),
    ];
}
