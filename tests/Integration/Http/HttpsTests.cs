using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Engine.Host.Cli;
using Engine.Host.Configuration;
using Engine.Host.Serve;
using Engine.Tests.Hosts;

namespace Engine.Tests.Http;

/// <summary>HTTPS by <c>Engine:Listen</c> and <c>Kestrel:Certificates:Default</c>.</summary>
public sealed class HttpsTests : IDisposable
{
    private const string Password = "a password";
    private const string Key = "Kestrel:Certificates:Default";

    private readonly string _directory = Directory.CreateTempSubdirectory("engine-https-").FullName;
    private readonly X509Certificate2 _certificate = Certificates.Create();

    public HttpsTests()
    {
        using var key = _certificate.GetECDsaPrivateKey()!;
        File.WriteAllBytes(PathOf("both.pfx"), _certificate.Export(X509ContentType.Pfx, Password));
        File.WriteAllText(PathOf("one.pem"), _certificate.ExportCertificatePem());
        File.WriteAllText(PathOf("one.key"), key.ExportPkcs8PrivateKeyPem());
        using var another = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(PathOf("another.key"), another.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(PathOf("text"), "no certificate");
    }

    public void Dispose()
    {
        _certificate.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData("both.pfx", null, Password)]
    [InlineData("one.pem", "one.key", null)]
    public async Task A_host_with_a_certificate_serves_encrypted(string path, string? key, string? password)
    {
        await using var server = await EngineServer.StartAsync(Settings(path, key, password));

        Assert.Equal(Uri.UriSchemeHttps, server.Address.Scheme);
        Assert.Equal(HttpStatusCode.OK, await UsageAsync(server.Address));
        var plain = new UriBuilder(server.Address) { Scheme = Uri.UriSchemeHttp }.Uri;
        await Assert.ThrowsAsync<HttpRequestException>(() => UsageAsync(plain));
    }

    [Theory]
    [InlineData(null, null, null)]
    [InlineData("missing.pfx", null, Password)]
    [InlineData("both.pfx", null, "another password")]
    [InlineData("both.pfx", null, null)]
    [InlineData("one.pem", "another.key", null)]
    [InlineData("one.pem", "missing.key", null)]
    [InlineData("one.pem", null, null)]
    [InlineData("text", null, null)]
    [InlineData(".", null, null)]
    public void A_certificate_that_cannot_be_used_is_a_wrong_setting(string? path, string? key, string? password)
    {
        var configuration = EngineServer.Configure(Settings(path, key, password));

        var refused = Assert.Throws<SettingsException>(
            () => ServeHost.Create(configuration, SettingsReader.Read(configuration)));

        Assert.Contains(Key + ": must", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", refused.Message, StringComparison.Ordinal);
        if (password is not null)
        {
            Assert.DoesNotContain(password, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_path_of_a_certificate_counts_from_the_current_directory()
    {
        await using var host = HostProcess.Start(
            "Development",
            _directory,
            "--Engine:Listen=https://127.0.0.1:0",
            "--Engine:Journal=Memory",
            $"--{Key}:Path=both.pfx",
            $"--{Key}:Password={Password}");

        Assert.Equal(HttpStatusCode.OK, await UsageAsync(await host.ListensAsync()));
        host.Terminate();

        Assert.Equal(ExitCode.Success, (await host.EndedAsync()).Code);
    }

    [Fact]
    public async Task A_host_without_its_certificate_ends_with_78_and_makes_no_journal()
    {
        await using var host = HostProcess.Start(
            "Development", _directory, "--Engine:Listen=https://127.0.0.1:0", $"--{Key}:Path=missing.pfx");

        var (code, text) = await host.EndedAsync();

        Assert.Equal(ExitCode.Configuration, code);
        Assert.Contains(Key + ": must", text, StringComparison.Ordinal);
        Assert.False(Directory.Exists(PathOf("data/journal")));
    }

    private (string Key, string Value)[] Settings(string? path, string? key, string? password) =>
    [
        ("Engine:Listen", "https://127.0.0.1:0"),
        ("MaxConcurrentRuns", "0"),
        .. path is null ? [] : ((string, string)[])[(Key + ":Path", PathOf(path))],
        .. key is null ? [] : ((string, string)[])[(Key + ":KeyPath", PathOf(key))],
        .. password is null ? [] : ((string, string)[])[(Key + ":Password", password)],
    ];

    private async Task<HttpStatusCode> UsageAsync(Uri address)
    {
        using var client = Client();
        client.DefaultRequestHeaders.Authorization = new("Bearer", "dev:u1:partner");
        using var response = await client.GetAsync(new Uri(address, "/api/usage"));
        return response.StatusCode;
    }

    private HttpClient Client() => new(new HttpClientHandler
    {
        ServerCertificateCustomValidationCallback = (_, found, _, _) =>
            found?.GetCertHashString() == _certificate.GetCertHashString(),
    })
    {
        Timeout = TestEngine.Guard,
    };

    private string PathOf(string name) => Path.Combine(_directory, name);
}
