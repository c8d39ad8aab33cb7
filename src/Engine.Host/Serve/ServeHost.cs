using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Engine.Host.Authentication;
using Engine.Host.Configuration;
using Engine.Host.Endpoints;
using Engine.Host.Streams;
using Engine.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;

namespace Engine.Host.Serve;

/// <summary>The web application around an engine.</summary>
internal static class ServeHost
{
    /// <summary>Puts it together; nothing is started yet.</summary>
    /// <param name="configuration">Where the settings came from: watched for changes, and read for logging.</param>
    /// <param name="settings">What was read there.</param>
    /// <param name="engine">Further wishes for the engine.</param>
    /// <param name="services">Further services; what is registered here wins.</param>
    internal static WebApplication Create(
        IConfiguration configuration,
        HostSettings settings,
        Action<EngineBuilder>? engine = null,
        Action<IServiceCollection>? services = null)
    {
        // Nothing that is not asked for: no other settings, servers, or addresses to listen on.
        var builder = WebApplication.CreateEmptyBuilder(
            new WebApplicationOptions
            {
                EnvironmentName = settings.Environment,

                // Of the certificate's file: from where every other path counts, too.
                ContentRootPath = Directory.GetCurrentDirectory(),
                ApplicationName = typeof(ServeHost).Assembly.GetName().Name,
            });
        builder.Configuration.AddConfiguration(configuration);

        // Whoever logs must not wait for a reader who does not read; how many lines that cost is logged.
        builder.Services.Configure<ConsoleLoggerOptions>(
            console => console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite);

        // A start that fails is told by us, in a sentence; the host would tell it too, with a stack trace.
        builder.Logging
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None)
            .AddConfiguration(configuration.GetSection("Logging"))
            .AddSimpleConsole();
        ConfigureKestrel(builder, settings);

        builder.Services.AddRoutingCore();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(settings);
        builder.Services.AddCallers(settings.Authentication);
        builder.Services.AddSingleton(new BodyBudget(settings.Http.MaxRequestBytesInFlight));
        builder.Services.AddSingleton(new StreamLimiter(settings.Http.MaxStreamsPerUser));
        builder.Services.AddSingleton<StreamServices>();
        builder.Services.AddSingleton<Cancellation>();
        builder.Services.AddSingleton<ExitState>();
        builder.Services.Configure<HostOptions>(
            options => options.ShutdownTimeout = settings.Http.StopTimeout + Margin);
        var address = new AdvertisedAddress(settings.Http);
        builder.Services.AddConfiguredEngine(settings, address, more =>
        {
            if (settings.Standby)
            {
                more.StandBy();
            }

            engine?.Invoke(more);
        });
        builder.Services.AddSingleton(address);
        builder.Services.AddHostedService<EngineWatch>();
        if (CertificateFiles.Named(configuration) is { } certificate)
        {
            builder.Services.AddSingleton(certificate);
            builder.Services.AddSingleton<CertificateRenewal>();
            builder.Services.AddHostedService(provider => provider.GetRequiredService<CertificateRenewal>());
        }

        builder.Services.AddHostedService(provider => ActivatorUtilities.CreateInstance<SettingsReload>(
            provider, configuration));
        services?.Invoke(builder.Services);

        var app = builder.Build();
        address.Use(app.Services.GetRequiredService<IServer>());
        foreach (string listen in settings.Http.Listen.Split(
            ';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            app.Urls.Add(listen);
        }

        app.UseMiddleware<ProblemMiddleware>();
        app.UseMiddleware<ServingGate>();
        app.UseRouting();
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapHost();
        return app;
    }

    /// <summary>Time for requests to end before the engine is told to stop.</summary>
    private static TimeSpan Margin => TimeSpan.FromSeconds(5);

    private static void ConfigureKestrel(WebApplicationBuilder builder, HostSettings settings)
    {
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            LoadCertificate(kestrel, builder.Configuration);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = settings.Http.MaxRequestBytes;
            kestrel.Limits.MaxConcurrentConnections = 10_000;

            // What is read ahead of each connection, whether anybody wants it or not.
            kestrel.Limits.MaxRequestBufferSize = 64 * 1024;
            kestrel.Limits.MaxRequestHeaderCount = 64;
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            kestrel.Limits.MaxRequestLineSize = 8 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromMinutes(2);
            kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(240, TimeSpan.FromSeconds(5));

            // A reader that does not read is cut off, so that it holds no memory and no stop (F21).
            kestrel.Limits.MinResponseDataRate = new MinDataRate(240, TimeSpan.FromSeconds(10));
        });
    }

    /// <summary>Certificates, now: a wrong one is a wrong setting, and no reason to touch the journal. Endpoints there are
    /// refused when the settings are read.</summary>
    private static void LoadCertificate(KestrelServerOptions kestrel, ConfigurationManager configuration)
    {
        try
        {
            if (kestrel.ApplicationServices.GetService<CertificateRenewal>() is { } renewal)
            {
                renewal.Starts();
                kestrel.ConfigureHttpsDefaults(https => https.OnAuthenticate = (_, connection) => renewal.Use(connection));
            }

            kestrel.Configure(configuration.GetSection("Kestrel")).Load();
            var named = configuration.GetSection(SettingsRules.CertificateKey);
            if (named["Path"] is { Length: > 0 } path && named["KeyPath"] is null or ""
                && X509Certificate2.GetCertContentType(path) == X509ContentType.Cert)
            {
                // It would be taken, and no connection could ever be made.
                throw new CryptographicException($"'{path}' has no key, and no KeyPath is set.");
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidOperationException
            or CryptographicException or ArgumentException or FormatException)
        {
            throw new SettingsException(
                [$"{SettingsRules.CertificateKey}: must be a certificate with its key that can be read; found: {e.Message}"]);
        }
    }
}
