using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Engine.Host.Configuration;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Engine.Host.Serve;

/// <summary>The files of the certificate, as they were named at the start.</summary>
internal sealed class CertificateFiles
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const int MaxBytes = 1024 * 1024;

    private readonly IReadOnlyList<KeyValuePair<string, string?>> _named;
    private readonly string[] _paths;

    private CertificateFiles(IReadOnlyList<KeyValuePair<string, string?>> named, string[] paths) =>
        (_named, _paths) = (named, paths);

    /// <summary>The file that people call the certificate.</summary>
    internal string Path => _paths[0];

    /// <summary>The files that are named, or null when the certificate lies in a store of the system.</summary>
    internal static CertificateFiles? Named(IConfiguration configuration)
    {
        var section = configuration.GetSection(SettingsRules.CertificateKey);
        string root = Directory.GetCurrentDirectory();
        string[] paths =
        [
            .. new[] { section["Path"], section["KeyPath"] }
                .Where(path => path is { Length: > 0 }).Select(path => System.IO.Path.Combine(root, path!)),
        ];
        return section["Path"] is { Length: > 0 }
            ? new([.. section.AsEnumerable(makePathsRelative: true).Where(pair => pair.Value is not null)], paths)
            : null;
    }

    /// <summary>What the files hold now. Their times would say less: where a link changes its target, they may be old.</summary>
    /// <exception cref="IOException">One cannot be read.</exception>
    internal byte[] Digest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[16 * 1024];
        foreach (string path in _paths)
        {
            using var file = File.OpenRead(path);
            for (int total = 0; file.Read(buffer) is > 0 and int read;)
            {
                total += read;
                if (total > MaxBytes)
                {
                    throw new IOException($"'{path}' has more than {MaxBytes:N0} bytes.");
                }

                hash.AppendData(buffer, 0, read);
            }

            // Where one file ends and the next begins counts, too.
            hash.AppendData(new byte[1]);
        }

        return hash.GetHashAndReset();
    }

    /// <summary>Reads the certificate, with its key and those between it and its root, as the server does when it
    /// starts.</summary>
    /// <param name="services">The server's.</param>
    /// <param name="now">It must be valid then.</param>
    /// <exception cref="Exception">It cannot be read or used; the server has many ways to say so.</exception>
    internal (X509Certificate2 Certificate, SslStreamCertificateContext Context) Load(
        IServiceProvider services, DateTimeOffset now)
    {
        // The server's own reader is reached through an endpoint that nobody opens.
        HttpsConnectionAdapterOptions? read = null;
        var endpoint = new Dictionary<string, string?> { ["Endpoints:one:Url"] = "https://127.0.0.1:0" };
        foreach (var (key, value) in _named)
        {
            endpoint["Endpoints:one:Certificate:" + key] = value;
        }

        new KestrelServerOptions { ApplicationServices = services }
            .Configure(new ConfigurationBuilder().AddInMemoryCollection(endpoint).Build())
            .Endpoint("one", found => read = found.HttpsOptions)
            .Load();
        var certificate = read?.ServerCertificate ?? throw new CryptographicException($"'{Path}' holds no certificate.");
        Check(certificate, now);
        return (certificate, SslStreamCertificateContext.Create(certificate, read.ServerCertificateChain));
    }

    private void Check(X509Certificate2 certificate, DateTimeOffset now)
    {
        if (!certificate.HasPrivateKey)
        {
            throw new CryptographicException($"'{Path}' has no key.");
        }

        if (now < certificate.NotBefore || now > certificate.NotAfter)
        {
            throw new CryptographicException(FormattableString.Invariant(
                $"'{Path}' is valid from {certificate.NotBefore.ToUniversalTime():u} to {certificate.NotAfter.ToUniversalTime():u} only."));
        }

        if (certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault() is { } usages
            && usages.EnhancedKeyUsages.Cast<Oid>().All(usage => usage.Value != ServerAuthentication))
        {
            throw new CryptographicException($"'{Path}' is not meant for servers.");
        }
    }
}
