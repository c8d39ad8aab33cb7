using System.Buffers;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Host.Endpoints;

namespace Engine.Tests.Http;

/// <summary>What people wrote comes back so that people can read it, wherever it is shown.</summary>
public sealed class AnswerTextTests
{
    // Cyrillic, Chinese, a family joined of three emoji, and one that a variation selector colours.
    private const string Readable = "Привет, 名前 👩‍👩‍👧 ❤️ grün!";

    // What must not arrive as it is: in a page, in a line of a stream, on a terminal.
    private const string Dangerous = "</script>&'\r\n\u0085\u2028\u2029\u202e\ufeff";

    [Fact]
    public async Task Every_answer_leaves_text_readable()
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync("проект-名前");
        var run = await server.Runs.NextAsync();
        run.Context.Log.Write("build", Readable + "</script>");
        await run.Context.MoveToAsync("scaffold", Readable + Dangerous);
        using var events = await EventStream.OpenAsync(client, $"/api/jobs/{id}/events/stream");
        await FinishAsync(
            run, new JobOutcome.Completed(JsonSerializer.SerializeToUtf8Bytes(new { Text = Readable + Dangerous })));
        await events.ToEndAsync();

        string job = await TextAsync(client, $"/api/jobs/{id}");
        string list = await TextAsync(client, "/api/jobs");
        string log = await TextAsync(client, $"/api/jobs/{id}/logs");
        string problem = await (await client.PostJsonAsync(
            "/api/jobs", new JsonObject { ["project_id"] = "p", ["goal"] = "g", ["type"] = Readable })).Content.ReadAsStringAsync();

        Assert.All([job, list], text => Assert.Contains("проект-名前", text, StringComparison.Ordinal));
        Assert.All([job, log, problem], text => Assert.Contains(Readable, text, StringComparison.Ordinal));
        Assert.All([job, list, log, problem], text => Assert.DoesNotContain("</script>", text, StringComparison.Ordinal));
        Assert.Equal(Readable + Dangerous, JsonNode.Parse(job)!["result"]!["Text"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("/stream")]
    [InlineData("/events/stream")]
    [InlineData("/logs/stream")]
    public async Task Every_stream_leaves_text_readable_and_each_event_on_one_line(string path)
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        var run = await server.Runs.NextAsync();
        using var response = await client.GetAsync($"/api/jobs/{id}{path}", HttpCompletionOption.ResponseHeadersRead);
        run.Context.Log.Write("build", Readable);
        await run.Context.MoveToAsync("scaffold", Readable + Dangerous);
        await FinishAsync(run, JobOutcome.Done);

        string text = await response.Content.ReadAsStringAsync();

        Assert.Contains(Readable, text, StringComparison.Ordinal);
        Assert.DoesNotContain("</script>", text, StringComparison.Ordinal);
        Assert.True(text.All(c => c == '\n' || c is >= ' ' and not ('\u0085' or '\u2028' or '\u2029' or '\u202e' or '\ufeff')));
        Assert.All(
            text.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => Assert.Matches("^(id|event|data)?: ", line));
    }

    public static TheoryData<string, string> Results => new()
    {
        { """{"fine":[1,"é"]}""", """{"fine":[1,"é"]}""" },

        // JSON to every parser, and no text to any.
        { """{"half":"\ud83d"}""", "\"{\\\"half\\\":\\\"\\\\ud83d\\\"}\"" },
        { """{"\ude00":1}""", "\"{\\\"\\\\ude00\\\":1}\"" },
        { "no JSON", "\"no JSON\"" },

        // As deep as is read, and one deeper.
        { Nested(64), Nested(64) },
        { Nested(65), $"\"{Nested(65)}\"" },
    };

    [Theory]
    [MemberData(nameof(Results))]
    public async Task A_result_is_shown_whatever_a_handler_made_of_it(string result, string shown)
    {
        await using var server = await EngineServer.StartAsync();
        var client = server.Client();
        string id = await client.SubmittedAsync();
        var run = await server.Runs.NextAsync();
        using var events = await EventStream.OpenAsync(client, $"/api/jobs/{id}/events/stream");
        await run.MoveToAsync("checks");
        run.Finish(new JobOutcome.Completed(Encoding.UTF8.GetBytes(result)));
        await events.ToEndAsync();

        string job = await TextAsync(client, $"/api/jobs/{id}");

        Assert.Contains($"\"result\":{shown},", job, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a + b `c` C++", "a + b `c` C++")]
    [InlineData(Readable, Readable)]
    [InlineData("\"\\/\u0000\u001f\u007f\r\n\t", "\\\"\\\\/\\u0000\\u001F\\u007F\\r\\n\\t")]
    [InlineData("<a href='x'>&", "\\u003Ca href=\\u0027x\\u0027\\u003E\\u0026")]
    [InlineData("\u0085\u009b\u00ad\u200b\u2028\u2029\u202e\u2066\ufeff",
        "\\u0085\\u009B\\u00AD\\u200B\\u2028\\u2029\\u202E\\u2066\\uFEFF")]
    [InlineData("می\u200cخواهم \U000e0041", "می\u200cخواهم \\uDB40\\uDC41")]
    public void Only_what_does_harm_is_escaped(string text, string written)
    {
        string json = Write(writer => writer.WriteStringValue(text));

        Assert.Equal($"\"{written}\"", json);
        Assert.Equal(json, Write(writer => writer.WriteStringValue(Encoding.UTF8.GetBytes(text))));
        Assert.Equal(text, JsonSerializer.Deserialize<string>(json));
    }

    [Fact]
    public void Every_character_is_read_back_and_none_breaks_a_line()
    {
        var all = new StringBuilder();
        for (int scalar = 0; scalar <= 0x10FFFF; scalar++)
        {
            if (Rune.IsValid(scalar))
            {
                all.Append(new Rune(scalar).ToString());
            }
        }

        string text = all.ToString();
        string json = Write(writer => writer.WriteStringValue(text));

        Assert.Equal(text, JsonSerializer.Deserialize<string>(json));
        Assert.DoesNotContain(json, c => char.IsControl(c) || c is '\u2028' or '\u2029' or '<' or '>' or '&' or '\'');
    }

    // From the first stage on.
    private static async Task FinishAsync(ScriptedRun run, JobOutcome outcome)
    {
        foreach (string stage in new[] { "code", "deps", "checks" })
        {
            await run.Context.MoveToAsync(stage);
        }

        run.Finish(outcome);
    }

    private static string Nested(int depth) => new string('[', depth) + new string(']', depth);

    private static string Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, Wire.WriterOptions))
        {
            write(json);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static async Task<string> TextAsync(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStringAsync();
    }
}
