using System.Security.Claims;
using System.Text.Encodings.Web;
using Engine.Host.Configuration;
using Engine.Host.Endpoints;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Engine.Host.Authentication;

/// <summary>Believes <c>Bearer dev:USER:TIER</c>, optionally followed by <c>:SUBSCRIPTION</c>. Start-up has made sure
/// that only this machine can connect, and that this is no production.</summary>
/// <remarks>A browser on this machine connects for anybody whose page it shows: such a page can give its own name this
/// machine's address, and would then be let in. So the request must be addressed to this machine, too.</remarks>
internal sealed partial class DevelopmentAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    AuthenticationSettings settings)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    internal const string Name = "Development";

    private const string Start = "Bearer ";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var headers = Request.Headers.Authorization;
        if (headers.Count != 1 || headers[0] is not { } header || !header.StartsWith(Start, StringComparison.OrdinalIgnoreCase))
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        if (!ListenAddresses.IsLoopback(Request.Host.Host))
        {
            LogForeignHost(Logger, Request.Host.Host);
            return Task.FromResult(AuthenticateResult.Fail("The request is not addressed to this machine."));
        }

        string[] parts = header[Start.Length..].Trim().Split(':');
        if (parts.Length is < 3 or > 4 || parts[0] != "dev")
        {
            LogOtherToken(Logger);
            return Task.FromResult(AuthenticateResult.Fail("The token is not dev:USER:TIER."));
        }

        var identity = new ClaimsIdentity(Name);
        identity.AddClaim(new Claim(settings.UserClaim, parts[1]));
        if (parts[2].Length > 0)
        {
            identity.AddClaim(new Claim(settings.TierClaim, parts[2]));
        }

        if (parts.Length == 4)
        {
            identity.AddClaim(new Claim(settings.SubscriptionClaim, parts[3]));
        }

        var principal = new ClaimsPrincipal(identity);
        if (Caller.Read(principal, settings, out string? problem) is null)
        {
            Challenge.LogUnusable(Logger, problem!);
            return Task.FromResult(AuthenticateResult.Fail("The user or the tier is not usable."));
        }

        return Task.FromResult(AuthenticateResult.Success(new AuthenticationTicket(principal, Name)));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties) => Challenge.WriteAsync(Context);

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Problems.Forbidden().ExecuteAsync(Context);

    [LoggerMessage(4206, LogLevel.Warning,
        "Refused a token: with development authentication it must be dev:USER:TIER. Signed tokens need "
        + "Engine:Authentication:Mode Jwt")]
    private static partial void LogOtherToken(ILogger logger);

    [LoggerMessage(4202, LogLevel.Warning,
        "Refused a request to '{Host}': with development authentication it must be to localhost or a loopback address")]
    private static partial void LogForeignHost(ILogger logger, string host);
}
