using System.Net;

namespace Engine.Host.Configuration;

/// <summary>Where to listen, and whether others than this machine could reach it.</summary>
internal static class ListenAddresses
{
    internal static bool TryParse(string text, out IReadOnlyList<Uri> addresses)
    {
        List<Uri> found = [];
        addresses = found;
        foreach (string part in text.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            // "*" and "+" are Kestrel's words for every address, and no host names to the URI parser.
            string address = part.Replace("://*", "://0.0.0.0", StringComparison.Ordinal)
                .Replace("://+", "://0.0.0.0", StringComparison.Ordinal);
            if (!Uri.TryCreate(address, UriKind.Absolute, out var uri)
                || (uri.Scheme != Uri.UriSchemeHttp && uri.Scheme != Uri.UriSchemeHttps)
                || uri.PathAndQuery != "/" || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
            {
                return false;
            }

            found.Add(uri);
        }

        return found.Count > 0;
    }

    /// <summary>Whether others can be sent there: one address of one host.</summary>
    internal static bool IsAdvertisable(string text) =>
        text.Length <= 512
        && text.All(static c => c is > ' ' and < '\u007f')
        && Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps)
        && uri.PathAndQuery == "/" && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0 && uri.Port != 0;

    /// <summary>Whether only this machine can connect. A name counts when it is "localhost": any other may resolve to
    /// anything, tomorrow if not today.</summary>
    internal static bool IsLoopback(Uri address) => IsLoopback(address.Host);

    /// <inheritdoc cref="IsLoopback(Uri)"/>
    internal static bool IsLoopback(string host) =>
        string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
}
