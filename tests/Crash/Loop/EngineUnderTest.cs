namespace Engine.Tests.Crash.Loop;

/// <summary>An engine in a process that may die, from the outside: what it says, and when nothing more will come.</summary>
internal abstract class EngineUnderTest
{
    /// <summary>What a test may wait for; all else is for the book.</summary>
    private static readonly string[] MileStones = ["up", "at", "idle", "latched", "down", "locked", "failed"];

    private readonly Lock _gate = new();
    private readonly List<string> _said = [];
    private readonly List<(string Word, int Count, TaskCompletionSource<string> Said)> _waiting = [];
    private readonly Action<string> _note;

    private protected EngineUnderTest(Action<string> note) => _note = note;

    /// <summary>Completes when it is dead and everything it said has been heard.</summary>
    internal abstract Task Exited { get; }

    /// <summary>Why it ended by itself, as far as it said.</summary>
    internal string Complaint
    {
        get
        {
            lock (_gate)
            {
                string failed = _said.FirstOrDefault(line => line.StartsWith("failed", StringComparison.Ordinal)) ?? "";
                return $"{failed}\n{Errors}";
            }
        }
    }

    /// <summary>The last lines of its standard error.</summary>
    private protected abstract string Errors { get; }

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
        await Task.WhenAny(said.Task, Exited, Task.Delay(timeout, guard.Token));
        await guard.CancelAsync();

        // The end and the word may come together: the word counts.
        return said.Task.IsCompletedSuccessfully ? await said.Task : null;
    }

    /// <summary>Tells it a word: "again" to one that found the directory locked, "go" to one that waits at a point,
    /// "stop" to any.</summary>
    internal abstract Task SayAsync(string word);

    /// <summary>Takes in a line that it said. One at a time.</summary>
    private protected void Take(string line)
    {
        // Always a whole line: each is one write, smaller than what a pipe takes at once.
        _note(line);
        if (MileStones.Any(word => Starts(line, word)))
        {
            Hear(line);
        }
    }

    private static bool Starts(string line, string word) =>
        line.StartsWith(word, StringComparison.Ordinal) && (line.Length == word.Length || line[word.Length] == ' ');

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
}

/// <summary>How long a test waits before it calls something broken: never what it waits for.</summary>
internal static class Guards
{
    internal static TimeSpan Start { get; } = TimeSpan.FromSeconds(60);

    internal static TimeSpan Long { get; } = TimeSpan.FromSeconds(120);

    /// <summary>A point that the load passes often; if it does not, the kill is a random one.</summary>
    internal static TimeSpan Point { get; } = TimeSpan.FromSeconds(3);

    /// <summary>The same where others wait too, and their journals grow.</summary>
    internal static TimeSpan SharedPoint { get; } = TimeSpan.FromSeconds(1);
}
