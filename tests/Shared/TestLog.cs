using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Engine.Tests;

/// <summary>What is logged, to be waited for by its number.</summary>
internal class TestLog : ILoggerProvider, ILogger
{
    private readonly Channel<(int Id, string Text)> _lines = Channel.CreateUnbounded<(int Id, string Text)>();

    public ILogger CreateLogger(string categoryName) => this;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter) => _lines.Writer.TryWrite((eventId.Id, formatter(state, exception)));

    /// <summary>The next message with this number.</summary>
    internal async Task<string> NextAsync(int id) => (await NextAsync([id])).Text;

    /// <summary>The number of the next message with one of these.</summary>
    internal async Task<int> NextOfAsync(params int[] ids) => (await NextAsync(ids)).Id;

    private async Task<(int Id, string Text)> NextAsync(int[] ids)
    {
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (true)
        {
            var line = await _lines.Reader.ReadAsync(guard.Token);
            if (ids.Contains(line.Id))
            {
                return line;
            }
        }
    }

    public void Dispose() => _lines.Writer.TryComplete();
}

/// <summary>The same for whoever logs under a name of its own.</summary>
internal sealed class TestLog<T> : TestLog, ILogger<T>;
