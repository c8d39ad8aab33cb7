using Microsoft.Extensions.Logging;

namespace Engine.Storage.Redis.Connections;

/// <summary>The server works, and is not set up as the journal needs it.</summary>
internal sealed class ServerUnfitException(string problem) : JournalException(problem);

/// <summary>The connection for everything but appends: what is done on it can be done twice, so it is tried again while
/// Redis is away.</summary>
internal sealed class SideConnection(
    Func<Task<IRedisConnection>> connectAsync,
    RedisJournalOptions options,
    JournalKeys keys,
    TimeProvider time,
    ILogger logger) : IDisposable
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan LastBackOff = TimeSpan.FromMilliseconds(500);

    private IRedisConnection? _connection;
    private volatile bool _disposed;

    /// <summary>Does <paramref name="useAsync"/>, once more on a new connection if Redis fails, until <see
    /// cref="RedisJournalOptions.OutageTimeout"/> is over.</summary>
    /// <exception cref="JournalException">The last failure.</exception>
    internal async Task<T> UseAsync<T>(Func<IRedisConnection, Task<T>> useAsync, CancellationToken cancellationToken)
    {
        var (connection, result) = await UseAndTakeAsync(useAsync, cancellationToken).ConfigureAwait(false);
        Keep(connection);
        return result;
    }

    /// <summary>The same; the connection that did it is the caller's from then on.</summary>
    internal async Task<(IRedisConnection Connection, T Result)> UseAndTakeAsync<T>(
        Func<IRedisConnection, Task<T>> useAsync, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        for (var backOff = FirstBackOff; ; backOff = backOff * 2 < LastBackOff ? backOff * 2 : LastBackOff)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var connection = Interlocked.Exchange(ref _connection, null);
            try
            {
                connection ??= await connectAsync().ConfigureAwait(false);
                return (connection, await useAsync(connection).ConfigureAwait(false));
            }
            catch (JournalLockedException)
            {
                // The connection is sound, and whoever stands by asks again soon.
                Keep(connection!);
                throw;
            }
            catch (Exception error) when (error is RedisUnreachableException or RedisRefusedException
                && time.GetElapsedTime(started) < options.OutageTimeout)
            {
                connection?.Dispose();
                logger.TriesAgain(keys.Meta, error.Message);
            }
            catch
            {
                connection?.Dispose();
                throw;
            }

            await Task.Delay(backOff, time, cancellationToken).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        _disposed = true;
        Interlocked.Exchange(ref _connection, null)?.Dispose();
    }

    private void Keep(IRedisConnection connection)
    {
        // Two at once have one each, and one of them is enough afterwards.
        if (Interlocked.CompareExchange(ref _connection, connection, null) is not null)
        {
            connection.Dispose();
        }

        // A page that nobody waits for any more may come in after the end.
        if (_disposed)
        {
            Dispose();
        }
    }
}
