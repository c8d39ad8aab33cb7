using System.Text;
using Engine.Host.Configuration;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Engine.Host.Authentication;

/// <summary>What a token must be (RFC 8725): signed by the configured key or one that the authority publishes, with a
/// pinned algorithm, for us, from the right issuer, and not past its end. Keys that a token brings along count for
/// nothing.</summary>
internal sealed class TokenRules
{
    // A token travels in a header, and a header of more than this is no token.
    private static readonly JsonWebTokenHandler Tokens = new()
    {
        MapInboundClaims = false,
        MaximumTokenSizeInBytes = 16 * 1024,
    };

    private readonly TokenValidationParameters _parameters;
    private readonly AuthorityKeys? _authority;

    /// <param name="settings">What was set.</param>
    /// <param name="authority">Where keys come from, when not from the settings.</param>
    internal TokenRules(AuthenticationSettings settings, AuthorityKeys? authority)
    {
        _authority = authority;
        _parameters = new TokenValidationParameters
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
            TryAllIssuerSigningKeys = authority is null,
            ClockSkew = settings.ClockSkew,
            NameClaimType = settings.UserClaim,
            IssuerSigningKey = settings.SigningKey is { } key
                ? new SymmetricSecurityKey(Encoding.UTF8.GetBytes(key))
                : null,
        };
    }

    /// <summary>Checks a token; null when nobody can, because the authority is away.</summary>
    internal async ValueTask<TokenValidationResult?> ValidateAsync(string token, CancellationToken cancellationToken)
    {
        if (_authority is null)
        {
            return await Tokens.ValidateTokenAsync(token, _parameters).ConfigureAwait(false);
        }

        if (await _authority.GetAsync(cancellationToken).ConfigureAwait(false) is not { } keys)
        {
            return null;
        }

        var result = await ValidateAsync(token, keys).ConfigureAwait(false);
        if (result.Exception is not SecurityTokenSignatureKeyNotFoundException)
        {
            return result;
        }

        var newer = await _authority.GetNewerAsync(keys, cancellationToken).ConfigureAwait(false);
        return newer is null ? null
            : ReferenceEquals(newer, keys) ? result
            : await ValidateAsync(token, newer).ConfigureAwait(false);
    }

    private Task<TokenValidationResult> ValidateAsync(string token, PublishedKeys keys)
    {
        var parameters = _parameters.Clone();
        parameters.IssuerSigningKeys = keys.Keys;
        return Tokens.ValidateTokenAsync(token, parameters);
    }
}
