using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Engine.Tests.Redis;

/// <summary>A redis-server of a test's own: on a free loopback port, in a directory of its own, killed by its process
/// id.</summary>
internal sealed class RedisServer : IAsyncDisposable
{
    /// <summary>Why no test can have one, or null when it can.</summary>
    internal static string? Missing { get; } = FindBinary("redis-server") is null
        ? "redis-server is not installed (Debian: apt-get install redis-server); see test.sh"
        : null;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly string _directory = Directory.CreateTempSubdirectory("engine-redis-").FullName;
    private readonly string[] _arguments;
    private Process? _process;

    private RedisServer(int port, string[] arguments) => (Port, _arguments) = (port, arguments);

    internal int Port { get; }

    internal string Address => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <summary>Where its append-only file and its snapshots lie.</summary>
    internal string DataDirectory => _directory;

    /// <summary>Starts a server that syncs before it answers.</summary>
    /// <param name="arguments">More, in the words of redis.conf: <c>--name</c>, <c>value</c>.</param>
    internal static async Task<RedisServer> StartAsync(params string[] arguments)
    {
        for (int attempt = 1; ; attempt++)
        {
            var server = new RedisServer(FreePort(), arguments);
            try
            {
                await server.StartAsync();
                return server;
            }
            catch (Exception error)
            {
                await server.DisposeAsync();
                if (error is not InvalidOperationException || attempt == 5)
                {
                    throw;
                }

                // Somebody else was faster to take the port.
            }
        }
    }

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    internal static string? FindBinary(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(File.Exists);

    /// <summary>Starts it, again after <see cref="Kill()"/>, on the same port and data; returns when it
    /// answers.</summary>
    internal async Task StartAsync()
    {
        var start = new ProcessStartInfo(FindBinary("redis-server") ?? throw new InvalidOperationException(Missing))
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _directory,
        };
        string[] all =
        [
            "--port", Port.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--dir", _directory,
            "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "no", "--logfile", "",
            "--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1",
            .. _arguments,
        ];
        Array.ForEach(all, start.ArgumentList.Add);
        var ready = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var log = new List<string>();
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null)
            {
                ready.TrySetResult(false);
                return;
            }

            lock (log)
            {
                log.Add(line.Data);
            }

            if (line.Data.Contains("Ready to accept connections", StringComparison.Ordinal))
            {
                ready.TrySetResult(true);
            }
        };
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        if (!await ready.Task.WaitAsync(Patience))
        {
            string said = string.Join('\n', log);
            throw new InvalidOperationException($"redis-server did not start: {said}");
        }
    }

    /// <summary>kill -9.</summary>
    internal void Kill()
    {
        if (_process is { } process)
        {
            _process = null;
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }

    /// <summary>Stops its processor time, as a stalled machine would.</summary>
    internal void Pause() => Signals.Send(_process!.Id, Signals.Stop);

    internal void Resume() => Signals.Send(_process!.Id, Signals.Continue);

    /// <summary>Sends one command and returns the first line of its answer.</summary>
    internal async Task<string> CommandAsync(params string[] command) =>
        (await ExchangeAsync(command)).Split("\r\n")[0];

    /// <summary>Sends one command whose answer is a single text, and returns it.</summary>
    internal async Task<string?> QueryAsync(params string[] command) =>
        (await ExchangeAsync(command)).Split("\r\n", 3) is [['$', not '-', ..], var text, ..] ? text : null;

    /// <summary>Sends one command whose answer is a list of texts, and returns it.</summary>
    internal async Task<string[]> QueryListAsync(params string[] command) =>
        [.. (await ExchangeAsync(command)).Split("\r\n").Where(static (_, i) => i >= 2 && i % 2 == 0)];

    internal async Task<string> InfoAsync(string section) => await ExchangeAsync(["INFO", section]);

    public ValueTask DisposeAsync()
    {
        Kill();
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }

    private async Task<string> ExchangeAsync(string[] command)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port).WaitAsync(Patience);
        var stream = client.GetStream();
        string text = $"*{command.Length}\r\n" + string.Concat(command.Select(
            static part => $"${System.Text.Encoding.UTF8.GetByteCount(part)}\r\n{part}\r\n"));
        await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(text));
        byte[] buffer = new byte[64 * 1024];
        int length = 0;
        while (length < buffer.Length && !buffer.AsSpan(0, length).EndsWith("\r\n"u8))
        {
            int read = await stream.ReadAsync(buffer.AsMemory(length)).AsTask().WaitAsync(Patience);
            if (read == 0)
            {
                break;
            }

            length += read;
        }

        return System.Text.Encoding.UTF8.GetString(buffer, 0, length);
    }
}
