using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;
using Engine.Host.Processes;

namespace Engine.Host.Run;

/// <summary>One line of a file of jobs; docs/running-files.md describes every field.</summary>
internal sealed record JobLine
{
    /// <summary>The type of a line that names none.</summary>
    internal const string DefaultType = "process";

    private static readonly string[] Fields =
        ["user", "project", "tier", "type", "priority", "resources", "id", "payload", .. ProcessPayload.Fields];

    internal required string User { get; init; }

    internal string? Project { get; init; }

    internal string? Tier { get; init; }

    internal string Type { get; init; } = DefaultType;

    internal int Priority { get; init; }

    internal IReadOnlyList<string> Resources { get; init; } = [];

    /// <summary>The line's own idempotency key.</summary>
    internal string? Id { get; init; }

    /// <summary>What is to be run, for a type that runs programs.</summary>
    internal ProcessPayload? Program { get; init; }

    /// <summary>What the handler is given.</summary>
    internal ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>Reads a line, or says what is wrong with which field.</summary>
    /// <param name="line">The bytes between two line ends.</param>
    /// <param name="types">The known types, and whether each runs programs.</param>
    /// <param name="job">The job.</param>
    /// <param name="error">The first rule that is broken.</param>
    internal static bool TryParse(
        ReadOnlyMemory<byte> line,
        IReadOnlyDictionary<string, bool> types,
        [NotNullWhen(true)] out JobLine? job,
        [NotNullWhen(false)] out FieldError? error)
    {
        job = null;
        try
        {
            if (!Utf8.IsValid(line.Span))
            {
                throw new FieldException("line", "must be UTF-8; it holds bytes that are not");
            }

            using var document = JsonDocument.Parse(line, ProcessPayload.JsonOptions);
            job = Read(document.RootElement, types);
            error = null;
            return true;
        }
        catch (JsonException e)
        {
            error = new FieldError("line", $"must be one JSON object: {ProcessPayload.Explain(e)}");
            return false;
        }
        catch (FieldException e)
        {
            error = e.Error;
            return false;
        }
        catch (InvalidOperationException)
        {
            error = new FieldError("line", ProcessPayload.NoUnicode);
            return false;
        }
    }

    private static JobLine Read(JsonElement json, IReadOnlyDictionary<string, bool> types)
    {
        ProcessPayload.Expect(json, "line", JsonValueKind.Object);
        foreach (var property in json.EnumerateObject())
        {
            ProcessPayload.Require(
                Fields.Contains(property.Name, StringComparer.Ordinal),
                property.Name,
                $"is not known; known are {string.Join(", ", Fields)}");
        }

        string type = Name(json, "type") ?? DefaultType;
        if (!types.TryGetValue(type, out bool runsPrograms))
        {
            throw new FieldException("type", $"must be one of {string.Join(", ", types.Keys)}; found '{type}'");
        }

        var program = runsPrograms ? ReadProgram(json) : null;
        return new JobLine
        {
            User = Name(json, "user") ?? throw new FieldException("user", "is missing"),
            Project = Name(json, "project"),
            Tier = Name(json, "tier"),
            Type = type,
            Priority = Priority0To100(json),
            Resources = ReadResources(json),
            Id = ReadId(json),
            Program = program,
            Payload = program is not null ? ToJson(program) : ReadPayload(json, type),
        };
    }

    private static ProcessPayload ReadProgram(JsonElement json)
    {
        ProcessPayload? program;
        FieldError? error;
        bool hasPayload = json.TryGetProperty("payload", out var payload);
        var fields = json.EnumerateObject()
            .Where(property => ProcessPayload.Fields.Contains(property.Name, StringComparer.Ordinal)).ToList();
        if (hasPayload)
        {
            ProcessPayload.Require(
                fields.Count == 0, "payload", "must not stand beside program, arguments, environment or input_files");
            return ProcessPayload.TryRead(payload, out program, out error)
                ? program
                : throw new FieldException(error.Field == "payload" ? "payload" : "payload." + error.Field, error.Message);
        }

        // The fields of the line that belong to the payload, as a payload of their own.
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            fields.ForEach(property => property.WriteTo(writer));
            writer.WriteEndObject();
        }

        using var document = JsonDocument.Parse(buffer.WrittenMemory, ProcessPayload.JsonOptions);
        return ProcessPayload.TryRead(document.RootElement, out program, out error)
            ? program
            : throw new FieldException(error.Field == "payload" ? "line" : error.Field, error.Message);
    }

    private static ReadOnlyMemory<byte> ReadPayload(JsonElement json, string type)
    {
        foreach (var property in json.EnumerateObject())
        {
            ProcessPayload.Require(
                !ProcessPayload.Fields.Contains(property.Name, StringComparer.Ordinal),
                property.Name,
                $"is only for types that run programs; '{type}' takes a payload");
        }

        return json.TryGetProperty("payload", out var payload)
            ? System.Text.Encoding.UTF8.GetBytes(payload.GetRawText())
            : default(ReadOnlyMemory<byte>);
    }

    private static int Priority0To100(JsonElement json)
    {
        if (!json.TryGetProperty("priority", out var value))
        {
            return 0;
        }

        ProcessPayload.Expect(value, "priority", JsonValueKind.Number);
        ProcessPayload.Require(
            value.TryGetInt32(out int priority) && priority is >= 0 and <= 100,
            "priority",
            $"must be a whole number from 0 to 100; found {Short(value.GetRawText())}");
        return priority;
    }

    private static string? ReadId(JsonElement json)
    {
        if (!json.TryGetProperty("id", out var value))
        {
            return null;
        }

        string id = ProcessPayload.Text(value, "id", JobRequest.MaxIdempotencyKeyLength);
        ProcessPayload.Require(
            id.All(c => c is >= '!' and <= '~'), "id", "must be visible ASCII characters without blanks");
        return id;
    }

    private static List<string> ReadResources(JsonElement json)
    {
        if (!json.TryGetProperty("resources", out var value))
        {
            return [];
        }

        ProcessPayload.Expect(value, "resources", JsonValueKind.Array);
        ProcessPayload.Require(value.GetArrayLength() <= 16, "resources", "must have at most 16 items");
        return [.. value.EnumerateArray().Select((item, i) => NameOf(item, $"resources[{i}]"))];
    }

    private static string? Name(JsonElement json, string field) =>
        json.TryGetProperty(field, out var value) ? NameOf(value, field) : null;

    private static string NameOf(JsonElement json, string field)
    {
        string name = ProcessPayload.Text(json, field, JobRequest.MaxNameLength);
        return JobRequest.NameProblem(name) is { } problem ? throw new FieldException(field, problem) : name;
    }

    private static byte[] ToJson(ProcessPayload payload)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, PayloadJson.Options);
        json.WriteStartObject();
        json.WriteString("program"u8, payload.Program);
        json.WriteStartArray("arguments"u8);
        foreach (string argument in payload.Arguments)
        {
            json.WriteStringValue(argument);
        }

        json.WriteEndArray();
        json.WriteStartObject("environment"u8);
        foreach (var (name, value) in payload.Environment)
        {
            json.WriteString(name, value);
        }

        json.WriteEndObject();
        json.WriteStartArray("input_files"u8);
        foreach (var file in payload.InputFiles)
        {
            json.WriteStartObject();
            json.WriteString("from"u8, file.From);
            json.WriteString("to"u8, file.To);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }

    private static string Short(string text) => text.Length <= 40 ? text : text[..40] + "...";
}
