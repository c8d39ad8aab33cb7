using Engine.Storage.Redis;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;

namespace Engine.Tests.Crash.Child;

/// <summary>A journal in Redis as the children have it: impatient with a connection, patient with an outage, and soon
/// replaced when it dies.</summary>
internal static class ChildRedis
{
    /// <summary>How long one command may go without an answer.</summary>
    internal static TimeSpan CommandTimeout { get; } = TimeSpan.FromMilliseconds(400);

    internal static RedisJournal Open(string address, Bug bug = Bug.None)
    {
        var options = new RedisJournalOptions
        {
            Connection = address,
            CommandTimeout = CommandTimeout,
            LeaseDuration = TimeSpan.FromSeconds(1),
            OutageTimeout = TimeSpan.FromSeconds(30),
        };
        return bug == Bug.TrustsLostAnswers
            ? new RedisJournal(options, new TrustingConnector(address), TimeProvider.System, logger: null)
            : new RedisJournal(options, TimeProvider.System);
    }

    /// <summary>The connection as somebody might have got it wrong: no answer is good news.</summary>
    private sealed class TrustingConnector(string address) : IRedisConnector
    {
        private readonly StackExchangeConnector _inner = new(address, CommandTimeout, TimeProvider.System);

        public string Server => _inner.Server;

        public async Task<IRedisConnection> ConnectAsync() => new TrustingConnection(await _inner.ConnectAsync());
    }

    private sealed class TrustingConnection(IRedisConnection inner) : IRedisConnection
    {
        public async Task<byte[]?[]> EvaluateAsync(RedisScript script, string[] keys, byte[][] arguments)
        {
            try
            {
                return await inner.EvaluateAsync(script, keys, arguments);
            }
            catch (RedisUnreachableException) when (script == JournalScripts.Append)
            {
                return [RedisText.Of(JournalScripts.Done)];
            }
        }

        public Task<byte[]?[]> ExecuteAsync(string command, params string[] arguments) =>
            inner.ExecuteAsync(command, arguments);

        public void Dispose() => inner.Dispose();
    }
}
