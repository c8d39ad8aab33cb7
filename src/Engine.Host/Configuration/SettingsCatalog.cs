using Engine.Host.Processes;

namespace Engine.Host.Configuration;

/// <summary>Every key that may stand under <c>Engine:</c>, in the order of docs/configuration.md.</summary>
internal static class SettingsCatalog
{
    internal static IReadOnlyList<Setting> All { get; } =
    [
        .. EngineKeys.All,
        .. RedisKeys.All,
        .. TierKeys.All,
        .. JobTypeKeys.All,
        .. ProcessKeys.All,
        .. HttpKeys.All,
        .. AuthenticationKeys.All,
    ];
}
