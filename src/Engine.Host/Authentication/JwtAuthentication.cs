using System.Security.Claims;
using System.Text.Encodings.Web;
using Engine.Host.Configuration;
using Engine.Host.Endpoints;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Engine.Host.Authentication;

/// <summary>Believes signed bearer tokens. Validation is the identity library's; this is its place in the
/// pipeline.</summary>
internal sealed partial class JwtAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    AuthenticationSettings settings,
    TokenRules rules)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    internal const string Name = "Bearer";

    private const string Start = "Bearer ";

    // A token travels in a header, and a header of more than this is no token.
    private static readonly JsonWebTokenHandler Tokens = new()
    {
        MapInboundClaims = false,
        MaximumTokenSizeInBytes = 16 * 1024,
    };

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization;
        if (header.Count != 1 || !header[0]!.StartsWith(Start, StringComparison.OrdinalIgnoreCase))
        {
            return AuthenticateResult.NoResult();
        }

        var result = await Tokens.ValidateTokenAsync(header[0]![Start.Length..].Trim(), rules.Parameters)
            .ConfigureAwait(false);
        if (!result.IsValid)
        {
            // The kind of exception says which rule was broken and repeats nothing of the token.
            LogRefused(Logger, result.Exception.GetType().Name);
            return AuthenticateResult.Fail("The token is not valid.");
        }

        var principal = new ClaimsPrincipal(result.ClaimsIdentity);
        return Caller.Read(principal, settings) is null
            ? AuthenticateResult.Fail("The token names no usable user or tier.")
            : AuthenticateResult.Success(new AuthenticationTicket(principal, Name));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) => Challenge.WriteAsync(Context);

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Problems.Forbidden().ExecuteAsync(Context);

    [LoggerMessage(4201, LogLevel.Information, "Refused a token: {Reason}")]
    private static partial void LogRefused(ILogger logger, string reason);
}
