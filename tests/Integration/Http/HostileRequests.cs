using System.Text;

namespace Engine.Tests.Http;

/// <summary>Requests that mean harm or make no sense, each with its one answer. The queue stays empty after all of
/// them.</summary>
public static class HostileRequests
{
    private const string Good = """{"project_id":"p1","goal":"g"}""";

    public static TheoryData<string, int, string> Bodies { get; } = new()
    {
        // What is no JSON at all: 400.
        { "empty", 400, "" },
        { "cut off", 400, """{"project_id":"p1","goal":""" },
        { "two documents", 400, Good + Good },
        { "trailing comma", 400, """{"project_id":"p1","goal":"g",}""" },
        { "comment", 400, """{/* */"project_id":"p1","goal":"g"}""" },
        { "single quotes", 400, """{'project_id':'p1','goal':'g'}""" },
        { "not a number", 400, """{"project_id":"p1","goal":"g","priority":NaN}""" },
        { "leading zero", 400, """{"project_id":"p1","goal":"g","priority":01}""" },
        { "raw control character", 400, "{\"project_id\":\"p1\",\"goal\":\"a\nb\"}" },
        { "byte order mark", 400, "\uFEFF" + Good },
        { "goal twice", 400, """{"project_id":"p1","goal":"g","goal":"h"}""" },
        { "goal twice, once escaped", 400, """{"project_id":"p1","goal":"g","go\u0061l":"h"}""" },
        { "duplicate deep in the payload", 400, """{"project_id":"p1","goal":"g","payload":{"a":{"b":1,"b":2}}}""" },
        { "33 levels of arrays", 400, Nested('[', ']', 33) },
        { "10,000 levels of objects", 400, string.Concat(Enumerable.Repeat("{\"a\":", 10_000)) },
        { "high surrogate alone", 400, """{"project_id":"p1","goal":"\ud800"}""" },
        { "low surrogate alone in the payload", 400, """{"project_id":"p1","goal":"g","payload":{"a":"\udc00"}}""" },
        { "surrogate alone in a name", 400, """{"project_id":"p1","goal":"g","payload":{"\ud800":1}}""" },

        // JSON that is no submission: 422.
        { "null", 422, "null" },
        { "array", 422, "[" + Good + "]" },
        { "text", 422, "\"goal\"" },
        { "empty object", 422, "{}" },
        { "no goal", 422, """{"project_id":"p1"}""" },
        { "no project", 422, """{"goal":"g"}""" },
        { "goal null", 422, """{"project_id":"p1","goal":null}""" },
        { "goal empty", 422, """{"project_id":"p1","goal":""}""" },
        { "goal a number", 422, """{"project_id":"p1","goal":1}""" },
        { "goal an object", 422, """{"project_id":"p1","goal":{"$type":"System.Object"}}""" },
        { "names in another case", 422, """{"Project_Id":"p1","Goal":"g"}""" },
        { "project empty", 422, """{"project_id":"","goal":"g"}""" },
        { "project too long", 422, $$"""{"project_id":"{{new string('p', 129)}}","goal":"g"}""" },
        { "project with a line break", 422, """{"project_id":"p\n1","goal":"g"}""" },
        { "project with a zero byte", 422, """{"project_id":"p\u0000","goal":"g"}""" },
        { "project with half of a character", 400, """{"project_id":"p\ud800","goal":"g"}""" },
        { "project with a line separator", 422, """{"project_id":"p\u2028","goal":"g"}""" },
        { "project that turns the direction of writing", 422, """{"project_id":"p\u202E1","goal":"g"}""" },
        { "type with a control character", 422, """{"project_id":"p1","goal":"g","type":"build\u0007"}""" },
        { "project an array", 422, """{"project_id":["p1"],"goal":"g"}""" },
        { "type nobody serves", 422, """{"project_id":"p1","goal":"g","type":"../../bin/sh"}""" },
        { "type empty", 422, """{"project_id":"p1","goal":"g","type":""}""" },
        { "type a number", 422, """{"project_id":"p1","goal":"g","type":1}""" },
        { "priority below", 422, """{"project_id":"p1","goal":"g","priority":-1}""" },
        { "priority above", 422, """{"project_id":"p1","goal":"g","priority":101}""" },
        { "priority a fraction", 422, """{"project_id":"p1","goal":"g","priority":1.5}""" },
        { "priority beyond every number", 422, """{"project_id":"p1","goal":"g","priority":1e999}""" },
        { "priority as text", 422, """{"project_id":"p1","goal":"g","priority":"1"}""" },
        { "payload an array", 422, """{"project_id":"p1","goal":"g","payload":[1]}""" },
        { "payload as text", 422, """{"project_id":"p1","goal":"g","payload":"{}"}""" },
        { "a second goal in the payload", 422, """{"project_id":"p1","goal":"g","payload":{"goal":"h"}}""" },

        // Larger than allowed: 413, before anything is parsed.
        { "a byte too many", 413, Padded(262_145) },
        { "a megabyte of brackets", 413, new string('[', 1_048_576) },
    };

    /// <summary>Headers around a good body.</summary>
    public static TheoryData<string, int, string, string> Headers { get; } = new()
    {
        { "form", 415, "Content-Type", "application/x-www-form-urlencoded" },
        { "plain text", 415, "Content-Type", "text/plain" },
        { "another charset", 415, "Content-Type", "application/json; charset=utf-16" },
        { "no type that can be read", 415, "Content-Type", "json" },
        { "compressed", 415, "Content-Encoding", "gzip" },
        { "key with a blank", 422, "Idempotency-Key", "a b" },
        { "key too long", 422, "Idempotency-Key", new string('k', 256) },
        { "no scheme", 401, "Authorization", "dev:u1:partner" },
        { "basic", 401, "Authorization", "Basic ZGV2OnUxOnBhcnRuZXI=" },
        { "no user", 401, "Authorization", "Bearer dev::partner" },
        { "user too long", 401, "Authorization", "Bearer dev:" + new string('u', 129) + ":partner" },
        { "user with a blank", 401, "Authorization", "Bearer dev:a b:partner" },
        { "too many parts", 401, "Authorization", "Bearer dev:u1:partner:active:admin" },
        { "other prefix", 401, "Authorization", "Bearer prod:u1:partner" },
        { "unsigned token", 401, "Authorization", "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1MSJ9." },
    };

    internal static string GoodBody => Good;

    /// <summary>A good body of exactly this many bytes.</summary>
    internal static string Padded(int bytes, string with = "g")
    {
        const string Start = """{"project_id":"p1","goal":" """;
        var (times, rest) = Math.DivRem(bytes - Start.Length - 2, Encoding.UTF8.GetByteCount(with));
        return Start + new string(' ', rest) + string.Concat(Enumerable.Repeat(with, times)) + "\"}";
    }

    private static string Nested(char open, char close, int levels) =>
        """{"project_id":"p1","goal":"g","payload":{"a":"""
        + new string(open, levels) + new string(close, levels) + "}}";
}
