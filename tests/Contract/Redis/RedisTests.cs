namespace Engine.Tests;

/// <summary>Tests with redis-servers run after all others and one at a time: they count on answers within a second or
/// so, and each has several processes.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class RedisTests
{
    internal const string Name = "Redis";
}
