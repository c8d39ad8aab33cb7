using System.Text;

namespace Engine.Tests.Run;

/// <summary>Files that nobody should send: each has its answer, and no bad line harms a good one.</summary>
public sealed class HostileFileTests : IDisposable
{
    private const string Good = """{"user":"ada","tier":"cto_scale","program":"true"}""";

    private readonly RunHarness _harness = new();

    public void Dispose() => _harness.Dispose();

    // The bad line comes second: the lines around it must run all the same.
    public static TheoryData<string, string> BadLines => new()
    {
        { "{", "line" },
        { "not json", "line" },
        { "[]", "line" },
        { "null", "line" },
        { "7", "line" },
        { "\"text\"", "line" },
        { "{} {}", "line" },
        { Good + ",", "line" },
        { "// a comment", "line" },
        { "{\"user\":\"ada\",}", "line" },
        { "{\"user\":\"a\\u0000b\",\"program\":\"true\"}", "user" },
        { "{\"user\":\"ada\",\0\"program\":\"true\"}", "line" },
        { "\0\0\0\0", "line" },
        { "\uFEFF" + Good, "line" },
        { new string('[', 10_000), "line" },
        { string.Concat(Enumerable.Repeat("{\"a\":", 65)) + "1" + new string('}', 65), "line" },
        { """{"user":"ada","user":"bob","program":"true"}""", "line" },
        { """{"program":"true"}""", "user" },
        { """{"user":null,"program":"true"}""", "user" },
        { """{"user":7,"program":"true"}""", "user" },
        { """{"user":"","program":"true"}""", "user" },
        { """{"user":"   ","program":"true"}""", "user" },
        { """{"user":"\ud800","program":"true"}""", "user" },
        { """{"user":"ada\u007f","program":"true"}""", "user" },
        { """{"user":"\u202eada","program":"true"}""", "user" },
        { """{"user":"ada","project":"\u2029","program":"true"}""", "project" },
        { """{"user":"ada","type":"process\u0000","program":"true"}""", "type" },
        { """{"user":"ada","resources":["gpu\u2066"],"program":"true"}""", "resources[0]" },
        { """{"user":"ada","program":"true","\ud800":1}""", "line" },
        { """{"user":"ada","program":"true","environment":{"\udc00":"1"}}""", "line" },
        { """{"user":"ada","program":"true","arguments":["\ud800"]}""", "line" },
        { """{"user":"ada","payload":{"program":"true","\ud800":1}}""", "line" },
        { """{"user":"ada","payload":{"program":"true","arguments":["\ud800"]}}""", "payload.arguments[0]" },
        { $$"""{"user":"{{new string('x', 129)}}","program":"true"}""", "user" },
        { """{"user":"ada"}""", "program" },
        { """{"user":"ada","program":["true"]}""", "program" },
        { """{"user":"ada","program":"true","arguments":{}}""", "arguments" },
        { """{"user":"ada","program":"true","arguments":["a",null]}""", "arguments[1]" },
        { """{"user":"ada","program":"true","environment":{"A":{}}}""", "environment.A" },
        { """{"user":"ada","program":"true","environment":{"LD_PRELOAD":"x"}}""", "environment.LD_PRELOAD" },
        { """{"user":"ada","program":"true","input_files":["../../etc/passwd"]}""", "input_files[0]" },
        { """{"user":"ada","program":"true","priority":-1}""", "priority" },
        { """{"user":"ada","program":"true","priority":101}""", "priority" },
        { """{"user":"ada","program":"true","priority":1.5}""", "priority" },
        { """{"user":"ada","program":"true","priority":1e99}""", "priority" },
        { """{"user":"ada","program":"true","priority":"high"}""", "priority" },
        { """{"user":"ada","program":"true","tier":5}""", "tier" },
        { """{"user":"ada","program":"true","type":"build"}""", "type" },
        { """{"user":"ada","program":"true","type":""}""", "type" },
        { """{"user":"ada","program":"true","colour":"red"}""", "colour" },
        { """{"user":"ada","program":"true","User":"bob"}""", "User" },
        { """{"user":"ada","program":"true","id":"two words"}""", "id" },
        { """{"user":"ada","program":"true","id":"grün"}""", "id" },
        { $$"""{"user":"ada","program":"true","id":"{{new string('x', 256)}}"}""", "id" },
        { """{"user":"ada","program":"true","resources":"gpu"}""", "resources" },
        { """{"user":"ada","program":"true","payload":{"program":"true"}}""", "payload" },
        { """{"user":"ada","payload":{"program":"true","shell":1}}""", "payload.shell" },
        { """{"user":"ada","payload":"true"}""", "payload" },
    };

    [Theory]
    [MemberData(nameof(BadLines))]
    public async Task A_bad_line_is_named_with_its_field_and_harms_no_other(string line, string field)
    {
        var result = await _harness.RunAsync($"{Good}\n{line}\n{Good}\n");

        Assert.Equal(2, result.Code);
        Assert.StartsWith($"file.jsonl:2: field '{field}' ", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Equal([2, 2, 0, 0, 0], result.Totals);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n\n\r\n  \n\t\n")]
    [InlineData("\uFEFF")]
    [InlineData("\uFEFF\r\n")]
    public async Task A_file_without_jobs_is_no_error(string content)
    {
        var result = await _harness.RunAsync(content);

        Assert.Equal(0, result.Code);
        Assert.Empty(result.Problems);
        Assert.Equal([0, 0, 0, 0, 0], result.Totals);
    }

    [Theory]
    [InlineData("\uFEFF" + Good + "\r\n" + Good + "\r\n")]
    [InlineData(Good + "\n\n \n" + Good)]
    [InlineData("  " + Good + "  \n\t" + Good + "\r")]
    public async Task Marks_line_ends_and_blanks_do_not_matter(string content)
    {
        var result = await _harness.RunAsync(content);

        Assert.Equal(0, result.Code);
        Assert.Equal([2, 2, 0, 0, 0], result.Totals);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_make_one_bad_line()
    {
        byte[] bad = [.. "{\"user\":\"a"u8, 0xFF, 0xFE, .. "\",\"program\":\"true\"}\n"u8];
        using var content = new MemoryStream([.. Encoding.UTF8.GetBytes(Good + "\n"), .. bad, .. Encoding.UTF8.GetBytes(Good)]);

        var result = await _harness.RunAsync(content);

        Assert.Equal(2, result.Code);
        Assert.StartsWith("file.jsonl:2: field 'line' must be UTF-8", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Equal([2, 2, 0, 0, 0], result.Totals);
    }

    [Theory]
    [InlineData(10_000_000)]
    [InlineData(1_048_577)]
    public async Task A_line_that_is_too_long_is_skipped(int length)
    {
        var result = await _harness.RunAsync($"{Good}\n{new string('x', length)}\n{Good}");

        Assert.Equal(2, result.Code);
        Assert.StartsWith("file.jsonl:2: field 'line' must have at most", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Equal([2, 2, 0, 0, 0], result.Totals);
    }

    [Fact]
    public async Task A_payload_that_is_too_large_is_refused()
    {
        string arguments = string.Join(',', Enumerable.Repeat($"\"{new string('x', 30_000)}\"", 20));
        var result = await _harness.RunAsync($$"""{"user":"ada","program":"true","arguments":[{{arguments}}]}""" + "\n" + Good);

        Assert.Equal(3, result.Code);
        Assert.StartsWith("file.jsonl:1: refused: ", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Equal([1, 1, 0, 0, 0], result.Totals);
    }

    [Theory]
    [InlineData("<")]
    [InlineData("я")]
    [InlineData("😀")]
    public async Task A_payload_takes_no_more_than_its_line(string text)
    {
        string argument = string.Concat(Enumerable.Repeat(text, 30_000 / text.Length));
        string arguments = string.Join(',', Enumerable.Repeat($"\"{argument}\"", 3));
        var result = await _harness.RunAsync($$"""{"user":"ada","program":"true","arguments":[{{arguments}}]}""");

        Assert.Equal(0, result.Code);
        Assert.Equal([1, 1, 0, 0, 0], result.Totals);
    }

    [Fact]
    public async Task What_a_line_holds_does_not_steer_the_terminal()
    {
        var result = await _harness.RunAsync("""{"user":"ada","program":"true","\u001b[2J\u0007":1}""" + "\n" + Good);

        Assert.Equal(2, result.Code);
        Assert.StartsWith("file.jsonl:1: field '\ufffd[2J\ufffd' is not known", Assert.Single(result.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_tier_falls_back_and_is_told_once()
    {
        string line = """{"user":"ada","tier":"gold","program":"true"}""";
        var result = await _harness.RunAsync($"{line}\n{line}\n");

        Assert.Equal(0, result.Code);
        Assert.StartsWith("file.jsonl:1: field 'tier': 'gold' is not known", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Equal([2, 2, 0, 0, 0], result.Totals);
    }

    [Fact]
    public async Task A_program_that_is_not_allowed_is_refused_and_leaves_no_trace()
    {
        var result = await _harness.RunAsync("""{"user":"ada","program":"rm","arguments":["-rf","/"]}""" + "\n" + Good);

        Assert.Equal(3, result.Code);
        Assert.StartsWith("file.jsonl:1: refused: The program 'rm' is not allowed", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Equal([1, 1, 0, 0, 0], result.Totals);
    }

    [Fact]
    public async Task One_id_for_two_different_jobs_is_refused()
    {
        var result = await _harness.RunAsync("""
            {"user":"ada","program":"true","id":"same"}
            {"user":"ada","program":"true","id":"same"}
            {"user":"ada","program":"false","id":"same"}
            {"user":"bob","program":"true","id":"same"}
            """);

        Assert.Equal(3, result.Code);
        Assert.StartsWith("file.jsonl:3: refused: ", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Equal([2, 2, 0, 0, 0], result.Totals);
    }

    [Fact]
    public async Task A_file_that_breaks_off_is_run_as_far_as_it_was_read()
    {
        using var content = new BrokenStream(Encoding.UTF8.GetBytes($"{Good}\n{Good}\n"));

        var result = await _harness.RunAsync(content);

        Assert.Equal(66, result.Code);
        Assert.Contains("cannot be read any further", Assert.Single(result.Problems), StringComparison.Ordinal);
        Assert.Equal([2, 2, 0, 0, 0], result.Totals);
    }

    [Fact]
    public async Task Lines_with_the_same_text_are_jobs_of_their_own()
    {
        var result = await _harness.RunAsync(string.Join('\n', Enumerable.Repeat(Good, 20)));

        Assert.Equal(0, result.Code);
        Assert.Equal([20, 20, 0, 0, 0], result.Totals);
    }

    private sealed class BrokenStream(byte[] content) : MemoryStream(content)
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            await base.ReadAsync(buffer, cancellationToken) is > 0 and int read ? read : throw new IOException("The disk is gone.");
    }
}
