using System.Globalization;

namespace Engine.Host.Endpoints;

/// <summary>Reads query strings by rules that can be told: a parameter is absent, right, or refused by name.</summary>
internal static class Query
{
    /// <summary>The states that can be asked for.</summary>
    internal static IReadOnlyList<string> States { get; } =
    [
        .. Enum.GetValues<JobState>().Where(state => state != JobState.None).Select(state => state.WireName),
    ];

    internal static bool TryInteger(
        HttpRequest request, string name, long min, long max, long standard, out long value)
    {
        bool ok = TryInteger(request, name, min, max, standard, out long? found);
        value = found ?? standard;
        return ok;
    }

    internal static bool TryInteger(
        HttpRequest request, string name, long min, long max, long? standard, out long? value)
    {
        value = standard;
        var texts = request.Query[name];
        if (texts.Count == 0)
        {
            return true;
        }

        bool ok = texts.Count == 1
            && long.TryParse(texts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long number)
            && number >= min
            && number <= max;
        value = ok ? long.Parse(texts[0]!, CultureInfo.InvariantCulture) : standard;
        return ok;
    }

    internal static bool TryState(HttpRequest request, out JobState? state)
    {
        state = null;
        var texts = request.Query["state"];
        if (texts.Count == 0)
        {
            return true;
        }

        foreach (var known in Enum.GetValues<JobState>())
        {
            if (known != JobState.None && texts.Count == 1 && known.WireName == texts[0])
            {
                state = known;
                return true;
            }
        }

        return false;
    }
}
