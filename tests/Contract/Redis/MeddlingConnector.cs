using Engine.Storage.Redis.Connections;

namespace Engine.Tests;

/// <summary>A real connection, with something else going on around each script.</summary>
internal sealed class MeddlingConnector(IRedisConnector inner) : IRedisConnector
{
    /// <summary>How many connections were made.</summary>
    internal int Connections { get; private set; }

    internal Func<string, Task> BeforeAsync { get; set; } = static _ => Task.CompletedTask;

    internal Func<string, Task> AfterAsync { get; set; } = static _ => Task.CompletedTask;

    public string Server => inner.Server;

    public async Task<IRedisConnection> ConnectAsync()
    {
        Connections++;
        return new Connection(await inner.ConnectAsync(), this);
    }

    private sealed class Connection(IRedisConnection inner, MeddlingConnector owner) : IRedisConnection
    {
        public async Task<byte[]?[]> EvaluateAsync(RedisScript script, string[] keys, byte[][] arguments)
        {
            await owner.BeforeAsync(script.Name);
            var answer = await inner.EvaluateAsync(script, keys, arguments);
            await owner.AfterAsync(script.Name);
            return answer;
        }

        public Task<byte[]?[]> ExecuteAsync(string command, params string[] arguments) =>
            inner.ExecuteAsync(command, arguments);

        public void Dispose() => inner.Dispose();
    }
}
