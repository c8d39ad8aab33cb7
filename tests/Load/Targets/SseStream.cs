using System.Globalization;
using System.Net;
using System.Text.Json;

namespace Engine.Tests.Load.Targets;

/// <summary>An open stream of server-sent events about one job.</summary>
internal sealed class SseStream : IDisposable
{
    private readonly HttpResponseMessage _response;
    private readonly StreamReader _reader;

    private SseStream(HttpResponseMessage response, Stream body)
    {
        _response = response;
        _reader = new StreamReader(body);
    }

    /// <summary>Opens it; null when nobody answers, the job is not there, or no stream may be opened.</summary>
    internal static async Task<SseStream?> OpenAsync(
        HttpClient client, HttpRequestMessage request, CancellationToken stop)
    {
        HttpResponseMessage? response = null;
        try
        {
            response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                return new SseStream(response, await response.Content.ReadAsStreamAsync(stop));
            }
        }
        catch (Exception gone) when (HttpTarget.IsGone(gone))
        {
            // The same to a reader as one that ends at once.
        }

        response?.Dispose();
        return null;
    }

    /// <summary>The next change; null when the stream has ended, whoever ended it.</summary>
    internal async ValueTask<Change?> NextAsync(CancellationToken stop)
    {
        try
        {
            long? id = null;
            string? data = null;
            bool isEvent = true;
            while (await _reader.ReadLineAsync(stop) is { } line)
            {
                if (line.StartsWith("id: ", StringComparison.Ordinal))
                {
                    id = long.Parse(line.AsSpan(4), CultureInfo.InvariantCulture);
                }
                else if (line.StartsWith("event: ", StringComparison.Ordinal))
                {
                    // Heartbeats, and that the engine has stopped: neither is about the job.
                    isEvent = false;
                }
                else if (line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    data = line[6..];
                }
                else if (line.Length == 0 && data is not null)
                {
                    if (isEvent)
                    {
                        return Read(id, data);
                    }

                    (id, data, isEvent) = (null, null, true);
                }
            }
        }
        catch (Exception gone) when (HttpTarget.IsGone(gone))
        {
            // A reader only sees that nothing more comes.
        }

        return null;
    }

    public void Dispose()
    {
        _reader.Dispose();
        _response.Dispose();
    }

    internal static Change Read(long? id, string data)
    {
        using var json = JsonDocument.Parse(data);
        var root = json.RootElement;
        bool isResync = root.TryGetProperty("resync", out var resync) && resync.ValueKind == JsonValueKind.True;
        return new Change(id, StateNames.Parse(root.GetProperty("state").GetString()), isResync);
    }
}
