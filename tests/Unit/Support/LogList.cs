using Microsoft.Extensions.Logging;

namespace Engine.Tests;

/// <summary>Keeps what is logged, and lets a test wait for an entry.</summary>
internal sealed class LogList<TCategory> : ILogger<TCategory>
{
    private readonly Lock _gate = new();
    private readonly List<(EventId Id, string Text)> _entries = [];
    private readonly List<(int Id, TaskCompletionSource<string> Waiter)> _waiters = [];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        string text = formatter(state, exception);
        lock (_gate)
        {
            _entries.Add((eventId, text));
            foreach (var (_, waiter) in _waiters.Where(waiter => waiter.Id == eventId.Id))
            {
                waiter.TrySetResult(text);
            }
        }
    }

    internal List<string> Of(int eventId)
    {
        lock (_gate)
        {
            return [.. _entries.Where(entry => entry.Id.Id == eventId).Select(entry => entry.Text)];
        }
    }

    /// <summary>The next entry of this id, from now on.</summary>
    internal Task<string> NextAsync(int eventId)
    {
        var waiter = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            _waiters.Add((eventId, waiter));
        }

        return waiter.Task;
    }
}
