using System.Net;
using Engine.Host.Configuration;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;

namespace Engine.Host.Serve;

/// <summary>Where callers reach this host: what it publishes as the owner of the journal, and what those who stand by
/// tell their callers.</summary>
/// <remarks>The journal asks when it is acquired. A host that stands by listens by then, so that even a port that was
/// taken freely is known; one that does not is not listening yet, and says what it was told to listen on.</remarks>
internal sealed class AdvertisedAddress(HttpSettings settings)
{
    private IServerAddressesFeature? _listening;

    /// <summary>The address, or null when there is none to tell yet.</summary>
    internal string? Value
    {
        get
        {
            if (settings.AdvertisedAddress is { } configured)
            {
                return new Uri(configured).GetLeftPart(UriPartial.Authority);
            }

            string first = _listening?.Addresses.FirstOrDefault()
                ?? settings.Listen.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[0];
            return ListenAddresses.TryParse(first, out var addresses)
                && Reachable(addresses[0]) is var reachable
                && ListenAddresses.IsAdvertisable(reachable)
                    ? reachable
                    : null;
        }
    }

    /// <summary>Learns from the server where it listens, once it does.</summary>
    internal void Use(IServer server) => _listening = server.Features.Get<IServerAddressesFeature>();

    // "Every address" is nothing that a caller could connect to; the machine's name is.
    private static string Reachable(Uri address) =>
        IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip)
            && (ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any))
                ? new UriBuilder(address) { Host = Dns.GetHostName() }.Uri.GetLeftPart(UriPartial.Authority)
                : address.GetLeftPart(UriPartial.Authority);
}
