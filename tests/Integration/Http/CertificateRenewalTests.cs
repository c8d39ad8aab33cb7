using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Engine.Host.Serve;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Engine.Tests.Http;

/// <summary>Certificates that are renewed while the host runs.</summary>
public sealed class CertificateRenewalTests : IDisposable
{
    private const string Password = "a password";
    private const string Key = "Kestrel:Certificates:Default:";
    private const int Taken = 4031;
    private const int Refused = 4032;

    // The manual clock's first day: certificates must be valid on it.
    private static readonly DateTimeOffset Now = new ManualTimeProvider().GetUtcNow();

    private readonly string _directory = Directory.CreateTempSubdirectory("engine-renewal-").FullName;
    private readonly WatchedTime _time = new(CertificateRenewal.Period);
    private readonly TestLog _log = new();
    private readonly X509Certificate2 _first = Certificates.Create(Now);
    private readonly X509Certificate2 _second = Certificates.Create(Now);

    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        _log.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_renewed_file_is_taken_over_when_two_looks_find_the_same()
    {
        using var passing = Certificates.Create(Now);
        WritePfx(_first);
        await using var server = await StartAsync((Key + "Path", PathOf("both.pfx")), (Key + "Password", Password));
        Assert.Equal(_first.Thumbprint, (await ShownAsync(server)).Thumbprint);

        WritePfx(passing);
        await _time.PassAsync();
        WritePfx(_second);
        await _time.PassAsync();
        await _time.PassAsync();

        Assert.Contains(_second.Thumbprint, await _log.NextAsync(Taken), StringComparison.Ordinal);
        Assert.Equal(_second.Thumbprint, (await ShownAsync(server)).Thumbprint);

        // And again: what is in use is compared, not what was at the start.
        WritePfx(_first);
        await _time.PassAsync();
        await _time.PassAsync();
        await _log.NextAsync(Taken);
        Assert.Equal(_first.Thumbprint, (await ShownAsync(server)).Thumbprint);
    }

    [Fact]
    public async Task A_link_that_changes_its_target_is_a_renewal_and_those_between_are_sent_along()
    {
        var (first, between) = Certificates.CreateChain(Now);
        var (second, another) = Certificates.CreateChain(Now);
        Directory.CreateDirectory(PathOf("1"));
        Directory.CreateDirectory(PathOf("2"));
        WritePem(first, "1", between);
        WritePem(second, "2", another);
        File.CreateSymbolicLink(PathOf("live"), PathOf("1"));
        await using var server = await StartAsync((Key + "Path", PathOf("live/one.pem")), (Key + "KeyPath", PathOf("live/one.key")));
        Assert.Equal([between.Thumbprint], (await ShownAsync(server)).Others);

        File.Delete(PathOf("live"));
        File.CreateSymbolicLink(PathOf("live"), PathOf("2"));
        await _time.PassAsync();
        await _time.PassAsync();
        await _log.NextAsync(Taken);

        var (thumbprint, others) = await ShownAsync(server);
        Assert.Equal(second.Thumbprint, thumbprint);
        Assert.Equal([another.Thumbprint], others);
    }

    [Fact]
    public async Task A_certificate_whose_key_is_not_there_yet_waits_for_it()
    {
        WritePem(_first);
        await using var server = await StartAsync((Key + "Path", PathOf("one.pem")), (Key + "KeyPath", PathOf("one.key")));

        await File.WriteAllTextAsync(PathOf("one.pem"), _second.ExportCertificatePem());
        await _time.PassAsync();
        await _time.PassAsync();
        await _log.NextAsync(Refused);
        Assert.Equal(_first.Thumbprint, (await ShownAsync(server)).Thumbprint);

        WritePem(_second);
        await _time.PassAsync();
        await _time.PassAsync();
        await _log.NextAsync(Taken);
        Assert.Equal(_second.Thumbprint, (await ShownAsync(server)).Thumbprint);
    }

    [Theory]
    [InlineData("cut off")]
    [InlineData("empty")]
    [InlineData("gone")]
    [InlineData("another password")]
    [InlineData("without its key")]
    [InlineData("ended")]
    [InlineData("for clients")]
    [InlineData("endless")]
    public async Task What_cannot_be_used_is_told_once_and_the_one_before_stays(string broken)
    {
        WritePfx(_first);
        await using var server = await StartAsync((Key + "Path", PathOf("both.pfx")), (Key + "Password", Password));

        Break(broken);
        await _time.PassAsync();
        await _time.PassAsync();
        string told = await _log.NextAsync(Refused);
        await _time.PassAsync();
        await _time.PassAsync();

        Assert.Equal(_first.Thumbprint, (await ShownAsync(server)).Thumbprint);
        Assert.Contains("stays", told, StringComparison.Ordinal);
        Assert.DoesNotContain(Password, told, StringComparison.Ordinal);

        // What comes next in the log is the one that can be used.
        WritePfx(_second);
        await _time.PassAsync();
        await _time.PassAsync();
        Assert.Equal(Taken, await _log.NextOfAsync(Taken, Refused));
        Assert.Equal(_second.Thumbprint, (await ShownAsync(server)).Thumbprint);
    }

    private void Break(string how)
    {
        string path = PathOf("both.pfx");
        switch (how)
        {
            case "cut off":
                File.WriteAllBytes(path, _second.Export(X509ContentType.Pfx, Password)[..^20]);
                break;
            case "empty":
                File.WriteAllBytes(path, []);
                break;
            case "gone":
                File.Delete(path);
                break;
            case "another password":
                File.WriteAllBytes(path, _second.Export(X509ContentType.Pfx, "another"));
                break;
            case "without its key":
                File.WriteAllBytes(path, _second.Export(X509ContentType.Cert));
                break;
            case "ended":
                using (var ended = Certificates.Create(Now.AddDays(-1)))
                {
                    WritePfx(ended);
                }

                break;
            case "for clients":
                using (var forClients = Certificates.Create(Now, forServers: false))
                {
                    WritePfx(forClients);
                }

                break;
            default:
                File.Delete(path);
                File.CreateSymbolicLink(path, "/dev/zero");
                break;
        }
    }

    private Task<EngineServer> StartAsync(params (string Key, string Value)[] certificate) => EngineServer.StartAsync(
        _time,
        [
            ("Engine:Listen", "https://127.0.0.1:0"), ("MaxConcurrentRuns", "0"), ("Logging:LogLevel:Default", "Information"),
            .. certificate,
        ],
        services => services.AddSingleton<ILoggerProvider>(_log));

    /// <summary>What a connection that begins now is shown: the certificate, and those that came with it.</summary>
    private static async Task<(string Thumbprint, string[] Others)> ShownAsync(EngineServer server)
    {
        (string, string[]) shown = default;
        using var client = new HttpClient(new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                RemoteCertificateValidationCallback = (_, found, chain, _) =>
                {
                    shown = (found!.GetCertHashString(), [.. chain!.ChainPolicy.ExtraStore.Select(other => other.Thumbprint)
                        .Where(other => other != found.GetCertHashString())]);
                    return true;
                },
            },
        })
        {
            Timeout = TestEngine.Guard,
        };
        using var response = await client.GetAsync(new Uri(server.Address, "/health/live"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return shown;
    }

    private void WritePfx(X509Certificate2 certificate)
    {
        // At once: the host may be looking.
        File.WriteAllBytes(PathOf("next.pfx"), certificate.Export(X509ContentType.Pfx, Password));
        File.Move(PathOf("next.pfx"), PathOf("both.pfx"), overwrite: true);
    }

    private void WritePem(X509Certificate2 certificate, string directory = ".", params X509Certificate2[] others)
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        string all = string.Join('\n', others.Prepend(certificate).Select(one => one.ExportCertificatePem()));
        File.WriteAllText(PathOf(Path.Combine(directory, "one.pem")), all);
        File.WriteAllText(PathOf(Path.Combine(directory, "one.key")), key.ExportPkcs8PrivateKeyPem());
    }

    private string PathOf(string name) => Path.Combine(_directory, name);
}
