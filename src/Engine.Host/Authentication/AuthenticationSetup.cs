using Engine.Host.Configuration;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;

namespace Engine.Host.Authentication;

/// <summary>Sets up who may call. Everything needs a caller unless it says otherwise.</summary>
internal static class AuthenticationSetup
{
    internal static IServiceCollection AddCallers(this IServiceCollection services, AuthenticationSettings settings)
    {
        services.AddSingleton(settings);
        switch (settings.Mode)
        {
            case AuthenticationMode.Jwt:
                services.AddSingleton(new TokenRules(settings));
                services.AddAuthentication(JwtAuthentication.Name)
                    .AddScheme<AuthenticationSchemeOptions, JwtAuthentication>(JwtAuthentication.Name, null);
                break;
            case AuthenticationMode.Development:
                services.AddAuthentication(DevelopmentAuthentication.Name)
                    .AddScheme<AuthenticationSchemeOptions, DevelopmentAuthentication>(
                        DevelopmentAuthentication.Name, null);
                break;
            case null:
                throw new InvalidOperationException("The settings were not checked: there is no authentication mode.");
        }

        services.AddAuthorizationBuilder()
            .SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        return services;
    }
}
