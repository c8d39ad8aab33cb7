using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;

namespace Engine.Tests.Hosts;

/// <summary>The host as a process of its own, the way users run it. Whatever happens, disposing it leaves no process
/// behind.</summary>
internal sealed partial class HostProcess : IAsyncDisposable
{
    /// <summary>How long anything is waited for at the most.</summary>
    internal static readonly TimeSpan Guard = TimeSpan.FromMinutes(2);

    private readonly Process _process;
    private readonly int _keptLines;
    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();
    private readonly TaskCompletionSource<Uri> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _reading;
    private bool _hasEnded;
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private HostProcess(ProcessStartInfo start, int keptLines)
    {
        _keptLines = keptLines;
        _process = Process.Start(start) ?? throw new InvalidOperationException("The host could not be started.");
        _reading = ReadAllAsync();
    }

    internal Process Process => _process;

    /// <summary>The lines that it printed so far, or the last of them.</summary>
    internal IReadOnlyList<string> Lines
    {
        get
        {
            lock (_gate)
            {
                return [.. _lines];
            }
        }
    }

    internal string Text => string.Concat(Lines.Select(line => line + '\n'));

    /// <summary>Starts the host; nothing is waited for.</summary>
    internal static HostProcess Start(string environment, string directory, params string[] arguments) =>
        Start(directory, arguments, start =>
        {
            start.Environment["ASPNETCORE_ENVIRONMENT"] = environment;
            start.Environment["DOTNET_ENVIRONMENT"] = environment;
        });

    /// <summary>Starts the host as the caller's own environment, or more, has it.</summary>
    internal static HostProcess Start(
        string directory,
        IEnumerable<string> arguments,
        Action<ProcessStartInfo>? more = null,
        int keptLines = int.MaxValue)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "Engine.Host.dll"), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        };
        more?.Invoke(start);
        return new HostProcess(start, keptLines);
    }

    /// <summary>Where it says that it listens. On a port of the system's choice: one that a test chooses may be taken
    /// before the host has started.</summary>
    internal Task<Uri> ListensAsync() => _listening.Task.WaitAsync(Guard);

    /// <summary>Waits until the host answers that it is ready.</summary>
    internal async Task<HttpClient> ReadyAsync(string user = "u1", string tier = "bootstrapper")
    {
        var client = new HttpClient { BaseAddress = await ListensAsync(), Timeout = Guard };
        client.DefaultRequestHeaders.Authorization = new("Bearer", $"dev:{user}:{tier}");
        using var guard = new CancellationTokenSource(Guard);
        while (true)
        {
            using var response = await client.GetAsync("/health/ready", guard.Token);
            if (response.StatusCode == HttpStatusCode.OK)
            {
                return client;
            }
        }
    }

    /// <summary>Waits until so many lines are such.</summary>
    internal async Task SeenAsync(Func<string, bool> isSuch, int count)
    {
        while (true)
        {
            Task more;
            lock (_gate)
            {
                if (_lines.Count(isSuch) >= count)
                {
                    return;
                }

                more = _more.Task;
                Assert.False(_hasEnded, $"Ended before {count} such lines:\n{string.Join('\n', _lines)}");
            }

            await more.WaitAsync(Guard);
        }
    }

    /// <summary>Asks the host to stop, as a supervisor does.</summary>
    internal void Terminate() => Signals.Send(_process.Id, Signals.Terminate);

    /// <summary>Takes its processor time away, as a stalled machine would, until <see cref="Resume"/>.</summary>
    internal void Pause() => Signals.Send(_process.Id, Signals.Stop);

    internal void Resume() => Signals.Send(_process.Id, Signals.Continue);

    /// <summary>Ends the host without asking.</summary>
    internal void KillNow() => _process.Kill();

    /// <summary>Waits for the end: the exit code and everything that was printed.</summary>
    internal async Task<(int Code, string Text)> EndedAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(Guard);
        await _reading.WaitAsync(Guard);
        return (_process.ExitCode, Text);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private async Task ReadAllAsync()
    {
        await Task.WhenAll(ReadAsync(_process.StandardOutput), ReadAsync(_process.StandardError));
        _listening.TrySetException(new InvalidOperationException($"The host ended before it listened:\n{Text}"));
        Wake(isOver: true);
    }

    private async Task ReadAsync(StreamReader from)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            lock (_gate)
            {
                _lines.Enqueue(line);
                if (_lines.Count > _keptLines)
                {
                    _lines.Dequeue();
                }
            }

            if (Listening().Match(line) is { Success: true } match)
            {
                _listening.TrySetResult(new Uri(match.Groups[1].Value));
            }

            Wake();
        }
    }

    private void Wake(bool isOver = false)
    {
        TaskCompletionSource seen;
        lock (_gate)
        {
            _hasEnded = isOver;
            seen = _more;
            _more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        seen.TrySetResult();
    }

    [GeneratedRegex(@"(?:Serving|Listening) on (https?://[^\s;,]+)")]
    private static partial Regex Listening();
}
