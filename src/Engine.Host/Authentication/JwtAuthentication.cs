using System.Security.Claims;
using System.Text.Encodings.Web;
using Engine.Host.Configuration;
using Engine.Host.Endpoints;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Engine.Host.Authentication;

/// <summary>Believes signed bearer tokens. <see cref="TokenRules"/> says which; this is its place in
/// the pipeline.</summary>
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

    private bool _cannotTell;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization;
        if (header.Count != 1 || !header[0]!.StartsWith(Start, StringComparison.OrdinalIgnoreCase))
        {
            return AuthenticateResult.NoResult();
        }

        var result = await rules.ValidateAsync(header[0]![Start.Length..].Trim(), Context.RequestAborted)
            .ConfigureAwait(false);
        if (result is null)
        {
            _cannotTell = true;
            return AuthenticateResult.Fail("The authority is away.");
        }

        if (!result.IsValid)
        {
            // The kind of exception says which rule was broken and repeats nothing of the token.
            LogRefused(Logger, result.Exception.GetType().Name);
            return AuthenticateResult.Fail("The token is not valid.");
        }

        var principal = new ClaimsPrincipal(result.ClaimsIdentity);
        if (Caller.Read(principal, settings, out string? problem) is null)
        {
            Challenge.LogUnusable(Logger, problem!);
            return AuthenticateResult.Fail("The token names no usable user or tier.");
        }

        return AuthenticateResult.Success(new AuthenticationTicket(principal, Name));
    }

    // A client that is told 401 throws its token away: not because of us.
    protected override Task HandleChallengeAsync(AuthenticationProperties properties) =>
        _cannotTell ? Problems.AuthorityUnavailable().ExecuteAsync(Context) : Challenge.WriteAsync(Context);

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Problems.Forbidden().ExecuteAsync(Context);

    [LoggerMessage(4201, LogLevel.Information, "Refused a token: {Reason}")]
    private static partial void LogRefused(ILogger logger, string reason);
}
