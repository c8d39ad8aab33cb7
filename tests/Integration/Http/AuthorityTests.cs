using System.Net;
using System.Security.Cryptography;
using System.Text;
using Engine.Host.Authentication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Tests.Http;

/// <summary>Tokens of an authority that publishes its keys: which are believed, and what happens while it changes its
/// keys or is away.</summary>
public sealed class AuthorityTests : IAsyncLifetime
{
    private static readonly Dictionary<string, Func<AuthorityTests, string>> Forgeries = new()
    {
        ["no signature"] = t => t._issuer.Token(_ => [], "none", "rsa"),
        ["HS256 with the public key as text"] = t => t.Confused(Encoding.ASCII.GetBytes(t._rsa.ExportSubjectPublicKeyInfoPem())),
        ["HS256 with the public key as bytes"] = t => t.Confused(t._rsa.ExportSubjectPublicKeyInfo()),
        ["HS256 with the public number"] = t => t.Confused(t._rsa.ExportParameters(false).Modulus!),
        ["HS256 with the published key"] = t => t.Confused(Encoding.UTF8.GetBytes(Issuer.Jwk("rsa", t._rsa).ToJsonString())),
        ["an algorithm that is not pinned"] = t => t._issuer.Token(t._rsa, "rsa", algorithm: "PS256"),
        ["another key under a published name"] = t => t._issuer.Token(t._other, "rsa"),
        ["a published key under another's name"] = t => t._issuer.Token(t._rsa, "ec"),
        ["a key that is not published"] = t => t._issuer.Token(t._other, "other"),
        ["a key that the token brings"] = t =>
            t._issuer.Token(t._other, "mine", header: new() { ["jwk"] = Issuer.Jwk("mine", t._other) }),
        ["no key named"] = t => t._issuer.Token(t._rsa, id: null),
        ["another issuer"] = t => t._issuer.Token(t._rsa, "rsa", new() { ["iss"] = "https://127.0.0.1" }),
        ["no issuer"] = t => t._issuer.Token(t._rsa, "rsa", new() { ["iss"] = null }),
        ["another audience"] = t => t._issuer.Token(t._rsa, "rsa", new() { ["aud"] = "other" }),
        ["past its end"] = t => t._issuer.Token(t._rsa, "rsa", new() { ["exp"] = Issuer.In(-120) }),
        ["no end"] = t => t._issuer.Token(t._rsa, "rsa", new() { ["exp"] = null }),
    };

    private readonly RSA _rsa = RSA.Create(2048);
    private readonly RSA _other = RSA.Create(2048);
    private readonly ECDsa _curve = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly SkippingTime _time = new();
    private Issuer _issuer = null!;
    private EngineServer _server = null!;

    private string Good => _issuer.Token(_rsa, "rsa");

    public async Task InitializeAsync()
    {
        _issuer = await Issuer.StartAsync();
        (_issuer.Keys["rsa"], _issuer.Keys["ec"]) = (_rsa, _curve);
        _server = await StartAsync(_issuer.Backchannel());
    }

    public async Task DisposeAsync()
    {
        await _server.DisposeAsync();
        await _issuer.DisposeAsync();
        _rsa.Dispose();
        _other.Dispose();
        _curve.Dispose();
    }

    [Fact]
    public async Task Tokens_of_published_keys_are_believed_and_the_keys_are_asked_for_once()
    {
        var client = _server.ClientWith(_issuer.Token(_rsa, "rsa", new() { ["sub"] = "jane", ["tier"] = "cto_scale" }));
        string id = await client.SubmittedAsync();

        Assert.Equal("cto_scale", (await client.JobAsync(id)).Text("tier"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(_issuer.Token(_curve, "ec")));
        Assert.Equal(1, _issuer.Questions);
    }

    [Fact]
    public async Task The_first_tokens_that_come_at_once_wait_for_one_answer()
    {
        // None of them is answered before the authority is.
        var answer = new TaskCompletionSource();
        _issuer.MayAnswer = answer.Task;
        var first = Enumerable.Range(0, 20).Select(_ => StatusAsync(Good)).ToList();
        await _issuer.Asked.WaitAsync(TestEngine.Guard);
        var later = StatusAsync(Good);
        answer.SetResult();

        Assert.All(await Task.WhenAll([.. first, later]), status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.Equal(1, _issuer.Questions);
    }

    [Fact]
    public async Task No_forged_token_is_believed()
    {
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Good));
        foreach (var (name, forge) in Forgeries)
        {
            var status = await StatusAsync(forge(this));

            Assert.True(status == HttpStatusCode.Unauthorized, $"{name}: {status}");
        }
    }

    [Fact]
    public async Task An_issuer_that_is_set_counts_and_not_the_one_that_the_authority_names()
    {
        await using var server = await StartAsync(
            _issuer.Backchannel(), ("Engine:Authentication:Issuer", "https://login.example"));

        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Good, server));
        Assert.Equal(
            HttpStatusCode.OK,
            await StatusAsync(_issuer.Token(_rsa, "rsa", new() { ["iss"] = "https://login.example" }), server));
    }

    [Fact]
    public async Task A_new_key_is_believed_at_its_first_token_and_a_withdrawn_one_no_longer()
    {
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Good));
        _issuer.Keys.Remove("rsa");
        _issuer.Keys["new"] = _other;
        _time.Skip(AuthorityKeys.AskAgainAfter);

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(_issuer.Token(_other, "new")));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(Good));
    }

    [Fact]
    public async Task A_withdrawn_key_is_noticed_within_the_hour_without_a_new_one()
    {
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Good));
        _issuer.Keys.Remove("rsa");
        _time.Skip(AuthorityKeys.FreshFor);

        // The first one is not held up by the question that it leads to, and may still be let in.
        var client = _server.ClientWith(Good);
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        HttpStatusCode status;
        do
        {
            using var response = await client.GetAsync("/api/jobs", guard.Token);
            status = response.StatusCode;
        }
        while (status != HttpStatusCode.Unauthorized);

        Assert.Equal(2, _issuer.Questions);
    }

    [Fact]
    public async Task A_flood_of_unknown_keys_is_not_passed_on_to_the_authority()
    {
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Good));
        _time.Skip(AuthorityKeys.AskAgainAfter);

        var flood = await Task.WhenAll(Enumerable.Range(0, 50).Select(i => StatusAsync(_issuer.Token(_other, $"key-{i}"))));

        Assert.All(flood, status => Assert.Equal(HttpStatusCode.Unauthorized, status));
        Assert.Equal(2, _issuer.Questions);
    }

    [Fact]
    public async Task An_authority_that_is_away_at_the_start_is_no_reason_to_refuse_tokens_for_good()
    {
        _issuer.IsAway = true;

        using var response = await _server.ClientWith(Good).GetAsync("/api/jobs");
        var body = await response.JsonAsync(HttpStatusCode.ServiceUnavailable);

        Assert.Equal("urn:engine:problem:authority-unavailable", body.Text("type"));
        Assert.Equal(AuthorityKeys.RetryAfter, response.Headers.RetryAfter?.Delta);
        using var health = await _server.ClientWith(null).GetAsync("/health/ready");
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);

        _issuer.IsAway = false;
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(Good));
        _time.Skip(AuthorityKeys.RetryAfter);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Good));
    }

    [Fact]
    public async Task An_authority_that_goes_away_later_stops_nobody_for_a_day()
    {
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Good));
        _issuer.IsAway = true;
        _time.Skip(AuthorityKeys.BelievedFor - TimeSpan.FromMinutes(1));

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Good));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(_issuer.Token(_other, "unknown")));

        // By now it is known that it does not answer.
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Good));
        _time.Skip(TimeSpan.FromMinutes(1));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(Good));

        _issuer.IsAway = false;
        _time.Skip(AuthorityKeys.RetryAfter);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(Good));
    }

    [Theory]
    [InlineData("without keys")]
    [InlineData("with keys at an address without encryption")]
    [InlineData("without an address of keys")]
    [InlineData("that is too long")]
    public async Task A_document_that_is_not_as_it_should_be_gives_no_keys(string document)
    {
        switch (document)
        {
            case "without keys":
                _issuer.Keys.Clear();
                break;
            case "with keys at an address without encryption":
                _issuer.Says = says => says["jwks_uri"] = _issuer.PlainAddress + "/keys";
                break;
            case "without an address of keys":
                _issuer.Says = says => says.Remove("jwks_uri");
                break;
            default:
                _issuer.Says = says => says["junk"] = new string('j', 1024 * 1024);
                break;
        }

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(Good));
    }

    [Fact]
    public async Task Keys_of_somebody_with_a_certificate_that_nobody_trusts_are_not_taken()
    {
        await using var server = await StartAsync(AuthorityBackchannel.Create().Handler);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(Good, server));
        Assert.Equal(0, _issuer.Questions);
    }

    [Fact]
    public async Task An_authority_that_does_not_answer_is_given_up_after_ten_seconds()
    {
        var time = new WatchedTime(TimeSpan.FromSeconds(10));
        using var keys = new AuthorityKeys(
            "https://silent.example", "https://silent.example", new SilentHandler(), time, NullLogger.Instance);

        var asking = keys.GetAsync(CancellationToken.None).AsTask();
        await time.PassAsync();

        Assert.Null(await asking.WaitAsync(TestEngine.Guard));
    }

    private string Confused(byte[] publicKey) =>
        _issuer.Token(signed => HMACSHA256.HashData(publicKey, signed), "HS256", "rsa");

    private async Task<HttpStatusCode> StatusAsync(string token, EngineServer? server = null)
    {
        using var response = await (server ?? _server).ClientWith(token).GetAsync("/api/jobs");
        return response.StatusCode;
    }

    private Task<EngineServer> StartAsync(HttpMessageHandler backchannel, params (string, string)[] more) =>
        EngineServer.StartAsync(
            _time,
            [
                ("MaxConcurrentRuns", "0"),
                ("Engine:Authentication:Mode", "Jwt"),
                ("Engine:Authentication:Authority", _issuer.Address),
                ("Engine:Authentication:Audience", "engine"),
                .. more,
            ],
            services => services.AddSingleton(new AuthorityBackchannel(backchannel)));

    /// <summary>Time that passes when it is skipped, so that a slow machine sees no more of it; timers stay real.</summary>
    private sealed class SkippingTime : TimeProvider
    {
        private long _skipped;

        internal void Skip(TimeSpan span) => Interlocked.Add(ref _skipped, span.Ticks);

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Interlocked.Read(ref _skipped));

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _skipped);
    }

    private sealed class SilentHandler : HttpMessageHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(
            HttpRequestMessage request, CancellationToken cancellationToken)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            throw new InvalidOperationException("Waited for ever.");
        }
    }
}
