using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Engine.Tests.Support;

/// <summary>Keeps what was logged, for tests that wait for a message.</summary>
internal sealed class ListLogger<T> : ILogger<T>
{
    private readonly Channel<string> _messages = Channel.CreateUnbounded<string>();

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter) =>
        _messages.Writer.TryWrite(formatter(state, exception));

    internal async Task<string> WaitForAsync(string part)
    {
        using var guard = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await foreach (string message in _messages.Reader.ReadAllAsync(guard.Token))
        {
            if (message.Contains(part, StringComparison.Ordinal))
            {
                return message;
            }
        }

        return "";
    }
}
