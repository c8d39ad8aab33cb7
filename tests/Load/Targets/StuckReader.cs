using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Engine.Tests.Hosts;
using Engine.Tests.Load.Checks;

namespace Engine.Tests.Load.Targets;

/// <summary>A client of an event stream that reads how it began, and then nothing for as long as it likes.</summary>
internal sealed class StuckReader : IDisposable
{
    /// <summary>IPPROTO_TCP and TCP_MAXSEG. The kernel gives a connection of small segments small buffers: what is
    /// not read is soon held by the host, and not for megabytes by the kernel.</summary>
    private const int Tcp = 6;
    private const int MaxSegment = 2;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly StringBuilder _text = new();
    private readonly byte[] _buffer = new byte[512];

    private StuckReader()
    {
    }

    /// <summary>Opens a stream of typed events and reads its first one.</summary>
    internal static async Task<StuckReader> OpenAsync(Uri host, Acknowledged job)
    {
        var reader = new StuckReader();
        reader._socket.SetRawSocketOption(Tcp, MaxSegment, BitConverter.GetBytes(536));
        reader._socket.ReceiveBufferSize = 2_048;
        await reader._socket.ConnectAsync(host.Host, host.Port);
        string request = string.Create(
            CultureInfo.InvariantCulture,
            $"GET /api/jobs/{job.Id}/events/stream HTTP/1.1\r\nHost: {host.Authority}\r\n" +
            $"Authorization: Bearer dev:{job.User}:{job.Tier}\r\n\r\n");
        await reader._socket.SendAsync(Encoding.ASCII.GetBytes(request));
        while (!reader._text.ToString().Contains("data: {", StringComparison.Ordinal))
        {
            if (!await reader.ReadSomeAsync())
            {
                throw new InvalidDataException($"The stream was not opened: {reader._text}");
            }
        }

        return reader;
    }

    /// <summary>Reads everything that is left.</summary>
    internal async Task<List<Change>> ReadToEndAsync()
    {
        while (await ReadSomeAsync())
        {
        }

        // Between the events are the lengths of chunks, and heartbeats; the last event may be cut off.
        long? id = null;
        var changes = new List<Change>();
        foreach (string line in _text.ToString().Split('\n'))
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal))
            {
                id = long.Parse(line.AsSpan(4), CultureInfo.InvariantCulture);
            }
            else if (line.StartsWith("data: ", StringComparison.Ordinal) && line.EndsWith('}') && id is not null)
            {
                changes.Add(SseStream.Read(id, line[6..]));
                id = null;
            }
        }

        return changes;
    }

    public void Dispose() => _socket.Dispose();

    private async Task<bool> ReadSomeAsync()
    {
        try
        {
            int count = await _socket.ReceiveAsync(_buffer).WaitAsync(HostProcess.Guard);
            _text.Append(Encoding.UTF8.GetString(_buffer, 0, count));

            // The last chunk: the host has said all, and keeps the connection for more requests.
            return count > 0 && !_text.ToString(Math.Max(0, _text.Length - 7), Math.Min(7, _text.Length)).EndsWith(
                "\r\n0\r\n\r\n", StringComparison.Ordinal);
        }
        catch (SocketException)
        {
            // Cut off.
            return false;
        }
    }
}
