using Engine.Tests.Redis;

namespace Engine.Tests;

/// <summary>A test that needs a redis-server, and is skipped with a reason where there is none.</summary>
internal sealed class RedisFactAttribute : FactAttribute
{
    public RedisFactAttribute() => Skip = RedisServer.Missing;
}

/// <summary>The same with data.</summary>
internal sealed class RedisTheoryAttribute : TheoryAttribute
{
    public RedisTheoryAttribute() => Skip = RedisServer.Missing;
}

/// <summary>Tests with redis-servers run after all others and one at a time: they count on answers within a second or
/// so, and each has several processes.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RedisTests
{
    internal const string Name = "Redis";
}
