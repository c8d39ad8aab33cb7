using Engine.Host.Configuration;
using Microsoft.Extensions.Configuration;

namespace Engine.Tests.Configuration;

public class SettingsReaderTests
{
    [Fact]
    public void Nothing_set_gives_the_documented_defaults()
    {
        var settings = Read("Development");

        Assert.Equal("data", settings.DataDirectory);
        Assert.Equal(JournalKind.Faster, settings.Journal);
        Assert.Equal(100, settings.Engine.GlobalCap);
        Assert.Equal(["bootstrapper", "partner", "cto_scale"], settings.Engine.Tiers.Select(tier => tier.Name));
        Assert.Equal(Pipeline.Build, settings.JobTypes["build"].Type.Pipeline);
        Assert.Equal("http://127.0.0.1:5080", settings.Http.Listen);
        Assert.Equal(AuthenticationMode.Development, settings.Authentication.Mode);
    }

    [Fact]
    public void The_catalog_states_the_defaults_that_the_engine_has()
    {
        // Each documented default, written as a setting, must leave everything as it is without it.
        var plain = Read("Development");
        var documented = SettingsCatalog.All
            .Where(setting => setting.Default != "-" && !setting.Key.Contains('*', StringComparison.Ordinal));
        foreach (var setting in documented)
        {
            string text = setting.Default.Replace(",", "", StringComparison.Ordinal);
            var set = Read("Development", ($"Engine:{setting.Key}", text));

            Assert.Equal((setting.Key, Shown(plain)), (setting.Key, Shown(set)));
        }
    }

    [Fact]
    public void Every_setting_with_a_default_changes_something()
    {
        foreach (var setting in SettingsCatalog.All.Where(setting => setting.Default != "-"))
        {
            string text = OtherThanDefault(setting);
            var settings = new HostSettings { Environment = "Development" };

            Assert.True(setting.Accept(settings, ["x"], text), $"{setting.Key} = {text}");
            Assert.True(
                Shown(settings) != Shown(new HostSettings { Environment = "Development" }), $"{setting.Key} = {text}: nothing");
        }

        // One end of what may stand there, or the other.
        static string OtherThanDefault(Setting setting)
        {
            string[] ends = setting.Rule.Split(" from ") is [_, var range] ? range.Split(" to ")
                : setting.Rule == "true or false" ? ["true", "false"]
                : setting.Rule.StartsWith("one of ", StringComparison.Ordinal) ? setting.Rule["one of ".Length..].Split(", ")
                : setting.Key == "Listen" ? ["http://127.0.0.1:1"]
                : ["other"];
            return ends.First(end => end != setting.Default).Replace(",", "", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Tiers_of_the_preset_change_key_by_key_and_others_are_added()
    {
        var settings = Read(
            "Development", ("Engine:Tiers:partner:UserSlots", "7"), ("Engine:Tiers:gold:Boost", "9"));

        var partner = Assert.Single(settings.Engine.Tiers, tier => tier.Name == "partner");
        Assert.Equal((7, 3, 50), (partner.UserSlots, partner.ProjectSlots, partner.DailyLimit));
        Assert.Equal(9, Assert.Single(settings.Engine.Tiers, tier => tier.Name == "gold").Boost);
        Assert.Equal(4, settings.Engine.Tiers.Count);
    }

    [Fact]
    public void Job_types_are_added_with_their_handler_and_resources()
    {
        var settings = Read(
            "Development",
            ("Engine:JobTypes:encode:Handler", "Process"),
            ("Engine:JobTypes:encode:Timeout", "00:05:00"),
            ("Engine:JobTypes:encode:Resources:1", "disk"),
            ("Engine:JobTypes:encode:Resources:0", "gpu"),
            ("Engine:Resources:gpu", "1"),
            ("Engine:Resources:disk", "4"));

        var encode = settings.JobTypes["encode"];
        Assert.Equal(HandlerKind.Process, encode.Handler);
        Assert.Equal(TimeSpan.FromMinutes(5), encode.Type.Timeout);
        Assert.Equal(["gpu", "disk"], encode.Type.Resources);
        Assert.Null(encode.Type.Pipeline);
    }

    [Theory]
    [InlineData("Engine:GlobalCap", "0", "a whole number from 1 to 100,000,000")]
    [InlineData("Engine:GlobalCap", "many", "a whole number")]
    [InlineData("Engine:GlobalCap", "1e3", "a whole number")]
    [InlineData("Engine:GlobalCap", "99999999999", "a whole number")]
    [InlineData("Engine:MaxConcurrentRuns", "-1", "0 to 10,000")]
    [InlineData("Engine:LeaseDuration", "5", "a time span")]
    [InlineData("Engine:LeaseDuration", "00:00:00.5", "from 00:00:01")]
    [InlineData("Engine:ConfirmationTimeout", "24:00:00", "a time span (d.hh:mm:ss)")]
    [InlineData("Engine:ConfirmationTimeout", "48:00", "a time span (d.hh:mm:ss)")]
    [InlineData("Engine:ConfirmationTimeout", "1:00:00:00", "a time span (d.hh:mm:ss)")]
    [InlineData("Engine:Ordering", "Random", "one of Strict, Positions, HeadStart")]
    [InlineData("Engine:Ordering", "1", "one of Strict, Positions, HeadStart")]
    [InlineData("Engine:Journal", "Paper", "one of Faster, Memory")]
    [InlineData("Engine:JournalSegmentBytes", "100000", "a power of two")]
    [InlineData("Engine:JournalDurability", "Maybe", "one of Synced, Logged")]
    [InlineData("Engine:JournalDurability", "Replicated", "Synced or Logged with Engine:Journal Faster")]
    [InlineData("Engine:Redis:Namespace", "two words", "1 to 64 letters")]
    [InlineData("Engine:Redis:LeaseDuration", "00:00:00.1", "from 00:00:00.5")]
    [InlineData("Engine:Redis:CommandTimeout", "00:02:00", "to 00:01:00")]
    [InlineData("Engine:Redis:OutageTimeout", "10", "a time span")]
    [InlineData("Engine:Redis:Replicas", "17", "0 to 16")]
    [InlineData("Engine:SharedProjects", "yes", "true or false")]
    [InlineData("Engine:DataDirectory", "", "1 to 1,000 characters")]
    [InlineData("Engine:FallbackTier", "platinum", "one of bootstrapper, partner, cto_scale")]
    [InlineData("Engine:Tiers:partner:UserSlots", "0", "1 to 10,000")]
    [InlineData("Engine:Tiers:partner:Boost", "-1", "0 to 1,000")]
    [InlineData("Engine:Tiers:partner:IterationCap", "1", "at least IterationDepth")]
    [InlineData("Engine:Resources:gpu", "0", "1 to 1,000,000")]
    [InlineData("Engine:JobTypes:build:Handler", "Magic", "one of Rehearsal, Process")]
    [InlineData("Engine:JobTypes:build:MaxRetries", "101", "0 to 100")]
    [InlineData("Engine:JobTypes:build:Resources:0", "gpu", "names under Engine:Resources")]
    [InlineData("Engine:Rehearsal:StageDuration", "2 s", "a time span")]
    [InlineData("Engine:Processes:MaxDiskBytes", "1000", "1,048,576 to 1,125,899,906,842,624")]
    [InlineData("Engine:Processes:MaxDiskBytes", "10 GB", "a whole number")]
    [InlineData("Engine:Processes:MaxFiles", "0", "1 to 100,000,000")]
    [InlineData("Engine:Listen", "127.0.0.1", "http or https URLs")]
    [InlineData("Engine:Listen", "ftp://127.0.0.1", "http or https URLs")]
    [InlineData("Engine:Listen", "http://127.0.0.1:5080/api", "http or https URLs")]
    [InlineData("Engine:Listen", "http://127.0.0.1:5080#top", "http or https URLs")]
    [InlineData("Engine:Listen", "http://127.0.0.1:1;http://localhost:0", "127.0.0.1 or [::1] where port 0")]
    [InlineData("Engine:Listen", "http://0.0.0.0:5080", "a loopback address")]
    [InlineData("Engine:Listen", "http://*:5080", "a loopback address")]
    [InlineData("Engine:Listen", "http://[::]:5080", "a loopback address")]
    [InlineData("Engine:Listen", "http://build.example:5080", "a loopback address")]
    [InlineData("Engine:Listen", "http://127.0.0.1:1;http://192.168.0.1:2", "a loopback address")]
    [InlineData("Engine:MaxRequestBytesInFlight", "1048575", "a whole number")]
    [InlineData("Engine:MaxRequestBytes", "10", "1,024 to")]
    [InlineData("Engine:Authentication:ClockSkew", "00:02:00", "to 00:01:00")]
    [InlineData("Engine:Authentication:Authority", "http://issuer.example", "an https URL")]
    [InlineData("Engine:Authentication:Algorithms:0", "none", "one of HS256")]
    public void A_wrong_value_is_refused_with_key_rule_and_what_was_found(string key, string value, string rule)
    {
        var refused = Assert.Throws<SettingsException>(() => Read("Development", (key, value)));

        string problem = Assert.Single(refused.Problems);
        string named = rule.StartsWith("names", StringComparison.Ordinal) ? key[..^2] : key;
        Assert.StartsWith(named + ": must be ", problem, StringComparison.Ordinal);
        Assert.Contains(rule, problem, StringComparison.Ordinal);
        string found = key == "Engine:Listen" ? "found '" : $"found '{value}'";
        Assert.Contains(found, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_that_would_have_to_walk_stages_is_refused()
    {
        var refused = Assert.Throws<SettingsException>(
            () => Read("Production", [("Engine:JobTypes:build:Handler", "Process"), .. Jwt]));

        Assert.StartsWith(
            "Engine:JobTypes:build:Pipeline: must be None", Assert.Single(refused.Problems), StringComparison.Ordinal);
        Assert.Null(Read(
            "Production",
            [("Engine:JobTypes:build:Handler", "Process"), ("Engine:JobTypes:build:Pipeline", "None"), .. Jwt])
            .JobTypes["build"].Type.Pipeline);
    }

    [Theory]
    [InlineData("Engine:GlobalCapp")]
    [InlineData("Engine:Tiers:partner:Speed")]
    [InlineData("Engine:Tiers:partner")]
    [InlineData("Engine:JobTypes:build:Resources:first")]
    [InlineData("Engine:Authentication:Password")]
    public void An_unknown_key_is_refused_by_its_full_name(string key)
    {
        var refused = Assert.Throws<SettingsException>(() => Read("Development", (key, "1")));

        Assert.StartsWith(key + ": is not a known setting; found "
            + "'1'", Assert.Single(refused.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void All_problems_are_told_at_once()
    {
        var refused = Assert.Throws<SettingsException>(() => Read(
            "Development", ("Engine:GlobalCap", "x"), ("Engine:Nonsense", "1"), ("Engine:StaleAfter", "never")));

        Assert.Equal(3, refused.Problems.Count);
    }

    [Theory]
    [InlineData("Engine:StaleAfter", "1.24:00:00")]
    [InlineData("Engine:StaleAfter", "00:60:00")]
    public void What_looks_like_a_value_and_is_none_is_refused(string key, string value) =>
        Assert.Single(Assert.Throws<SettingsException>(() => Read("Development", (key, value))).Problems);

    [Theory]
    [InlineData("1:00", 60)]
    [InlineData("01:02:03", 62)]
    [InlineData("2.23:59:59.5", (3 * 24 * 60) - 1)]
    public void A_time_span_is_hours_and_minutes_or_days_besides(string text, int minutes)
    {
        var settings = Read("Development", ("Engine:StaleAfter", text));

        Assert.Equal(minutes, (int)settings.Engine.StaleAfter.TotalMinutes);
    }

    [Fact]
    public void What_a_file_names_and_leaves_empty_counts()
    {
        var settings = ReadFile("""{"Engine": {"Tiers": {"gold": {}, "silver": {"Boost": null}, "partner": {}}}}""");

        Assert.Equal(
            ["bootstrapper", "partner", "cto_scale", "gold", "silver"],
            settings.Engine.Tiers.Select(tier => tier.Name));
        Assert.Equal(3, settings.Engine.Tiers.Single(tier => tier.Name == "partner").UserSlots);
    }

    [Theory]
    [InlineData("""{"Engine": {"JobTypes": {"story": {}}}}""", "Engine:JobTypes:story:Handler: must be one of")]
    [InlineData("""{"Engine": {"Tierz": {"gold": {}}}}""", "Engine:Tierz:gold: is not a known setting; found nothing")]
    [InlineData("""{"Engine": {"GlobelCap": null}}""", "Engine:GlobelCap: is not a known setting; found nothing")]
    [InlineData("""{"Engine": {"GlobalCap": {"Max": {}}}}""", "Engine:GlobalCap:Max: is not a known setting")]
    public void What_is_empty_and_wrong_is_refused_too(string json, string problem)
    {
        var refused = Assert.Throws<SettingsException>(() => ReadFile(json));

        Assert.StartsWith(problem, Assert.Single(refused.Problems), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"Engine": {"Processes": {"Allowed": {}, "PassEnvironment": []}, "Resources": {}, "Tiers": {}}}""")]
    [InlineData("""{"Engine": {"GlobalCap": null, "Authentication": {}}}""")]
    public void What_is_empty_and_known_changes_nothing(string json) =>
        Assert.Equal(Shown(Read("Development")), Shown(ReadFile(json)));

    [Fact]
    public void A_type_of_ones_own_needs_a_handler()
    {
        var refused = Assert.Throws<SettingsException>(
            () => Read("Development", ("Engine:JobTypes:encode:MaxRetries", "1")));

        Assert.Contains("Engine:JobTypes:encode:Handler: must be one of", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_secret_is_not_repeated_when_it_breaks_its_rule()
    {
        var refused = Assert.Throws<SettingsException>(
            () => Read("Development", ("Engine:Authentication:SigningKey", "hunter2")));

        Assert.Contains("7 characters, not shown", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("localhost:6379,localhost:6380,password=hunter2")]
    [InlineData("localhost:6379,hunter2=1")]
    public void A_connection_is_not_repeated_when_it_breaks_its_rule(string connection)
    {
        var refused = Assert.Throws<SettingsException>(
            () => Read("Development", ("Engine:Redis:Connection", connection)));

        Assert.Contains("Engine:Redis:Connection: must be one server", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_journal_in_Redis_needs_to_know_which()
    {
        var refused = Assert.Throws<SettingsException>(() => Read("Development", ("Engine:Journal", "redis")));

        Assert.Contains("Engine:Redis:Connection: must be set", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Replicated", "0")]
    [InlineData("Synced", "1")]
    public void Replicas_are_asked_for_by_both_settings(string durability, string replicas)
    {
        var refused = Assert.Throws<SettingsException>(() => Read(
            "Development",
            ("Engine:Journal", "Redis"),
            ("Engine:Redis:Connection", "localhost"),
            ("Engine:JournalDurability", durability),
            ("Engine:Redis:Replicas", replicas)));

        Assert.Contains("Engine:Redis:Replicas: must be from 1 to 16", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Production", null, "must be set in the environment 'Production'")]
    [InlineData("Staging", null, "must be set in the environment 'Staging'")]
    [InlineData("Production", "Development", "must be Jwt in Production")]
    public void Without_signed_tokens_nothing_starts_in_production(string environment, string? mode, string rule)
    {
        (string, string)[] set = mode is null ? [] : [("Engine:Authentication:Mode", mode)];

        var refused = Assert.Throws<SettingsException>(() => Read(environment, set));

        Assert.Contains($"Engine:Authentication:Mode: {rule}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void With_signed_tokens_any_address_may_be_listened_on()
    {
        var settings = Read("Production", [.. Jwt, ("Engine:Listen", "http://0.0.0.0:5080")]);

        Assert.Equal(["HS256"], settings.Authentication.Algorithms);
        Assert.Equal("http://0.0.0.0:5080", settings.Http.Listen);
    }

    [Theory]
    [InlineData("Engine:Authentication:Audience", null, "Engine:Authentication:Audience: must be set")]
    [InlineData("Engine:Authentication:Issuer", null, "Engine:Authentication:Issuer: must be set")]
    [InlineData("Engine:Authentication:SigningKey", null, "Engine:Authentication:Authority: either it or")]
    [InlineData("Engine:Authentication:Authority", "https://issuer.example", "found both")]
    [InlineData("Engine:Authentication:Algorithms:0", "RS256", "Engine:Authentication:Algorithms: must be HS*")]
    public void Half_an_authentication_is_refused(string key, string? value, string rule)
    {
        var set = Jwt.Where(pair => pair.Key != key).ToList();
        if (value is not null)
        {
            set.Add((key, value));
        }

        var refused = Assert.Throws<SettingsException>(() => Read("Production", [.. set]));

        Assert.Contains(rule, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("urls", "http://0.0.0.0:1", "Engine:Listen: must be a loopback address")]
    [InlineData("Engine:Listen", "https://0.0.0.0:1", "Engine:Listen: must be a loopback address")]
    [InlineData("Engine:Listen", "https://127.0.0.1:1;https://+:2", "Engine:Listen: must be a loopback address")]
    [InlineData("urls", "https://0.0.0.0:1", "Engine:Listen: must be a loopback address")]
    [InlineData("Kestrel:Endpoints:Http:Url", "http://0.0.0.0:1", "Kestrel:Endpoints: must not be used")]
    [InlineData("Kestrel:Endpoints:Https:Url", "https://127.0.0.1:1", "Kestrel:Endpoints: must not be used")]
    public void No_other_way_leads_around_the_loopback_rule(string key, string value, string rule)
    {
        var refused = Assert.Throws<SettingsException>(() => Read("Development", (key, value)));

        Assert.Contains(rule, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void All_requests_together_may_have_what_one_may()
    {
        var refused = Assert.Throws<SettingsException>(() => Read(
            "Development", ("Engine:MaxRequestBytes", "2000000"), ("Engine:MaxRequestBytesInFlight", "1999999")));

        Assert.Contains("Engine:MaxRequestBytesInFlight: must be at least Engine:MaxRequestBytes", refused.Message, StringComparison.Ordinal);
    }

    private static (string Key, string Value)[] Jwt =>
    [
        ("Engine:Authentication:Mode", "Jwt"),
        ("Engine:Authentication:SigningKey", new string('k', 32)),
        ("Engine:Authentication:Issuer", "https://issuer.example"),
        ("Engine:Authentication:Audience", "engine"),
    ];

    private static HostSettings Read(string environment, params (string Key, string Value)[] values)
    {
        var pairs = values.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value));
        return SettingsReader.Read(new ConfigurationBuilder()
            .AddInMemoryCollection([.. pairs, KeyValuePair.Create("environment", (string?)environment)])
            .Build());
    }

    private static HostSettings ReadFile(string json)
    {
        using var file = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(json));
        return SettingsReader.Read(new ConfigurationBuilder()
            .AddJsonStream(file)
            .AddInMemoryCollection([KeyValuePair.Create("environment", (string?)"Development")])
            .Build());
    }

    /// <summary>Everything that can be set, so that no setting is forgotten.</summary>
    private static string Shown(object? value) => value switch
    {
        null => "-",
        string or Enum or bool or int or long or TimeSpan => $"{value}",
        System.Collections.IEnumerable list => $"[{string.Join(", ", list.Cast<object>().Select(Shown))}]",
        Delegate => "",
        _ when value.GetType() is var type && type.Namespace!.StartsWith("Engine", StringComparison.Ordinal) =>
            $"{{{string.Join("; ", type.GetProperties(Instance).Where(property => property.Name != "EqualityContract")
                .OrderBy(property => property.Name, StringComparer.Ordinal)
                .Select(property => $"{property.Name} = {Shown(property.GetValue(value))}"))}}}",
        _ => $"{value}",
    };

    private const System.Reflection.BindingFlags Instance = System.Reflection.BindingFlags.Instance
        | System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.NonPublic;
}
