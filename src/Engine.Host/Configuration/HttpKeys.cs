namespace Engine.Host.Configuration;

/// <summary>The settings of the HTTP side.</summary>
internal static class HttpKeys
{
    internal static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Text("Listen", "http://127.0.0.1:5080", "http or https URLs with a host and a port, separated "
            + "by semicolons",
            "Where to listen; port 0 takes a free one. Anything but loopback needs `Authentication:Mode` `Jwt`. "
            + "`urls` is understood too, when this is missing.",
            text => ListenAddresses.TryParse(text, out _), (s, _, value) => s.Http.Listen = value),
        Setting.Text("AdvertisedAddress", null, "an http or https URL with a host, without a path, of up to 512 ASCII "
            + "characters",
            "Where callers reach this host: what hosts that stand by for it tell theirs. Without it the first address "
            + "listened on, with the machine's name for a host that stands for every address.",
            ListenAddresses.IsAdvertisable, (s, _, value) => s.Http.AdvertisedAddress = value),
        Setting.Integer("MaxRequestBytes", 256 * 1024, 1_024, 16 * 1_048_576,
            "Largest request body, in bytes; a larger one is refused with 413 before it is parsed.",
            (s, _, value) => s.Http.MaxRequestBytes = value),
        Setting.Size("MaxRequestBytesInFlight", 64L << 20, 1_048_576, 1L << 40,
            "Bytes of request bodies that may be in memory at a time, over all users, from their arrival to the answer; "
            + "beyond it requests are refused with 503. At least `MaxRequestBytes`.",
            (s, _, value) => s.Http.MaxRequestBytesInFlight = value),
        Setting.Integer("MaxStreamsPerUser", 20, 1, 10_000,
            "Event streams that a user may have open at a time; one more is refused with 429.",
            (s, _, value) => s.Http.MaxStreamsPerUser = value),
        Setting.Flag("RequireSubscription", false,
            "Whether submitting needs a subscription: an admin, a subscription claim of `active` or `trialing`, "
            + "or any configured tier but `FallbackTier`. Others get 402.",
            (s, _, value) => s.Http.RequireSubscription = value),
        Setting.Duration("CancelWait", TimeSpan.FromSeconds(10), TimeSpan.Zero, TimeSpan.FromMinutes(10),
            "How long a cancel request waits for the running work to stop before it answers 202.",
            (s, _, value) => s.Http.CancelWait = value),
        Setting.Duration("StopTimeout", TimeSpan.FromSeconds(30), TimeSpan.Zero, TimeSpan.FromHours(1),
            "How long a stop waits for running work. What has not ended by then is run again at the next start.",
            (s, _, value) => s.Http.StopTimeout = value),
    ];
}
