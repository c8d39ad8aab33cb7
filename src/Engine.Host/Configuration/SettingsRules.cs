namespace Engine.Host.Configuration;

/// <summary>What must hold between settings. Each problem names the key to change.</summary>
internal static class SettingsRules
{
    /// <summary>Where the certificate is named: outside <c>Engine:</c>, as in every host.</summary>
    internal const string CertificateKey = "Kestrel:Certificates:Default";

    internal static void Check(
        HostSettings settings, IConfiguration configuration, List<string> problems, bool serves)
    {
        CheckJournal(settings, problems);
        CheckTiers(settings, problems);
        CheckTypes(settings, problems);
        if (settings.Processes.KillGrace >= settings.Engine.CancelGrace)
        {
            // A handler that is still killing when its grace ends is abandoned, and with it what it kills.
            problems.Add("Engine:Processes:KillGrace: must be below Engine:CancelGrace "
                + $"({settings.Engine.CancelGrace:c}); found '{settings.Processes.KillGrace:c}'.");
        }

        if (serves)
        {
            if (settings.Standby && settings.Journal == JournalKind.Memory)
            {
                problems.Add("Engine:Standby: must be false with Engine:Journal Memory, which no two hosts share; "
                    + "found 'true'.");
            }

            if (settings.Http.MaxRequestBytesInFlight < settings.Http.MaxRequestBytes)
            {
                problems.Add("Engine:MaxRequestBytesInFlight: must be at least Engine:MaxRequestBytes "
                    + $"({settings.Http.MaxRequestBytes}); found '{settings.Http.MaxRequestBytesInFlight}'.");
            }

            CheckListening(settings, configuration, problems);
        }
    }

    /// <summary>What must hold for the journal; once more when the command line has chosen another.</summary>
    internal static void CheckJournal(HostSettings settings, List<string> problems)
    {
        bool isReplicated = settings.JournalDurability == JournalDurability.Replicated;
        switch (settings.Journal)
        {
            case JournalKind.Redis when settings.Redis.Connection.Length == 0:
                problems.Add("Engine:Redis:Connection: must be set with Engine:Journal Redis.");
                break;
            case JournalKind.Redis when isReplicated != settings.Redis.Replicas > 0:
                problems.Add(
                    "Engine:Redis:Replicas: must be from 1 to 16 with Engine:JournalDurability Replicated, and 0 with "
                    + $"any other; found '{settings.Redis.Replicas}' with {settings.JournalDurability}.");
                break;
            case JournalKind.Faster when isReplicated:
                problems.Add("Engine:JournalDurability: must be Synced or Logged with Engine:Journal Faster; found "
                    + "'Replicated'.");
                break;
        }
    }

    private static void CheckTiers(HostSettings settings, List<string> problems)
    {
        if (settings.Engine.Tiers.Count > 1_000)
        {
            problems.Add($"Engine:Tiers: must be at most 1,000 tiers; found {settings.Engine.Tiers.Count}.");
        }

        var names = settings.Engine.Tiers.Select(tier => tier.Name).ToList();
        if (settings.Engine.FallbackTier is { } fallback && !names.Contains(fallback, StringComparer.Ordinal))
        {
            problems.Add($"Engine:FallbackTier: must be one of {string.Join(", ", names)}; found '{fallback}'.");
        }

        foreach (var tier in settings.Engine.Tiers.Where(tier => tier.IterationCap < tier.IterationDepth))
        {
            problems.Add(
                $"Engine:Tiers:{tier.Name}:IterationCap: must be at least IterationDepth ({tier.IterationDepth}); "
                + $"found '{tier.IterationCap}'.");
        }
    }

    private static void CheckTypes(HostSettings settings, List<string> problems)
    {
        foreach (var (name, type) in settings.JobTypes)
        {
            if (type.Handler is null && name != "build")
            {
                string known = string.Join(", ", Enum.GetNames<HandlerKind>());
                problems.Add($"Engine:JobTypes:{name}:Handler: must be one of {known}; found nothing.");
            }

            // A program says nothing of stages: its runs would end in the first, and fail for it when all is done.
            if (type is { Handler: HandlerKind.Process, Type.Pipeline: not null })
            {
                problems.Add($"Engine:JobTypes:{name}:Pipeline: must be None with Handler Process, as a program does not "
                    + "move through stages; found 'Build'.");
            }

            if (type.Type.Resources.Count > 16)
            {
                problems.Add(
                    $"Engine:JobTypes:{name}:Resources: must be at most 16; found {type.Type.Resources.Count}.");
            }

            foreach (string resource in type.Type.Resources.Where(r => !settings.Engine.Resources.ContainsKey(r)))
            {
                problems.Add(
                    $"Engine:JobTypes:{name}:Resources: must be names under Engine:Resources; found '{resource}'.");
            }
        }
    }

    private static void CheckListening(HostSettings settings, IConfiguration configuration, List<string> problems)
    {
        if (configuration["Engine:Listen"] is null && configuration["urls"] is { Length: > 0 } urls)
        {
            settings.Http.Listen = urls;
        }

        // Kestrel would listen there in spite of every check below.
        if (configuration.GetSection("Kestrel:Endpoints").GetChildren().Any())
        {
            problems.Add("Kestrel:Endpoints: must not be used; Engine:Listen says where to listen.");
        }

        if (!ListenAddresses.TryParse(settings.Http.Listen, out var addresses))
        {
            problems.Add($"urls: must be http or https URLs with a host and a port; found '{settings.Http.Listen}'.");
        }

        // Two addresses, and a free port of each: no one port to name.
        foreach (var address in addresses.Where(address => address.Port == 0
            && string.Equals(address.Host, "localhost", StringComparison.OrdinalIgnoreCase)))
        {
            problems.Add("Engine:Listen: must be 127.0.0.1 or [::1] where port 0 is to take a free one; found "
                + $"'{address.OriginalString}'.");
        }

        CheckCertificate(configuration, addresses, problems);
        AuthenticationRules.Check(settings, addresses, problems);
    }

    /// <summary>Kestrel would take the certificate of a developer, or say what to type to get one.</summary>
    private static void CheckCertificate(
        IConfiguration configuration, IReadOnlyList<Uri> addresses, List<string> problems)
    {
        var certificate = configuration.GetSection(CertificateKey);
        if (certificate["Path"] is null or "" && certificate["Subject"] is null or ""
            && addresses.FirstOrDefault(address => address.Scheme == Uri.UriSchemeHttps) is { } https)
        {
            problems.Add($"{CertificateKey}: must name a certificate (Path, or Subject and Store) to listen on "
                + $"'{https.OriginalString}'; found nothing.");
        }
    }
}
