using System.Text;
using Engine.Host.Configuration;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Engine.Host.Authentication;

/// <summary>What a token must be (RFC 8725): signed by the configured key or one that the authority publishes, with a
/// pinned algorithm, for us, from the right issuer, and not past its end. Keys that a token brings along count for
/// nothing.</summary>
internal sealed class TokenRules
{
    internal TokenRules(AuthenticationSettings settings)
    {
        Parameters = new TokenValidationParameters
        {
            ValidAlgorithms = settings.Algorithms,
            ValidIssuer = settings.Issuer,
            ValidAudience = settings.Audience,
            ValidateIssuer = true,
            ValidateAudience = true,
            ValidateLifetime = true,
            ValidateIssuerSigningKey = true,
            RequireAudience = true,
            RequireExpirationTime = true,
            RequireSignedTokens = true,
            TryAllIssuerSigningKeys = settings.SigningKey is not null,
            ClockSkew = settings.ClockSkew,
            NameClaimType = settings.UserClaim,
        };
        if (settings.SigningKey is { } key)
        {
            Parameters.IssuerSigningKey = new SymmetricSecurityKey(Encoding.UTF8.GetBytes(key));
        }
        else
        {
            // Fetched at the first token, kept, and fetched again when a token names a key that is not known.
            Parameters.ConfigurationManager = new ConfigurationManager<OpenIdConnectConfiguration>(
                settings.Authority!.TrimEnd('/') + "/.well-known/openid-configuration",
                new OpenIdConnectConfigurationRetriever(),
                new HttpDocumentRetriever { RequireHttps = true });
        }
    }

    internal TokenValidationParameters Parameters { get; }
}
