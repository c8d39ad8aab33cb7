namespace Engine.Storage.Redis.Connections;

/// <summary>One connection to one Redis server: all that the journal asks of a client library, or of a
/// simulation.</summary>
/// <remarks>Commands are sent in the order of the calls and answered in it. Answers are flat: an array of texts, or an
/// array of one. A command whose call failed with <see cref="RedisUnreachableException"/> may have been carried out, or
/// may be still. Disposing does not wait for what is under way.</remarks>
internal interface IRedisConnection : IDisposable
{
    /// <exception cref="RedisRefusedException">The server answered with an error.</exception>
    /// <exception cref="RedisUnreachableException">There was no answer in time.</exception>
    Task<byte[]?[]> EvaluateAsync(RedisScript script, string[] keys, byte[][] arguments);

    /// <exception cref="RedisRefusedException">The server answered with an error.</exception>
    /// <exception cref="RedisUnreachableException">There was no answer in time.</exception>
    Task<byte[]?[]> ExecuteAsync(string command, params string[] arguments);
}

/// <summary>Makes connections, each independent of the others.</summary>
internal interface IRedisConnector
{
    /// <summary>The server, as it may be shown: without secrets.</summary>
    string Server { get; }

    /// <exception cref="RedisUnreachableException">There was no connection in time.</exception>
    Task<IRedisConnection> ConnectAsync();
}

/// <summary>The server answered a command with an error.</summary>
internal sealed class RedisRefusedException(string error) : JournalException(error);

/// <summary>No connection, or no answer in time: what was asked may have happened, or may happen still.</summary>
internal sealed class RedisUnreachableException(string problem, Exception? cause = null)
    : JournalException(problem, cause!);
