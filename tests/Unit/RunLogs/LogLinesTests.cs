using System.Diagnostics;
using Engine.RunLogs;

namespace Engine.Tests.RunLogs;

public sealed class LogLinesTests
{
    [Theory]
    [InlineData("")]
    [InlineData("   \t ")]
    [InlineData("\r")]
    [InlineData("\u001b[0m\u001b[K")]
    [InlineData("\0\u0001\u007f")]
    public void Blank_lines_are_dropped(string line) => Assert.False(LogLines.TryClean(line, out _));

    [Theory]
    [InlineData("\u001b[31mred\u001b[0m", "red")]
    [InlineData("\u001b[38;5;196mred\u001b[m text", "red text")]
    [InlineData("\u001b]0;title\adone", "done")]
    [InlineData("\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\", "link")]
    [InlineData("\u009b1mbold", "bold")]
    [InlineData("\u001b(Bplain", "plain")]
    [InlineData("a\u001bPq#0\u001b\\b", "ab")]
    [InlineData("a\u001b", "a")]
    [InlineData("\u001b]never ends", null)]
    [InlineData("bell\a and \b back", "bell and  back")]
    [InlineData("tab\tstays", "tab\tstays")]
    [InlineData("two\nlines\r\n", "two lines")]
    [InlineData("safe\u202Eesrever", "safeesrever")]
    [InlineData("  indented stays  ", "  indented stays")]
    [InlineData("grüße, 世界 🎉", "grüße, 世界 🎉")]
    public void Escape_and_control_codes_are_stripped(string line, string? expected)
    {
        Assert.Equal(expected is not null, LogLines.TryClean(line, out string? clean));
        Assert.Equal(expected, clean);
    }

    [Theory]
    [InlineData("password=hunter2", "password=[REDACTED]")]
    [InlineData("PASSWORD = hunter2 rest", "PASSWORD = [REDACTED] rest")]
    [InlineData("password: \"two words\" rest", "password: [REDACTED] rest")]
    [InlineData("{\"token\":\"a\\\"b\",\"user\":\"bob\"}", "{\"token\":[REDACTED],\"user\":\"bob\"}")]
    [InlineData("api_key=1", "api_key=[REDACTED]")]
    [InlineData("apikey: 1", "apikey: [REDACTED]")]
    [InlineData("X-Api-Key: abc", "X-Api-Key: [REDACTED]")]
    [InlineData("AWS_SECRET_ACCESS_KEY=abc/def+g", "AWS_SECRET_ACCESS_KEY=[REDACTED]")]
    [InlineData("GITHUB_TOKEN=abc", "GITHUB_TOKEN=[REDACTED]")]
    [InlineData("Authorization: Bearer abc.def", "Authorization: Bearer [REDACTED]")]
    [InlineData("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic [REDACTED]")]
    [InlineData("auth='x y'", "auth=[REDACTED]")]
    [InlineData("config['secret'] = 'x'", "config['secret'] = [REDACTED]")]
    [InlineData("secret => 42", "secret => [REDACTED]")]
    [InlineData("curl --token abc --retry 3", "curl --token [REDACTED] --retry 3")]
    [InlineData("mysql --password hunter2 db", "mysql --password [REDACTED] db")]
    [InlineData("sent bearer abcdefghijklmnop", "sent bearer [REDACTED]")]
    public void Values_of_keys_that_name_a_secret_are_redacted(string line, string expected)
    {
        Assert.True(LogLines.TryClean(line, out string? clean));
        Assert.Equal(expected, clean);
    }

    [Theory]
    [InlineData("postgres://user:pa:ss@db:5432/app", "postgres://[REDACTED]@db:5432/app")]
    [InlineData("redis://:p@ss@host", "redis://[REDACTED]@host")]
    [InlineData("Server=db;User Id=sa;Password=x;", "Server=db;User Id=sa;Password=[REDACTED]")]
    [InlineData("AccountName=a;AccountKey=abc==;", "AccountName=a;AccountKey=[REDACTED]")]
    [InlineData("https://x.blob/y?sv=1&sig=abc%3D", "https://x.blob/y?sv=1&sig=[REDACTED]")]
    public void Connection_strings_lose_their_credentials(string line, string expected)
    {
        Assert.True(LogLines.TryClean(line, out string? clean));
        Assert.Equal(expected, clean);
    }

    // Put together here, so that no scanner takes this file for a leak.
    public static TheoryData<string> KnownForms =>
    [
        "sk-" + new string('a', 40),
        "sk-ant-" + new string('a', 40),
        "sk_live_" + new string('a', 24),
        "ghp_" + new string('A', 36),
        "github_pat_" + new string('A', 60),
        "glpat-" + new string('a', 20),
        "xoxb-" + new string('1', 30),
        "AKIA" + new string('A', 16),
        "AIza" + new string('a', 35),
        "npm_" + new string('a', 36),
        "hf_" + new string('a', 34),
        "SG." + new string('a', 22) + "." + new string('b', 43),
        "eyJ" + new string('a', 20) + "." + new string('b', 30) + "." + new string('c', 43),
    ];

    [Theory]
    [MemberData(nameof(KnownForms))]
    public void Well_known_forms_of_keys_are_redacted(string key)
    {
        Assert.True(LogLines.TryClean($"using {key} now", out string? clean));
        Assert.Equal("using [REDACTED] now", clean);
    }

    [Theory]
    [InlineData("author: Ada Lovelace")]
    [InlineData("authority = none")]
    [InlineData("used tokens: 512")]
    [InlineData("the token was accepted")]
    [InlineData("https://example.org:8080/path")]
    [InlineData("  keyboard layout de")]
    [InlineData("[12:00:01] 3 warnings, 0 errors")]
    [InlineData("sk-short")]
    public void What_is_no_secret_stays(string line)
    {
        Assert.True(LogLines.TryClean(line, out string? clean));
        Assert.Equal(line, clean);
    }

    [Fact]
    public void A_code_inside_a_secret_does_not_hide_it()
    {
        Assert.True(LogLines.TryClean("pass\u001b[1mword\u001b[0m=hun\u001b[2mter2", out string? clean));
        Assert.Equal("password=[REDACTED]", clean);
    }

    [Fact]
    public void A_line_of_2000_characters_stays_and_one_more_is_cut()
    {
        Assert.True(LogLines.TryClean(new string('x', 2000), out string? whole));
        Assert.Equal(new string('x', 2000), whole);

        Assert.True(LogLines.TryClean(new string('x', 2001), out string? cut));
        Assert.Equal(new string('x', 2000) + "...[truncated]", cut);
    }

    [Fact]
    public void A_cut_does_not_split_a_character()
    {
        Assert.True(LogLines.TryClean(new string('x', 1999) + "🎉", out string? cut));
        Assert.Equal(new string('x', 1999) + "...[truncated]", cut);
    }

    [Fact]
    public void A_secret_across_the_cut_is_redacted_first()
    {
        Assert.True(LogLines.TryClean(new string('x', 1990) + " password=hunter2", out string? clean));
        Assert.DoesNotContain("hunt", clean, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("eyJ-")]
    [InlineData("password")]
    [InlineData("a://b:")]
    [InlineData("token=\"")]
    [InlineData("--x-key ")]
    [InlineData("SG.aaaaaaaaaaaaaaaa")]
    [InlineData("\u001b[")]
    [InlineData("a.")]
    [InlineData("secret-")]
    [InlineData("token    ")]
    public void Hostile_lines_take_linear_time(string part)
    {
        string line = string.Concat(Enumerable.Repeat(part, 2_000_000 / part.Length));
        _ = LogLines.TryClean(line, out _);

        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < 5; i++)
        {
            _ = LogLines.TryClean(line, out _);
        }

        // Milliseconds each in fact; a pattern that goes back over the line would take minutes.
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(10), $"{Stopwatch.GetElapsedTime(start)}");
    }
}
