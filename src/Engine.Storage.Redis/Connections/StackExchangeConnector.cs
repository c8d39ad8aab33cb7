using System.Globalization;
using StackExchange.Redis;

namespace Engine.Storage.Redis.Connections;

/// <summary>Connections by StackExchange.Redis, through calls that version 1.2.6 has and the later ones kept.</summary>
internal sealed class StackExchangeConnector : IRedisConnector
{
    private readonly ConfigurationOptions _configuration;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;

    /// <exception cref="ArgumentException">The connection cannot be read, or names several servers. Its text is not
    /// repeated: it may hold a password.</exception>
    internal StackExchangeConnector(string connection, TimeSpan timeout, TimeProvider time)
    {
        _timeout = timeout;
        _time = time;
        _configuration = Parse(connection);
        Server = string.Join(", ", _configuration.EndPoints.Select(static point => point switch
        {
            System.Net.DnsEndPoint dns => string.Create(CultureInfo.InvariantCulture, $"{dns.Host}:{dns.Port}"),
            _ => point.ToString(),
        }));
        if (_configuration.EndPoints.Count != 1)
        {
            throw new ArgumentException(
                $"RedisJournalOptions.Connection names {_configuration.EndPoints.Count} servers ({Server}); " +
                "one is needed, the primary.");
        }

        int timeoutMs = (int)timeout.TotalMilliseconds;
        _configuration.AbortOnConnectFail = true;
        _configuration.AllowAdmin = true;
        _configuration.ConnectRetry = 1;
        _configuration.ConnectTimeout = timeoutMs;
        _configuration.SyncTimeout = timeoutMs;

        // What the library would look after on its own, with keys and channels that are not the journal's.
        _configuration.TieBreaker = "";
        _configuration.ConfigurationChannel = "";
#if REDIS_CLIENT_HAS_BACKLOG
        _configuration.BacklogPolicy = BacklogPolicy.FailFast;
#endif
    }

    public string Server { get; }

    public async Task<IRedisConnection> ConnectAsync()
    {
        // The library may go on trying after its own time-out; what comes of it is closed.
        var connecting = Task.Run(() => ConnectionMultiplexer.ConnectAsync(_configuration.Clone()));
        try
        {
            return new Connection(await connecting.WaitAsync(_timeout, _time).ConfigureAwait(false), this);
        }
        catch (Exception error)
        {
            // All kinds: under load this library has been seen to end in a NullReferenceException.
            _ = connecting.ContinueWith(
                static late =>
                {
                    if (late.Exception is null)
                    {
                        late.Result.Close(allowCommandsToComplete: false);
                    }
                },
                TaskScheduler.Default);
            throw new RedisUnreachableException($"Redis at {Server} cannot be reached: {FirstLine(error)}", error);
        }
    }

    private static ConfigurationOptions Parse(string connection)
    {
        try
        {
            var configuration = ConfigurationOptions.Parse(connection);
            configuration.SetDefaultPorts();
            return configuration;
        }
        catch (Exception error) when (error is ArgumentException or FormatException)
        {
            throw new ArgumentException(
                "RedisJournalOptions.Connection is not a connection as StackExchange.Redis writes it: host:port, then " +
                "settings behind commas.");
        }
    }

    private static string FirstLine(Exception error) => error.Message.Split('\n')[0].Trim();

    /// <summary>One socket, although the library connects again on its own when it loses one: what stands behind the
    /// next was not checked, and may keep less than it acknowledges. So an answer counts only if no socket but the first
    /// was opened by then.</summary>
    private sealed class Connection(ConnectionMultiplexer multiplexer, StackExchangeConnector owner) : IRedisConnection
    {
        private readonly IDatabase _database = multiplexer.GetDatabase();
        private readonly long _firstSocket = Sockets(multiplexer);

        public Task<byte[]?[]> EvaluateAsync(RedisScript script, string[] keys, byte[][] arguments)
        {
            try
            {
                return AnswerAsync(_database.ScriptEvaluateAsync(
                    script.Text,
                    Array.ConvertAll(keys, static key => (RedisKey)key),
                    Array.ConvertAll(arguments, static argument => (RedisValue)argument),
                    CommandFlags.DemandMaster));
            }
            catch (Exception error)
            {
                return Task.FromException<byte[]?[]>(Unreachable(error));
            }
        }

        public Task<byte[]?[]> ExecuteAsync(string command, params string[] arguments)
        {
            try
            {
                return AnswerAsync(_database.ExecuteAsync(
                    command, Array.ConvertAll(arguments, static argument => (object)argument)));
            }
            catch (Exception error)
            {
                return Task.FromException<byte[]?[]>(Unreachable(error));
            }
        }

        public void Dispose() =>

            // It may block, and nobody needs to wait for it.
            _ = Task.Run(() => multiplexer.Close(allowCommandsToComplete: false));

        private async Task<byte[]?[]> AnswerAsync(Task<RedisResult> answering)
        {
            try
            {
                var answer = await answering.WaitAsync(owner._timeout, owner._time).ConfigureAwait(false);
                return Sockets(multiplexer) == _firstSocket
                    ? (byte[]?[]?)answer ?? []
                    : throw new IOException("the connection was lost meanwhile");
            }
            catch (RedisServerException error)
            {
                throw new RedisRefusedException(FirstLine(error));
            }
            catch (Exception error)
            {
                // Whatever it was, there is no answer. Nobody else looks at one that comes too late.
                _ = answering.ContinueWith(
                    static late => late.Exception, CancellationToken.None,
                    TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
                throw Unreachable(error);
            }
        }

        /// <summary>How many were opened so far. Counted before one is connected.</summary>
        private static long Sockets(ConnectionMultiplexer multiplexer) =>
            multiplexer.GetCounters().Interactive.SocketCount;

        private RedisUnreachableException Unreachable(Exception error) =>
            new($"Redis at {owner.Server} did not answer: {FirstLine(error)}", error);
    }
}
