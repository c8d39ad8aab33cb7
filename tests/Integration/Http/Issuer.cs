using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace Engine.Tests.Http;

/// <summary>An OpenID provider on loopback, as far as it matters for who checks its tokens: it publishes keys.</summary>
internal sealed class Issuer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly X509Certificate2 _certificate;
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Issuer(WebApplication app, X509Certificate2 certificate) => (_app, _certificate) = (app, certificate);

    internal string Address => _app.Urls.Single(url => url.StartsWith("https:", StringComparison.Ordinal));

    /// <summary>The same without encryption.</summary>
    internal string PlainAddress => _app.Urls.Single(url => url != Address);

    /// <summary>What it publishes, by key id.</summary>
    internal Dictionary<string, AsymmetricAlgorithm> Keys { get; } = [];

    /// <summary>Whether it breaks every connection off.</summary>
    internal volatile bool IsAway;

    /// <summary>It says nothing of itself before this is done.</summary>
    internal Task MayAnswer { get; set; } = Task.CompletedTask;

    /// <summary>Completes when somebody has asked it.</summary>
    internal Task Asked => _asked.Task;

    /// <summary>How often its keys were asked for.</summary>
    internal int Questions;

    /// <summary>Changes what it says of itself.</summary>
    internal Action<JsonObject> Says { get; set; } = _ => { };

    internal static async Task<Issuer> StartAsync()
    {
        var certificate = Certificates.Create();
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(
            kestrel =>
            {
                kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate));
                kestrel.Listen(IPAddress.Loopback, 0);
            });
        var issuer = new Issuer(builder.Build(), certificate);
        issuer._app.Run(issuer.AnswerAsync);
        await issuer._app.StartAsync();
        return issuer;
    }

    /// <summary>A way to it that knows its certificate, as a system does that was told to trust it.</summary>
    internal SocketsHttpHandler Backchannel() => new()
    {
        SslOptions = new SslClientAuthenticationOptions
        {
            RemoteCertificateValidationCallback = (_, found, _, _) =>
                found?.GetCertHashString() == _certificate.GetCertHashString(),
        },
    };

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _certificate.Dispose();
        foreach (var key in Keys.Values)
        {
            key.Dispose();
        }
    }

    private async Task AnswerAsync(HttpContext http)
    {
        if (IsAway)
        {
            http.Abort();
            return;
        }

        JsonObject answer;
        if (http.Request.Path == "/.well-known/openid-configuration")
        {
            Interlocked.Increment(ref Questions);
            _asked.TrySetResult();
            await MayAnswer;
            answer = new JsonObject { ["issuer"] = Address, ["jwks_uri"] = Address + "/keys" };
            Says(answer);
        }
        else
        {
            answer = new JsonObject { ["keys"] = new JsonArray([.. Keys.Select(key => Jwk(key.Key, key.Value))]) };
        }

        await http.Response.WriteAsync(answer.ToJsonString());
    }

    internal static JsonObject Jwk(string id, AsymmetricAlgorithm key)
    {
        if (key is ECDsa curve)
        {
            var point = curve.ExportParameters(includePrivateParameters: false).Q;
            return new JsonObject
            {
                ["kty"] = "EC",
                ["use"] = "sig",
                ["kid"] = id,
                ["crv"] = "P-256",
                ["x"] = Base64(point.X!),
                ["y"] = Base64(point.Y!),
            };
        }

        var numbers = ((RSA)key).ExportParameters(includePrivateParameters: false);
        return new JsonObject
        {
            ["kty"] = "RSA",
            ["use"] = "sig",
            ["kid"] = id,
            ["n"] = Base64(numbers.Modulus!),
            ["e"] = Base64(numbers.Exponent!),
        };
    }

    /// <summary>A token of this issuer; what is null in <paramref name="changes"/> is left out.</summary>
    internal string Token(
        AsymmetricAlgorithm key, string? id, JsonObject? changes = null, string? algorithm = null, JsonObject? header = null) =>
        Token(
            signed => key is ECDsa curve ? curve.SignData(signed, HashAlgorithmName.SHA256)
                : ((RSA)key).SignData(
                    signed,
                    HashAlgorithmName.SHA256,
                    algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1),
            algorithm ?? (key is ECDsa ? "ES256" : "RS256"),
            id,
            changes,
            header);

    internal string Token(
        Func<byte[], byte[]> sign, string algorithm, string? id, JsonObject? changes = null, JsonObject? header = null)
    {
        header ??= [];
        header["alg"] = algorithm;
        header["typ"] = "JWT";
        if (id is not null)
        {
            header["kid"] = id;
        }

        var claims = new JsonObject
        {
            ["iss"] = Address,
            ["aud"] = "engine",
            ["sub"] = "u1",
            ["tier"] = "partner",
            ["exp"] = In(300),
        };
        foreach (var (name, value) in changes ?? [])
        {
            claims[name] = value?.DeepClone();
        }

        foreach (string name in claims.Where(claim => claim.Value is null).Select(claim => claim.Key).ToList())
        {
            claims.Remove(name);
        }

        string signed = Base64(JsonSerializer.SerializeToUtf8Bytes(header))
            + "." + Base64(JsonSerializer.SerializeToUtf8Bytes(claims));
        return $"{signed}.{Base64(sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    internal static long In(int seconds) => DateTimeOffset.UtcNow.AddSeconds(seconds).ToUnixTimeSeconds();

    private static string Base64(byte[] bytes) =>
        Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}

/// <summary>Certificates of tests: of this machine, self-signed, and soon past their end.</summary>
internal static class Certificates
{
    /// <param name="at">It is valid then.</param>
    /// <param name="forServers">Or else for clients only.</param>
    internal static X509Certificate2 Create(DateTimeOffset? at = null, bool forServers = true)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = at ?? DateTimeOffset.UtcNow;
        return Leaf(key, forServers).CreateSelfSigned(now.AddHours(-1), now.AddHours(1));
    }

    /// <summary>One that is signed by another, which is signed by a root that nobody is shown.</summary>
    internal static (X509Certificate2 Leaf, X509Certificate2 Between) CreateChain(DateTimeOffset at)
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = Authority("CN=root", rootKey).CreateSelfSigned(at.AddHours(-3), at.AddHours(3));
        using var betweenKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var between = Authority("CN=between", betweenKey)
            .Create(root, at.AddHours(-2), at.AddHours(2), [1]).CopyWithPrivateKey(betweenKey);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = Leaf(key, forServers: true).Create(between, at.AddHours(-1), at.AddHours(1), [2]);
        return (leaf.CopyWithPrivateKey(key), X509CertificateLoader.LoadCertificate(between.RawData));
    }

    private static CertificateRequest Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        return request;
    }

    private static CertificateRequest Leaf(ECDsa key, bool forServers)
    {
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(
            [new Oid(forServers ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.2")], critical: false));
        return request;
    }
}
