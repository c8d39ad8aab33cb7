using System.Text.Json.Nodes;

namespace Engine.Tests.Http;

/// <summary>Reads server-sent events from an open response, as a client of the API would.</summary>
internal sealed class EventStream : IDisposable
{
    private readonly StreamReader _reader;

    private EventStream(HttpResponseMessage response, Stream body)
    {
        Response = response;
        _reader = new StreamReader(body);
    }

    internal HttpResponseMessage Response { get; }

    /// <summary>Opens a stream; the headers have arrived when this returns.</summary>
    internal static async Task<EventStream> OpenAsync(HttpClient client, string path, long? lastEventId = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is { } id)
        {
            request.Headers.Add("Last-Event-ID", id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return new EventStream(response, await response.Content.ReadAsStreamAsync());
    }

    /// <summary>The next event, or null when the server has closed the stream.</summary>
    internal async Task<StreamEvent?> NextAsync()
    {
        long? id = null;
        string? name = null;
        string? comment = null;
        string? data = null;
        while (await _reader.ReadLineAsync().WaitAsync(TestEngine.Guard) is { } line)
        {
            switch (line)
            {
                case "" when data is not null || comment is not null:
                    var json = data is null ? [] : Assert.IsType<JsonObject>(JsonNode.Parse(data));
                    return new StreamEvent(id, name, json, comment);
                case "":
                    break;
                case var _ when line.StartsWith("id: ", StringComparison.Ordinal):
                    id = long.Parse(line[4..], System.Globalization.CultureInfo.InvariantCulture);
                    break;
                case var _ when line.StartsWith("event: ", StringComparison.Ordinal):
                    name = line[7..];
                    break;
                case var _ when line.StartsWith("data: ", StringComparison.Ordinal):
                    data = line[6..];
                    break;
                case var _ when line.StartsWith(": ", StringComparison.Ordinal):
                    comment = line[2..];
                    break;
                default:
                    throw new InvalidDataException($"No line of an event stream: '{line}'.");
            }
        }

        return null;
    }

    /// <summary>Every event until the server closes the stream.</summary>
    internal async Task<List<StreamEvent>> ToEndAsync()
    {
        List<StreamEvent> events = [];
        while (await NextAsync() is { } next)
        {
            events.Add(next);
        }

        return events;
    }

    public void Dispose()
    {
        _reader.Dispose();
        Response.Dispose();
    }
}

/// <summary>One event, or a comment.</summary>
internal sealed record StreamEvent(long? Id, string? Name, JsonObject Data, string? Comment)
{
    internal string Status => Data.Text("status");
}
