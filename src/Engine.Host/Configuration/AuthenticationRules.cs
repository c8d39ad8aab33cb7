namespace Engine.Host.Configuration;

/// <summary>Who may call, and from where: without signed tokens only this machine, and never in Production.</summary>
internal static class AuthenticationRules
{
    internal static void Check(HostSettings settings, IReadOnlyList<Uri> addresses, List<string> problems)
    {
        var authentication = settings.Authentication;
        authentication.Mode ??= settings.IsDevelopment ? AuthenticationMode.Development : null;
        switch (authentication.Mode)
        {
            case AuthenticationMode.Jwt:
                CheckJwt(authentication, problems);
                break;
            case AuthenticationMode.Development when settings.IsProduction:
                problems.Add("Engine:Authentication:Mode: must be Jwt in Production; found 'Development'.");
                break;
            case null:
                problems.Add(
                    $"Engine:Authentication:Mode: must be set in the environment '{settings.Environment}' (Jwt, or "
                    + "Development outside Production); found nothing.");
                break;
        }

        if (authentication.Mode != AuthenticationMode.Jwt)
        {
            foreach (var address in addresses.Where(address => !ListenAddresses.IsLoopback(address)))
            {
                problems.Add(
                    "Engine:Listen: must be a loopback address unless Engine:Authentication:Mode is Jwt; found "
                    + $"'{address.OriginalString}'.");
            }
        }
    }

    private static void CheckJwt(AuthenticationSettings authentication, List<string> problems)
    {
        const string Section = "Engine:Authentication:";
        if ((authentication.Authority is null) == (authentication.SigningKey is null))
        {
            string found = authentication.Authority is null ? "neither" : "both";
            problems.Add($"{Section}Authority: either it or {Section}SigningKey must be set with Mode Jwt; "
                + $"found {found}.");
        }

        if (authentication.Audience is null)
        {
            problems.Add($"{Section}Audience: must be set with Mode Jwt; found nothing.");
        }

        authentication.Issuer ??= authentication.Authority;
        if (authentication.Issuer is null)
        {
            problems.Add($"{Section}Issuer: must be set with SigningKey; found nothing.");
        }

        if (authentication.Algorithms.Count == 0)
        {
            authentication.Algorithms.AddRange(authentication.SigningKey is null ? ["RS256", "ES256"] : ["HS256"]);
        }

        // A public key must never be usable as an HMAC secret.
        foreach (string algorithm in authentication.Algorithms)
        {
            if (algorithm.StartsWith("HS", StringComparison.Ordinal) != authentication.SigningKey is not null)
            {
                problems.Add($"{Section}Algorithms: must be HS* with a SigningKey and others with an Authority; "
                    + $"found '{algorithm}'.");
            }
        }
    }
}
