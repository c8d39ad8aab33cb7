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
                AddKeys(services, settings);
                services.AddSingleton(provider => new TokenRules(settings, provider.GetService<AuthorityKeys>()));
                AddScheme<JwtAuthentication>(services, JwtAuthentication.Name);
                break;
            case AuthenticationMode.Development:
                AddScheme<DevelopmentAuthentication>(services, DevelopmentAuthentication.Name);
                break;
            case null:
                throw new InvalidOperationException("The settings were not checked: there is no authentication mode.");
        }

        services.AddAuthorizationBuilder()
            .SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        return services;
    }

    private static void AddKeys(IServiceCollection services, AuthenticationSettings settings)
    {
        if (settings.Authority is { } authority)
        {
            services.AddSingleton(AuthorityBackchannel.Create());
            services.AddSingleton(provider => new AuthorityKeys(
                authority,
                settings.Issuer!,
                provider.GetRequiredService<AuthorityBackchannel>().Handler,
                provider.GetRequiredService<TimeProvider>(),
                provider.GetRequiredService<ILogger<AuthorityKeys>>()));
        }
    }

    // The core of authentication alone: the rest would make keys for cookies, and keep them on disk.
    private static void AddScheme<THandler>(IServiceCollection services, string name)
        where THandler : AuthenticationHandler<AuthenticationSchemeOptions>
    {
        services.AddAuthenticationCore(options => options.DefaultScheme = name);
        services.AddWebEncoders();
        new AuthenticationBuilder(services).AddScheme<AuthenticationSchemeOptions, THandler>(name, null);
    }
}
