using System.Diagnostics;

namespace Engine.Tests.Crash.Loop;

/// <summary>A process of this very program, and the lines it says.</summary>
internal sealed class ChildPipe : IAsyncDisposable
{
    private const int MaxErrorLines = 40;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _saying = new(1, 1);
    private readonly Queue<string> _errors = new();
    private readonly Action<string> _take;

    internal ChildPipe(IReadOnlyList<string> command, Action<string> take)
    {
        _take = take;
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        lock (ChildProcess.Starting)
        {
            Process = Process.Start(start)!;
        }

        Process.ErrorDataReceived += (_, line) => NoteError(line.Data);
        Process.BeginErrorReadLine();
        Exited = Task.Run(ReadAsync);
    }

    /// <summary>The program that tests and children share.</summary>
    internal static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "Engine.CrashTests");

    internal Process Process { get; }

    /// <summary>Completes when it is dead and everything it said has been heard.</summary>
    internal Task Exited { get; }

    internal string Errors
    {
        get
        {
            lock (_gate)
            {
                return string.Join('\n', _errors);
            }
        }
    }

    /// <summary>Tells it a line; any thread.</summary>
    internal async Task SayAsync(string line)
    {
        await _saying.WaitAsync();
        try
        {
            await Process.StandardInput.WriteLineAsync(line);
            await Process.StandardInput.FlushAsync();
        }
        finally
        {
            _saying.Release();
        }
    }

    /// <summary>SIGKILL. Returns when nothing is left of it.</summary>
    internal async Task KillAsync()
    {
        Process.Kill();
        await Exited.WaitAsync(Guards.Long);
    }

    public async ValueTask DisposeAsync()
    {
        if (!Process.HasExited)
        {
            Process.Kill();
        }

        try
        {
            await Exited.WaitAsync(Guards.Long);
        }
        finally
        {
            Process.Dispose();
            _saying.Dispose();
        }
    }

    private async Task ReadAsync()
    {
        while (await Process.StandardOutput.ReadLineAsync() is { } line)
        {
            _take(line);
        }

        await Process.WaitForExitAsync();
    }

    private void NoteError(string? line)
    {
        if (line is not null)
        {
            lock (_gate)
            {
                _errors.Enqueue(line);
                if (_errors.Count > MaxErrorLines)
                {
                    _errors.Dequeue();
                }
            }
        }
    }
}
