using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Engine.Tests.Http;

/// <summary>Signed tokens: one shape is believed, everything near it is not (RFC 8725).</summary>
public sealed class TokenTests(TokenServer fixture) : IClassFixture<TokenServer>
{
    private const string Issuer = TokenServer.Issuer;
    private const string Audience = TokenServer.Audience;

    private static readonly Dictionary<string, Func<string>> Forgeries = new()
    {
        ["no signature"] = () => Token(Claims(), "none", key: null),
        ["no signature, other case"] = () => Token(Claims(), "nOnE", key: null),
        ["signature cut off"] = () => Token(Claims())[..^10],
        ["signature empty"] = () => Token(Claims())[..(Token(Claims()).LastIndexOf('.') + 1)],
        ["another key"] = () => Token(Claims(), key: new string('x', 32)),
        ["empty key"] = () => Token(Claims(), key: ""),
        ["another algorithm, same key"] = () => Token(Claims(), "HS512"),
        ["claims changed after signing"] = () => Swap(Token(Claims()), Claims(("sub", "victim"))),
        ["another issuer"] = () => Token(Claims(("iss", "https://evil.example"))),
        ["issuer missing"] = () => Token(Claims(("iss", null))),
        ["another audience"] = () => Token(Claims(("aud", "other"))),
        ["audience missing"] = () => Token(Claims(("aud", null))),
        ["past its end"] = () => Token(Claims(("exp", In(-120)))),
        ["no end"] = () => Token(Claims(("exp", null))),
        ["end as text"] = () => Token(Claims(("exp", "never"))),
        ["not valid yet"] = () => Token(Claims(("nbf", In(300)))),
        ["no user"] = () => Token(Claims(("sub", null))),
        ["empty user"] = () => Token(Claims(("sub", ""))),
        ["two users"] = () => Token(Claims(("sub", new[] { "a", "b" }))),
        ["a user with a line break"] = () => Token(Claims(("sub", "a\nb"))),
        ["a user with half of a character"] = () => Token("""{"sub":"a\ud83d"}"""),
        ["a user that turns the direction of writing"] = () => Token(Claims(("sub", "a\u202eb"))),
        ["a user of 129 characters"] = () => Token(Claims(("sub", new string('u', 129)))),
        ["two tiers"] = () => Token(Claims(("tier", new[] { "bootstrapper", "cto_scale" }))),
        ["larger than 16 KiB"] = () => Token(Claims(("junk", new string('j', 17 * 1024)))),
        ["not three parts"] = () => "a.b",
        ["three empty parts"] = () => "..",
        ["not base64"] = () => "!!.??.**",
        ["the development token"] = () => "dev:u1:partner",
        ["a key that the token brings"] = () => Token(
            Claims(), key: new string('x', 32), header: new() { ["jwk"] = new { kty = "oct", k = OtherKey } }),
        ["keys at an address that the token names"] = () => Token(
            Claims(), key: new string('x', 32), header: new() { ["jku"] = "https://evil.example/keys" }),
    };

    private static string OtherKey => Base64(Encoding.UTF8.GetBytes(new string('x', 32)));

    public static TheoryData<string> Names { get; } = new(Forgeries.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_forged_token_is_not_believed(string forgery)
    {
        using var response = await fixture.Server.ClientWith(Forgeries[forgery]()).GetAsync("/api/jobs");

        var body = await response.JsonAsync(HttpStatusCode.Unauthorized);
        Assert.Equal("Invalid token", body.Detail());
        Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task A_good_token_names_user_and_tier()
    {
        var client = fixture.Server.ClientWith(Token(Claims(("sub", "jane"), ("tier", "cto_scale"))));
        string id = await client.SubmittedAsync("p-jane");

        Assert.Equal("cto_scale", (await client.JobAsync(id)).Text("tier"));

        var other = fixture.Server.ClientWith(Token(Claims(("sub", "john"))));
        Assert.Equal(HttpStatusCode.NotFound, (await other.GetAsync($"/api/jobs/{id}")).StatusCode);
    }

    [Theory]
    [InlineData("sub", "a\u202eb", "the user's claim 'sub' must not hold a code that turns the direction of writing; found U+202E at character 2")]
    [InlineData("sub", "a b", "the user's claim 'sub' must not hold blanks")]
    [InlineData("sub", null, "the user's claim 'sub' must be there, and once")]
    [InlineData("tier", "\u0000", "the tier's claim 'tier' must not hold a control character; found U+0000 at character 1")]
    public async Task What_is_wrong_with_a_token_that_is_otherwise_good_is_logged(string claim, string? value, string problem)
    {
        using var log = new TestLog();
        await using var server = await EngineServer.StartAsync(
            null,
            [.. TokenServer.Settings, ("Logging:LogLevel:Default", "Warning")],
            services => services.AddSingleton<ILoggerProvider>(log));

        using var response = await server.ClientWith(Token(Claims((claim, value)))).GetAsync("/api/jobs");

        var body = await response.JsonAsync(HttpStatusCode.Unauthorized);
        Assert.Equal("Invalid token", body.Detail());
        Assert.EndsWith(": " + problem, await log.NextAsync(4205), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_clock_that_is_off_by_less_than_the_skew_is_forgiven()
    {
        using var response = await fixture.Server.ClientWith(Token(Claims(("exp", In(-5))))).GetAsync("/api/jobs");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Theory]
    [InlineData("subscription", "active", HttpStatusCode.Created)]
    [InlineData("admin", "true", HttpStatusCode.Created)]
    [InlineData("admin", "false", HttpStatusCode.PaymentRequired)]
    [InlineData("subscription", "cancelled", HttpStatusCode.PaymentRequired)]
    public async Task Claims_open_the_subscription_gate(string claim, string value, HttpStatusCode expected)
    {
        var client = fixture.Server.ClientWith(
            Token(Claims(("sub", $"{claim}-{value}"), ("tier", "bootstrapper"), (claim, value))));

        Assert.Equal(expected, (await client.SubmitAsync($"p-{claim}-{value}")).StatusCode);
    }

    [Theory]
    [InlineData("subscription", "active", "cancelled")]
    [InlineData("admin", "true", "false")]
    public async Task A_claim_that_appears_twice_opens_nothing(string claim, string one, string other)
    {
        var client = fixture.Server.ClientWith(
            Token(Claims(("sub", $"{claim}-twice"), ("tier", "bootstrapper"), (claim, new[] { one, other }))));

        Assert.Equal(HttpStatusCode.PaymentRequired, (await client.SubmitAsync($"p-{claim}-twice")).StatusCode);
    }

    private static long In(int seconds) => DateTimeOffset.UtcNow.AddSeconds(seconds).ToUnixTimeSeconds();

    private static Dictionary<string, object> Claims(params (string Name, object? Value)[] changes)
    {
        Dictionary<string, object> claims = new()
        {
            ["iss"] = Issuer,
            ["aud"] = Audience,
            ["sub"] = "u1",
            ["tier"] = "partner",
            ["exp"] = In(300),
        };
        foreach (var (name, value) in changes)
        {
            if (value is null)
            {
                claims.Remove(name);
            }
            else
            {
                claims[name] = value;
            }
        }

        return claims;
    }

    // What no serializer would write.
    private static string Token(string claims)
    {
        string rest = JsonSerializer.Serialize(Claims().Where(claim => claim.Key != "sub").ToDictionary());
        return Token(Encoding.ASCII.GetBytes($"{claims[..^1]},{rest[1..]}"), "HS256", TokenServer.Key, null);
    }

    private static string Token(
        Dictionary<string, object> claims,
        string algorithm = "HS256",
        string? key = TokenServer.Key,
        Dictionary<string, object>? header = null) =>
        Token(JsonSerializer.SerializeToUtf8Bytes(claims), algorithm, key, header);

    private static string Token(byte[] claims, string algorithm, string? key, Dictionary<string, object>? header)
    {
        header ??= [];
        header["alg"] = algorithm;
        header["typ"] = "JWT";
        string signed = Base64(JsonSerializer.SerializeToUtf8Bytes(header))
            + "." + Base64(claims);
        byte[] secret = Encoding.UTF8.GetBytes(key ?? "");
        byte[] text = Encoding.ASCII.GetBytes(signed);
        byte[] signature = key is null ? []
            : algorithm == "HS512" ? HMACSHA512.HashData(secret, text)
            : HMACSHA256.HashData(secret, text);
        return $"{signed}.{Base64(signature)}";
    }

    private static string Swap(string token, Dictionary<string, object> claims)
    {
        string[] parts = token.Split('.');
        return $"{parts[0]}.{Base64(JsonSerializer.SerializeToUtf8Bytes(claims))}.{parts[2]}";
    }

    private static string Base64(byte[] bytes) =>
        Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}

/// <summary>A server that believes signed tokens.</summary>
public sealed class TokenServer : IAsyncLifetime
{
    internal const string Issuer = "https://issuer.example";
    internal const string Audience = "engine";
    // Long enough for every HMAC: a token of another algorithm is refused for that and not for its key.
    internal const string Key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    internal EngineServer Server { get; private set; } = null!;

    internal static (string Key, string Value)[] Settings { get; } =
    [
        ("MaxConcurrentRuns", "0"),
        ("RequireSubscription", "true"),
        ("Engine:Authentication:Mode", "Jwt"),
        ("Engine:Authentication:SigningKey", Key),
        ("Engine:Authentication:Issuer", Issuer),
        ("Engine:Authentication:Audience", Audience),
    ];

    public async Task InitializeAsync() => Server = await EngineServer.StartAsync(Settings);

    public async Task DisposeAsync() => await Server.DisposeAsync();
}
