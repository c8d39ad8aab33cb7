using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Engine.Host.Authentication;
using Engine.Host.Json;
using Engine.Host.Processes;
using Microsoft.AspNetCore.Connections;
using Microsoft.Net.Http.Headers;

namespace Engine.Host.Endpoints;

/// <summary>Turns a request into a <see cref="JobRequest"/>, or says what is wrong with it. Limits come first: size,
/// then encoding, then shape. Fields that are not known are ignored, as the original did; what a caller may not choose
/// (user, tier, state) is never read from the body.</summary>
internal static class SubmissionReader
{
    private const int MaxDepth = 32;
    private const string DefaultType = "build";

    // The server asks for a few bytes a second on average: whoever sends all but the last one could wait for long.
    internal static readonly TimeSpan MaxBodyTime = TimeSpan.FromMinutes(1);

    private static readonly JsonDocumentOptions Strict = new()
    {
        MaxDepth = MaxDepth,
        AllowDuplicateProperties = false,
        CommentHandling = JsonCommentHandling.Disallow,
        AllowTrailingCommas = false,
    };

    /// <summary>Reads the request of a caller; exactly one part of the answer is null.</summary>
    /// <param name="request">The request.</param>
    /// <param name="caller">Whose it is.</param>
    /// <param name="share">Takes what its body takes.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    internal static async ValueTask<(JobRequest? Request, ProblemResult? Problem)> ReadAsync(
        HttpRequest request, Caller caller, BodyBudget.Share share, TimeProvider time, CancellationToken cancellationToken)
    {
        if (CheckHeaders(request, out string? key) is { } wrong)
        {
            return (null, wrong);
        }

        var (body, unread) = await ReadBodyAsync(request, share, time, cancellationToken).ConfigureAwait(false);
        if (body is null)
        {
            return (null, unread);
        }

        if (!Utf8.IsValid(body))
        {
            return (null, Problems.Malformed("The body is not valid UTF-8"));
        }

        try
        {
            using var document = JsonDocument.Parse(body, Strict);
            return Interpret(document.RootElement, caller, key);
        }
        catch (JsonException e)
        {
            // Of a property that is there twice the parser does not say where.
            string where = e.LineNumber is { } line ? $" (line {line + 1}, byte {e.BytePositionInLine + 1})" : "";
            return (null, Problems.Malformed(
                $"The body is not valid JSON{where}: at most {MaxDepth} levels deep, no comments, no property twice"));
        }
        catch (InvalidOperationException)
        {
            // What the parser lets pass and no string can hold: half of a surrogate pair, written as an escape.
            return (null, Problems.Malformed("The body holds text that is not valid Unicode"));
        }
    }

    private static ProblemResult? CheckHeaders(HttpRequest request, out string? key)
    {
        key = null;
        if (!MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
            || !(type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
                || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase))
            || !IsUtf8(type))
        {
            return Problems.UnsupportedMediaType("Content-Type must be application/json, in UTF-8");
        }

        // A body that unpacks to a thousand times its size would pass every limit.
        if (request.Headers.ContentEncoding.Count > 0)
        {
            return Problems.UnsupportedMediaType("Content-Encoding is not supported");
        }

        var keys = request.Headers["Idempotency-Key"];
        if (keys.Count > 0)
        {
            key = keys[0]!;
            if (keys.Count > 1
                || key.Length is < 1 or > JobRequest.MaxIdempotencyKeyLength
                || key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            {
                return Problems.Invalid(
                    "Idempotency-Key",
                    $"must be one header of 1 to {JobRequest.MaxIdempotencyKeyLength} visible ASCII characters");
            }
        }

        return null;
    }

    // A parameter may be written in quotes, and means the same. Named twice it means nothing.
    private static bool IsUtf8(MediaTypeHeaderValue type)
    {
        var charsets = type.Parameters
            .Where(parameter => parameter.Name.Equals("charset", StringComparison.OrdinalIgnoreCase)).Take(2).ToList();
        return charsets.Count == 0
            || (charsets.Count == 1
                && charsets[0].GetUnescapedValue().Equals("utf-8", StringComparison.OrdinalIgnoreCase));
    }

    // The server enforces the limit of one body while it is read, whether a length was announced or not.
    private static async ValueTask<(byte[]? Body, ProblemResult? Problem)> ReadBodyAsync(
        HttpRequest request, BodyBudget.Share share, TimeProvider time, CancellationToken cancellationToken)
    {
        if (!share.HasRoomFor(request.ContentLength ?? 0))
        {
            return (null, Problems.Overloaded());
        }

        using var late = new CancellationTokenSource(MaxBodyTime, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        using var body = new MemoryStream((int)Math.Clamp(request.ContentLength ?? 0, 0, 64 * 1024));
        byte[] part = ArrayPool<byte>.Shared.Rent(16 * 1024);
        try
        {
            while (await request.Body.ReadAsync(part, either.Token).ConfigureAwait(false) is > 0 and int read)
            {
                if (!share.TryTake(read))
                {
                    return (null, Problems.Overloaded());
                }

                body.Write(part, 0, read);
            }

            return (body.ToArray(), null);
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return (null, Problems.ForStatus(StatusCodes.Status408RequestTimeout));
        }
        catch (IOException e) when (e is not BadHttpRequestException and not ConnectionResetException)
        {
            // Of a piece whose length is beyond every number the server does not say that the request is bad.
            return (null, Problems.ForStatus(StatusCodes.Status400BadRequest));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(part);
        }
    }

    private static (JobRequest? Request, ProblemResult? Problem) Interpret(JsonElement root, Caller caller, string? key)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            return (null, Problems.Invalid("body", "must be a JSON object"));
        }

        // Any text may come back to somebody: all of it must be text.
        JsonText.Check(root);
        if (NameProblem(root, "project_id", JobRequest.MaxNameLength, out string? project) is { } wrongProject)
        {
            return (null, Problems.Invalid("project_id", wrongProject));
        }

        if (!root.TryGetProperty("goal", out var goal)
            || goal.ValueKind != JsonValueKind.String
            || goal.GetString()!.Length == 0)
        {
            return (null, Problems.Invalid("goal", "must be text of at least 1 character"));
        }

        string? type = DefaultType;
        if (IsPresent(root, "type") && NameProblem(root, "type", 64, out type) is { } wrongType)
        {
            return (null, Problems.Invalid("type", wrongType));
        }

        int priority = 0;
        if (IsPresent(root, "priority")
            && (root.GetProperty("priority") is not { ValueKind: JsonValueKind.Number } number
                || !number.TryGetInt32(out priority)
                || priority is < 0 or > 100))
        {
            return (null, Problems.Invalid("priority", "must be a whole number from 0 to 100"));
        }

        JsonElement? fields = IsPresent(root, "payload") ? root.GetProperty("payload") : null;
        if (fields is { ValueKind: not JsonValueKind.Object })
        {
            return (null, Problems.Invalid("payload", "must be a JSON object"));
        }

        if (fields is { } given && given.TryGetProperty("goal", out _))
        {
            return (null, Problems.Invalid("payload.goal", "must not be there: the goal stands beside the payload"));
        }

        return (new JobRequest
        {
            Type = type!,
            UserId = caller.UserId,
            ProjectId = project,
            Tier = caller.Tier,
            Priority = priority,
            Payload = PayloadOf(goal, fields),
            IdempotencyKey = key,
        }, null);
    }

    // What the handler gets: the goal and the payload's own fields, side by side.
    private static byte[] PayloadOf(JsonElement goal, JsonElement? fields)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, PayloadJson.Options))
        {
            writer.WriteStartObject();
            writer.WritePropertyName("goal");
            goal.WriteTo(writer);
            if (fields is { } given)
            {
                foreach (var field in given.EnumerateObject())
                {
                    field.WriteTo(writer);
                }
            }

            writer.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    // A field that is null is a field that is not there.
    private static bool IsPresent(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    private static string? NameProblem(JsonElement root, string name, int maxLength, out string? text)
    {
        text = root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;
        return text is null ? $"must be text of 1 to {maxLength} characters" : JobRequest.NameProblem(text, maxLength);
    }
}
