using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Engine.Tests.Redis;

/// <summary>What happens to one piece of what a client sends.</summary>
internal enum Fault
{
    None,

    /// <summary>The connection breaks; the server never sees the piece.</summary>
    CutBeforeSend,

    /// <summary>The connection breaks in the middle of the piece.</summary>
    CutInside,

    /// <summary>The server gets the piece, and the connection breaks before its answer comes through.</summary>
    CutAfterSend,

    /// <summary>The server gets the piece; nothing moves on this connection any more, and nobody is told.</summary>
    HalfOpen,

    /// <summary>The server gets this piece and those that follow; no answer comes through any more.</summary>
    Unheard,

    /// <summary>The piece is late by some milliseconds, and so is what follows on this connection.</summary>
    Delay,

    /// <summary>Nothing moves on this connection until <see cref="FaultProxy.LetGo"/>; the piece goes out
    /// then.</summary>
    Hold,
}

/// <summary>Stands between a client and a server on loopback and does to their connections what networks do.</summary>
internal sealed class FaultProxy : IAsyncDisposable
{
    private static readonly TimeSpan Lateness = TimeSpan.FromMilliseconds(40);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _gate = new();
    private readonly List<Task> _connections = [];
    private readonly Task _accepting;
    private Func<Fault> _decide = static () => Fault.None;
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _frozen = Open();

    internal FaultProxy(int target)
    {
        Target = target;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>The server's port; new connections go there.</summary>
    internal int Target { get; set; }

    internal string Address =>
        string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>Asked for every piece that a client sends.</summary>
    internal Func<Fault> Decide
    {
        set => Volatile.Write(ref _decide, value);
    }

    /// <summary>Nothing that a client sends moves on, on any connection.</summary>
    internal void Freeze() =>
        Volatile.Write(ref _frozen, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    /// <summary>Lets what is frozen go on.</summary>
    internal void Thaw() => Volatile.Read(ref _frozen).TrySetResult();

    /// <summary>Lets the pieces go on that were held.</summary>
    internal void LetGo() => _held.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        await _accepting;
        Task[] open;
        lock (_gate)
        {
            open = [.. _connections];
        }

        await Task.WhenAll(open);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);
                lock (_gate)
                {
                    _connections.RemoveAll(static connection => connection.IsCompleted);
                    _connections.Add(RelayAsync(client));
                }
            }
        }
        catch (Exception error) when (error is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task RelayAsync(TcpClient client)
    {
        using var server = new TcpClient();
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        using (client)
        {
            try
            {
                client.NoDelay = server.NoDelay = true;
                await server.ConnectAsync(IPAddress.Loopback, Target, ends.Token);
                var mute = new TaskCompletionSource();
                var answers = AnswerAsync(server.GetStream(), client.GetStream(), mute.Task, ends.Token);
                await SendAsync(client, server, mute, ends.Token);
                await ends.CancelAsync();
                await answers;
            }
            catch (Exception error) when (error is IOException or SocketException or OperationCanceledException
                or ObjectDisposedException or InvalidOperationException)
            {
                // Either side went away: the other follows.
                await ends.CancelAsync();
            }
        }
    }

    private async Task SendAsync(
        TcpClient client, TcpClient server, TaskCompletionSource mute, CancellationToken ends)
    {
        byte[] buffer = new byte[256 * 1024];
        var from = client.GetStream();
        var to = server.GetStream();
        while (await from.ReadAsync(buffer, ends) is > 0 and var length)
        {
            await Volatile.Read(ref _frozen).Task.WaitAsync(ends);
            switch (Volatile.Read(ref _decide)())
            {
                case Fault.None:
                    await to.WriteAsync(buffer.AsMemory(0, length), ends);
                    break;
                case Fault.CutBeforeSend:
                    return;
                case Fault.CutInside:
                    await to.WriteAsync(buffer.AsMemory(0, length / 2), ends);
                    return;
                case Fault.CutAfterSend:
                    // The client loses its answer at once, and the server has all the time to carry it out.
                    mute.TrySetResult();
                    client.Close();
                    await to.WriteAsync(buffer.AsMemory(0, length), ends);
                    server.Client.Shutdown(SocketShutdown.Send);
                    await DrainAsync(to, buffer, ends);
                    return;
                case Fault.HalfOpen:
                    mute.TrySetResult();
                    await to.WriteAsync(buffer.AsMemory(0, length), ends);
                    await Task.Delay(Timeout.Infinite, ends);
                    return;
                case Fault.Unheard:
                    mute.TrySetResult();
                    await to.WriteAsync(buffer.AsMemory(0, length), ends);
                    break;
                case Fault.Delay:
                    await Task.Delay(Lateness, ends);
                    await to.WriteAsync(buffer.AsMemory(0, length), ends);
                    break;
                case Fault.Hold:
                    await _held.Task.WaitAsync(ends);
                    await to.WriteAsync(buffer.AsMemory(0, length), ends);
                    break;
            }
        }
    }

    private static TaskCompletionSource Open()
    {
        var open = new TaskCompletionSource();
        open.SetResult();
        return open;
    }

    private static async Task DrainAsync(NetworkStream stream, byte[] buffer, CancellationToken ends)
    {
        while (await stream.ReadAsync(buffer, ends) > 0)
        {
            // Answers that nobody gets.
        }
    }

    private static async Task AnswerAsync(
        NetworkStream from, NetworkStream to, Task mute, CancellationToken ends)
    {
        byte[] buffer = new byte[256 * 1024];
        try
        {
            while (await from.ReadAsync(buffer, ends) is > 0 and var length)
            {
                if (!mute.IsCompleted)
                {
                    await to.WriteAsync(buffer.AsMemory(0, length), ends);
                }
            }

            to.Close();
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The other direction closes both.
        }
    }
}
