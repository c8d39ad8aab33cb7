using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Engine.Host.Processes;

/// <summary>What a job asks to be run.</summary>
internal sealed record ProcessPayload
{
    internal const int MaxArguments = 1_000;
    internal const int MaxVariables = 100;
    internal const int MaxInputs = 1_000;
    internal const int MaxTextLength = 32_768;
    internal const string NoUnicode = "must be valid Unicode; found half a surrogate pair";

    /// <summary>The fields, in the order in which they are documented.</summary>
    internal static IReadOnlyList<string> Fields { get; } = ["program", "arguments", "environment", "input_files"];

    internal static JsonDocumentOptions JsonOptions { get; } = new() { MaxDepth = 64, AllowDuplicateProperties = false };

    /// <summary>A name on the list of allowed programs.</summary>
    internal required string Program { get; init; }

    internal IReadOnlyList<string> Arguments { get; init; } = [];

    internal IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Files and directories to copy into the run's directory before it starts.</summary>
    internal IReadOnlyList<InputFile> InputFiles { get; init; } = [];

    internal static bool TryParse(
        ReadOnlyMemory<byte> json,
        [NotNullWhen(true)] out ProcessPayload? payload,
        [NotNullWhen(false)] out FieldError? error)
    {
        payload = null;
        try
        {
            using var document = JsonDocument.Parse(json, JsonOptions);
            return TryRead(document.RootElement, out payload, out error);
        }
        catch (JsonException e)
        {
            error = new FieldError("payload", $"must be JSON: {Explain(e)}");
            return false;
        }
    }

    internal static bool TryRead(
        JsonElement json,
        [NotNullWhen(true)] out ProcessPayload? payload,
        [NotNullWhen(false)] out FieldError? error)
    {
        payload = null;
        try
        {
            payload = Read(json);
            error = null;
            return true;
        }
        catch (FieldException e)
        {
            error = e.Error;
            return false;
        }
        catch (InvalidOperationException)
        {
            // What the parser lets pass and no string can hold, in the name of a field.
            error = new FieldError("payload", NoUnicode);
            return false;
        }
    }

    private static ProcessPayload Read(JsonElement json)
    {
        Expect(json, "payload", JsonValueKind.Object);
        string? program = null;
        List<string> arguments = [];
        Dictionary<string, string> environment = new(StringComparer.Ordinal);
        List<InputFile> inputs = [];
        foreach (var property in json.EnumerateObject())
        {
            switch (property.Name)
            {
                case "program":
                    program = Text(property.Value, "program", 128);
                    break;
                case "arguments":
                    arguments = Items(property.Value, "arguments", MaxArguments,
                        static (item, field) => Text(item, field, MaxTextLength, allowEmpty: true));
                    break;
                case "environment":
                    Expect(property.Value, "environment", JsonValueKind.Object);
                    foreach (var variable in property.Value.EnumerateObject())
                    {
                        string field = $"environment.{variable.Name}";
                        environment.Add(variable.Name, Text(variable.Value, field, MaxTextLength, allowEmpty: true));
                    }

                    Require(environment.Count <= MaxVariables, "environment", $"must have at most {MaxVariables} variables");
                    break;
                case "input_files":
                    inputs = Items(property.Value, "input_files", MaxInputs, InputFile.Read);
                    break;
                case "goal":
                    // What HTTP submissions say the job is for; the program does not hear of it.
                    Expect(property.Value, "goal", JsonValueKind.String);
                    break;
                default:
                    throw new FieldException(property.Name, $"is not known; known are {string.Join(", ", Fields)}");
            }
        }

        return new ProcessPayload
        {
            Program = program ?? throw new FieldException("program", "is missing"),
            Arguments = arguments,
            Environment = environment,
            InputFiles = inputs,
        };
    }

    internal static string Text(JsonElement json, string field, int maxLength, bool allowEmpty = false)
    {
        Expect(json, field, JsonValueKind.String);
        string text;
        try
        {
            text = json.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new FieldException(field, NoUnicode);
        }

        Require(allowEmpty || text.Length > 0, field, "must not be empty");
        Require(text.Length <= maxLength, field, $"must have at most {maxLength} characters; found {text.Length}");
        Require(!text.Contains('\0', StringComparison.Ordinal), field, "must not contain a NUL character");
        return text;
    }

    private static List<T> Items<T>(JsonElement json, string field, int max, Func<JsonElement, string, T> read)
    {
        Expect(json, field, JsonValueKind.Array);
        Require(json.GetArrayLength() <= max, field, $"must have at most {max} items; found {json.GetArrayLength()}");
        return [.. json.EnumerateArray().Select((item, i) => read(item, $"{field}[{i}]"))];
    }

    internal static void Expect(JsonElement json, string field, JsonValueKind kind) =>
        Require(json.ValueKind == kind, field, $"must be {Name(kind)}; found {Name(json.ValueKind)}");

    internal static void Require([DoesNotReturnIf(false)] bool condition, string field, string message)
    {
        if (!condition)
        {
            throw new FieldException(field, message);
        }
    }

    /// <summary>What the parser found, and where, without its own words for lines.</summary>
    internal static string Explain(JsonException e)
    {
        int place = e.Message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        string what = (place < 0 ? e.Message : e.Message[..place]).TrimEnd('.');
        return e.BytePositionInLine is { } position ? $"{what}, at byte {position + 1}" : what;
    }

    internal static string Name(JsonValueKind kind) => kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "true or false",
        JsonValueKind.Null => "null",
        JsonValueKind.Undefined => "nothing",
    };
}

/// <summary>A file or directory to copy into the run's directory.</summary>
/// <param name="From">Relative to the input directory.</param>
/// <param name="To">Relative to the run's directory.</param>
internal sealed record InputFile(string From, string To)
{
    internal static InputFile Read(JsonElement json, string field)
    {
        if (json.ValueKind == JsonValueKind.String)
        {
            string path = Path(json, field);
            return new InputFile(path, path);
        }

        ProcessPayload.Expect(json, field, JsonValueKind.Object);
        string? from = null;
        string? to = null;
        foreach (var property in json.EnumerateObject())
        {
            switch (property.Name)
            {
                case "from":
                    from = Path(property.Value, $"{field}.from");
                    break;
                case "to":
                    to = Path(property.Value, $"{field}.to");
                    break;
                default:
                    throw new FieldException($"{field}.{property.Name}", "is not known; known are from, to");
            }
        }

        return new InputFile(from ?? throw new FieldException($"{field}.from", "is missing"), to ?? from);
    }

    private static string Path(JsonElement json, string field)
    {
        string path = ProcessPayload.Text(json, field, 1_000);
        bool stays = path[0] != '/' && !path.Contains('\\', StringComparison.Ordinal)
            && path.Split('/').All(part => part is not ("" or "." or "..")) && !System.IO.Path.IsPathRooted(path);
        ProcessPayload.Require(stays, field, $"must be a relative path without '.', '..' or '\\'; found '{path}'");
        return path;
    }
}

/// <summary>Carries a <see cref="FieldError"/> out of a reader.</summary>
internal sealed class FieldException(string field, string message) : Exception(message)
{
    internal FieldError Error { get; } = new(field, message);
}
