using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace Engine.Host.Authentication;

/// <summary>The keys that an authority publishes: asked for at the first token, again every hour, and when a token
/// names a key that is not among them.</summary>
/// <remarks>
/// An authority that is away changes nothing for a day: who has its keys can check its tokens. Without keys nobody can
/// say whether a token is good, and so nobody says that it is not.
/// </remarks>
internal sealed partial class AuthorityKeys : IDocumentRetriever, IDisposable
{
    /// <summary>How soon keys are asked for again when there is no hurry.</summary>
    internal static readonly TimeSpan FreshFor = TimeSpan.FromHours(1);

    /// <summary>How long keys are believed that could not be asked for again: one may have been withdrawn.</summary>
    internal static readonly TimeSpan BelievedFor = TimeSpan.FromHours(24);

    /// <summary>Unknown keys lead to no more than one question in this time: anybody can name one.</summary>
    internal static readonly TimeSpan AskAgainAfter = TimeSpan.FromSeconds(30);

    /// <summary>How long an authority that did not answer is left alone.</summary>
    internal static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private const int MaxDocumentBytes = 1024 * 1024;

    private readonly string _address;
    private readonly string _issuer;
    private readonly HttpClient _http;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _lock = new();
    private volatile PublishedKeys? _known;
    private Task? _asking;
    private long _asked;
    private bool _failed;

    /// <param name="authority">An https URL.</param>
    /// <param name="issuer">What tokens must name as theirs; compared with what the authority says.</param>
    /// <param name="backchannel">How to reach it.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Told when it cannot be reached.</param>
    internal AuthorityKeys(
        string authority, string issuer, HttpMessageHandler backchannel, TimeProvider time, ILogger logger)
    {
        _address = authority.TrimEnd('/') + "/.well-known/openid-configuration";
        _issuer = issuer;
        _http = new HttpClient(backchannel)
        {
            MaxResponseContentBufferSize = MaxDocumentBytes,
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _time = time;
        _logger = logger;
    }

    /// <summary>The keys as far as they are known; null when there are none that could be believed.</summary>
    internal async ValueTask<PublishedKeys?> GetAsync(CancellationToken cancellationToken)
    {
        if (_known is { } known && Age(known) < BelievedFor)
        {
            if (Age(known) >= FreshFor)
            {
                // Nobody waits for it.
                _ = AskUnlessAsked(RetryAfter);
            }

            return known;
        }

        if (AskUnlessAsked(RetryAfter) is { } asking)
        {
            await asking.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        return _known is { } now && Age(now) < BelievedFor ? now : null;
    }

    /// <summary>For a token that names a key which is not among <paramref name="seen"/>: those that are published by
    /// now, which may be the same; null when the authority does not say.</summary>
    internal async ValueTask<PublishedKeys?> GetNewerAsync(PublishedKeys seen, CancellationToken cancellationToken)
    {
        if (ReferenceEquals(_known, seen) && AskUnlessAsked(AskAgainAfter) is { } asking)
        {
            await asking.WaitAsync(cancellationToken).ConfigureAwait(false);
        }

        lock (_lock)
        {
            return _failed && ReferenceEquals(_known, seen) ? null : _known;
        }
    }

    /// <summary>Gets a document, of an encrypted address only. The library's own way there cannot be ended.</summary>
    async Task<string> IDocumentRetriever.GetDocumentAsync(string address, CancellationToken cancel)
    {
        if (!Uri.TryCreate(address, UriKind.Absolute, out var uri) || uri.Scheme != Uri.UriSchemeHttps)
        {
            throw new InvalidOperationException($"'{address}' is no https URL.");
        }

        using var response = await _http.GetAsync(uri, cancel).ConfigureAwait(false);
        return await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
    }

    public void Dispose() => _http.Dispose();

    private TimeSpan Age(PublishedKeys keys) => _time.GetElapsedTime(keys.At);

    /// <summary>The question under way, or a new one; null when the last was too short a time ago.</summary>
    private Task? AskUnlessAsked(TimeSpan pause)
    {
        lock (_lock)
        {
            if (_asking is { IsCompleted: false })
            {
                return _asking;
            }

            if (_asking is not null && _time.GetElapsedTime(_asked) < (_failed ? RetryAfter : pause))
            {
                return null;
            }

            _asked = _time.GetTimestamp();
            return _asking = AskAsync();
        }
    }

    private async Task AskAsync()
    {
        using var patience = new CancellationTokenSource(Patience, _time);
        try
        {
            await Task.Yield();
            var configuration = await OpenIdConnectConfigurationRetriever.GetAsync(
                _address, this, patience.Token).ConfigureAwait(false);
            if (configuration.SigningKeys.Count == 0)
            {
                throw new InvalidOperationException("It publishes no keys that sign.");
            }

            if (configuration.Issuer != _issuer)
            {
                LogOtherIssuer(configuration.Issuer, _issuer);
            }

            Answered(new PublishedKeys([.. configuration.SigningKeys], _time.GetTimestamp()));
        }
        catch (Exception e)
        {
            // Whatever it is, of a document that is not as it should be or of a network: there are no keys of it.
            LogAway(_address, e.GetBaseException().Message);
            Answered(null);
        }
    }

    private void Answered(PublishedKeys? keys)
    {
        lock (_lock)
        {
            _failed = keys is null;
            _known = keys ?? _known;
        }
    }

    [LoggerMessage(4203, LogLevel.Error, "The keys of the authority cannot be had from {Address}: {Reason}")]
    private partial void LogAway(string address, string reason);

    [LoggerMessage(4204, LogLevel.Warning,
        "The authority says that it is '{Found}', and tokens must be of '{Issuer}': should Engine:Authentication:Issuer "
        + "differ?")]
    private partial void LogOtherIssuer(string found, string issuer);
}

/// <summary>Keys as they were published at some moment.</summary>
/// <param name="Keys">The keys.</param>
/// <param name="At">When they were had, a timestamp.</param>
internal sealed record PublishedKeys(IReadOnlyList<SecurityKey> Keys, long At);

/// <summary>How the authority is reached.</summary>
internal sealed record AuthorityBackchannel(HttpMessageHandler Handler)
{
    /// <summary>Over the network, with names looked up anew now and then.</summary>
    internal static AuthorityBackchannel Create() =>
        new(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5) });
}
