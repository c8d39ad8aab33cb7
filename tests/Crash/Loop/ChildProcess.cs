using System.Diagnostics;
using Engine.Tests.Crash.Child;

namespace Engine.Tests.Crash.Loop;

/// <summary>A child from the outside. Whatever the test does, disposing it leaves no process behind.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int MaxErrorLines = 40;

    /// <summary>What a test may wait for; all else is for the book.</summary>
    private static readonly string[] MileStones = ["up", "at", "idle", "down", "locked", "failed"];

    private readonly Lock _gate = new();
    private readonly Process _process;
    private readonly Queue<string> _errors = new();
    private readonly List<string> _said = [];
    private readonly List<(string Word, int Count, TaskCompletionSource<string> Said)> _waiting = [];
    private readonly Action<string> _note;
    private readonly Task _reading;

    private ChildProcess(ChildOptions options, Action<string> note)
    {
        _note = note;
        string name = Path.Combine(AppContext.BaseDirectory, "Engine.CrashTests");
        var start = new ProcessStartInfo(name)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in options.ToArguments())
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => NoteError(line.Data);
        _process.BeginErrorReadLine();
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>Completes when it is dead and everything it said has been heard.</summary>
    internal Task Exited => _reading;

    internal int ExitCode => _process.ExitCode;

    /// <summary>Why it ended by itself, as far as it said.</summary>
    internal string Complaint
    {
        get
        {
            lock (_gate)
            {
                string failed = _said.FirstOrDefault(line => line.StartsWith("failed", StringComparison.Ordinal)) ?? "";
                return $"{failed}\n{string.Join('\n', _errors)}";
            }
        }
    }

    /// <summary>Starts a child; <paramref name="note"/> is told every line it says, one after the other.</summary>
    internal static ChildProcess Start(ChildOptions options, Action<string> note) => new(options, note);

    /// <summary>Waits for the <paramref name="count"/>-th line that starts with a word; null when the child ended
    /// without it, or the time is up.</summary>
    internal async Task<string?> HearAsync(string word, TimeSpan timeout, int count = 1)
    {
        var said = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_said.Where(line => Starts(line, word)).Skip(count - 1).FirstOrDefault() is { } line)
            {
                return line;
            }

            _waiting.Add((word, count, said));
        }

        using var guard = new CancellationTokenSource();
        var first = await Task.WhenAny(said.Task, _reading, Task.Delay(timeout, guard.Token));
        await guard.CancelAsync();

        // The end and the word may come together: the word counts.
        return said.Task.IsCompletedSuccessfully ? await said.Task : null;
    }

    internal Task SayAsync(string line) => _process.StandardInput.WriteLineAsync(line);

    /// <summary>SIGKILL. Returns when nothing is left of it.</summary>
    internal async Task KillAsync()
    {
        _process.Kill();
        await _reading.WaitAsync(Guards.Long);
    }

    internal void Terminate() => Posix.Signal(_process.Id, Posix.SigTerm);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        try
        {
            await _reading.WaitAsync(Guards.Long);
        }
        finally
        {
            _process.Dispose();
        }
    }

    private static bool Starts(string line, string word) =>
        line.StartsWith(word, StringComparison.Ordinal) && (line.Length == word.Length || line[word.Length] == ' ');

    private async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            // Always a whole line: each is one write, smaller than what a pipe takes at once.
            _note(line);
            if (MileStones.Any(word => Starts(line, word)))
            {
                Hear(line);
            }
        }

        await _process.WaitForExitAsync();
    }

    private void Hear(string line)
    {
        lock (_gate)
        {
            _said.Add(line);
            for (int i = _waiting.Count - 1; i >= 0; i--)
            {
                var (word, count, said) = _waiting[i];
                if (Starts(line, word) && _said.Count(one => Starts(one, word)) >= count)
                {
                    _waiting.RemoveAt(i);
                    said.TrySetResult(line);
                }
            }
        }
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

/// <summary>How long a test waits before it calls something broken: never what it waits for.</summary>
internal static class Guards
{
    internal static TimeSpan Start { get; } = TimeSpan.FromSeconds(60);

    internal static TimeSpan Long { get; } = TimeSpan.FromSeconds(120);

    /// <summary>A point that the load passes often; if it does not, the kill is a random one.</summary>
    internal static TimeSpan Point { get; } = TimeSpan.FromSeconds(4);
}
