using System.Collections.Concurrent;

namespace Engine.Host.Cli;

/// <summary>Lines on their way to standard output and standard error, in the order in which they were said. Whoever
/// says one never waits for a reader, and never fails because a disk is full or a pipe is gone.</summary>
/// <remarks>
/// A thread of its own writes. When standard output fails that is told once on standard error, and lines to it are
/// thrown away from then on; work goes on. So it does while a reader does not read: the lines wait here. Those who may
/// have any number of them to say ask for room first (<see cref="RoomAsync"/>).
/// </remarks>
internal sealed class Printer
{
    /// <summary>With so many lines unread, <see cref="HasRoom"/> is false.</summary>
    internal const int Plenty = 4_096;

    private readonly Lock _lock = new();
    private readonly BlockingCollection<Action> _waiting = [];
    private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TextWriter _output;
    private readonly TextWriter _errors;
    private TaskCompletionSource? _room;
    private volatile bool _outputFailed;
    private volatile bool _errorsFailed;

    internal Printer(TextWriter output, TextWriter errors)
    {
        (_output, _errors) = (output, errors);

        // In the background: one that is stuck in a write must not keep the process from ending.
        new Thread(WriteAll) { IsBackground = true, Name = "Printer" }.Start();
    }

    /// <summary>Whether something that was said could not be written.</summary>
    internal bool HasFailed => _outputFailed || _errorsFailed;

    /// <summary>Whether readers keep up.</summary>
    internal bool HasRoom => _waiting.Count < Plenty;

    /// <summary>Says a line on standard output.</summary>
    internal void Say(string line) => Do(() => _output.WriteLine(Printable(line)));

    /// <summary>Says a line on standard error.</summary>
    internal void Complain(string line) => Post(() => Tell(Printable(line)));

    /// <summary>A text without what would steer a terminal: lines quote files, and files are other people's.</summary>
    internal static string Printable(string text) => !text.Any(IsControl)
        ? text
        : string.Create(text.Length, text, static (printable, text) =>
        {
            for (int i = 0; i < text.Length; i++)
            {
                printable[i] = IsControl(text[i]) ? '\ufffd' : text[i];
            }
        });

    /// <summary>Does something to standard output, in turn; nothing when that has failed before.</summary>
    internal void Do(Action write) => Post(() =>
    {
        if (_outputFailed)
        {
            return;
        }

        try
        {
            write();
        }
        catch (Exception e) when (CannotWrite(e))
        {
            if (IsFirstFailure())
            {
                // At once: it may have been the last line, after which nothing more is taken.
                Tell(WithoutOutput(e));
            }
        }
    });

    /// <summary>Takes note that standard output cannot be written. Any thread.</summary>
    internal void OutputFailed(Exception reason)
    {
        if (IsFirstFailure())
        {
            Complain(WithoutOutput(reason));
        }
    }

    /// <summary>Completes when readers keep up, or never will.</summary>
    internal Task RoomAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (HasRoom)
            {
                return Task.CompletedTask;
            }

            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _room.Task.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Completes when everything said until now was written or thrown away.</summary>
    internal Task FlushAsync()
    {
        var flushed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(flushed.SetResult);
        return flushed.Task;
    }

    /// <summary>Takes nothing more; completes when all of it was written or thrown away.</summary>
    internal Task CompleteAsync()
    {
        _waiting.CompleteAdding();
        return _written.Task;
    }

    /// <summary>What writing to a stream fails with that is full, broken or not open.</summary>
    internal static bool CannotWrite(Exception e) =>
        e is IOException or UnauthorizedAccessException or ObjectDisposedException;

    /// <summary>In the words of the system, without a full stop.</summary>
    internal static string ReasonOf(Exception e) => e.GetBaseException().Message.TrimEnd('.');

    private static bool IsControl(char c) => char.IsControl(c) && c is not ('\n' or '\t');

    private static string WithoutOutput(Exception reason) =>
        $"Standard output cannot be written: {ReasonOf(reason)}. What runs goes on; no more of it is shown.";

    private bool IsFirstFailure()
    {
        lock (_lock)
        {
            bool isFirst = !_outputFailed;
            _outputFailed = true;
            return isFirst;
        }
    }

    private void Tell(string line)
    {
        try
        {
            _errors.WriteLine(line);
        }
        catch (Exception e) when (CannotWrite(e))
        {
            // Nobody is left to be told; the exit code says it.
            _errorsFailed = true;
        }
    }

    private void Post(Action action)
    {
        try
        {
            _waiting.Add(action);
        }
        catch (InvalidOperationException) when (_waiting.IsAddingCompleted)
        {
            // After the end: news that nobody waits for.
        }
    }

    private void WriteAll()
    {
        foreach (var action in _waiting.GetConsumingEnumerable())
        {
            action();
            lock (_lock)
            {
                if (_room is not null && HasRoom)
                {
                    _room.SetResult();
                    _room = null;
                }
            }
        }

        _written.SetResult();
    }
}
