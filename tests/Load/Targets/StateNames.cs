namespace Engine.Tests.Load.Targets;

/// <summary>States by the names that they have on the wire.</summary>
internal static class StateNames
{
    private static readonly Dictionary<string, JobState> ByName =
        Enum.GetValues<JobState>().ToDictionary(state => state.WireName, StringComparer.Ordinal);

    internal static JobState Parse(string? name) => name is not null && ByName.TryGetValue(name, out var state)
        ? state
        : throw new InvalidDataException($"'{name}' is no state.");
}
