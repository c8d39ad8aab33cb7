using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Engine.Host.Endpoints;

namespace Engine.Host.Streams;

/// <summary>Writes server-sent events. Each frame is flushed before the next is made, so that a client that reads
/// slowly costs one frame here and the bounded buffer of its watch, whatever happens (F21).</summary>
internal sealed class SseWriter(HttpResponse response)
{
    private readonly PipeWriter _writer = response.BodyWriter;

    /// <summary>Whether anything but heartbeats was written.</summary>
    internal bool HasWritten { get; private set; }

    /// <summary>Sends the headers, so that the client knows it is connected before anything happens.</summary>
    internal async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "text/event-stream; charset=utf-8";
        response.Headers.CacheControl = "no-cache";
        response.Headers.Connection = "keep-alive";
        response.Headers["X-Accel-Buffering"] = "no";
        await response.StartAsync(cancellationToken).ConfigureAwait(false);
        await _writer.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends one frame.</summary>
    /// <param name="id">What a client resumes from, or null.</param>
    /// <param name="name">The event's name, or null for a plain message.</param>
    /// <param name="data">What it carries, on one line.</param>
    /// <param name="type">How to write it.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal async ValueTask WriteAsync<T>(
        long? id, string? name, T data, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        if (id is { } value)
        {
            Write(string.Create(CultureInfo.InvariantCulture, $"id: {value}\n"));
        }

        if (name is not null)
        {
            Write($"event: {name}\n");
        }

        Write("data: ");

        // JSON without indentation has no line breaks: inside strings they are escaped, whatever somebody's text holds.
        using (var json = new Utf8JsonWriter(_writer, Wire.WriterOptions))
        {
            JsonSerializer.Serialize(json, data, type);
        }

        Write("\n\n");
        HasWritten = true;
        await _writer.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a heartbeat as an event of that name.</summary>
    internal async ValueTask WriteHeartbeatAsync(CancellationToken cancellationToken)
    {
        Write("event: heartbeat\ndata: {}\n\n");
        await _writer.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a comment, which clients ignore: keeps a connection alive where events would be seen.</summary>
    internal async ValueTask WriteCommentAsync(string text, CancellationToken cancellationToken)
    {
        Write($": {text}\n\n");
        await _writer.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Says that the engine has failed. Without an id: a client resumes from the last event that it saw.</summary>
    internal ValueTask WriteStoppedAsync(CancellationToken cancellationToken) => WriteAsync(
        null,
        "engine-stopped",
        Problems.EngineStopped().Body,
        Wire.Json.ProblemBody,
        cancellationToken);

    private void Write(string text) => Encoding.UTF8.GetBytes(text, _writer);
}
