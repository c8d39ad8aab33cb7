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
