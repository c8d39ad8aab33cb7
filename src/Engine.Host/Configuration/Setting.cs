using System.Globalization;
using Apply = System.Func<
    Engine.Host.Configuration.HostSettings, System.Collections.Generic.IReadOnlyList<string>, string, bool>;

namespace Engine.Host.Configuration;

/// <summary>One key under <c>Engine:</c>. The list of them is the only place that knows the keys: the reader, the
/// refusals and docs/configuration.md all come from it.</summary>
/// <param name="Key">The key without <c>Engine:</c>. A segment <c>*</c> stands for any name, <c>#</c> for a
/// number.</param>
/// <param name="Default">What holds without it, as documented.</param>
/// <param name="Rule">What may stand there: the end of the sentence "must be ...".</param>
/// <param name="Meaning">What it does.</param>
/// <param name="Accept">Takes a value over, or answers false when it breaks the rule. The names are those of the
/// segments written <c>*</c>.</param>
internal sealed record Setting(
    string Key, string Default, string Rule, string Meaning, Apply Accept)
{
    /// <summary>Puts a value where it belongs; the names are those of the segments written <c>*</c>.</summary>
    internal delegate void Set<in T>(HostSettings settings, IReadOnlyList<string> names, T value);

    /// <summary>Whether a change takes effect while the host runs.</summary>
    internal bool Reloads { get; init; }

    internal static Setting Integer(
        string key, long? standard, long min, long max, string meaning, Set<int> set) =>
        new(key, standard is null ? "-" : Invariant(standard.Value), $"a whole number from {Invariant(min)} to "
            + $"{Invariant(max)}", meaning,
            (settings, names, text) =>
            {
                bool ok = int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value)
                    && value >= min && value <= max;
                if (ok)
                {
                    set(settings, names, value);
                }

                return ok;
            });

    /// <summary>A number of bytes.</summary>
    internal static Setting Size(string key, long standard, long min, long max, string meaning, Set<long> set) =>
        new(key, Invariant(standard), $"a whole number from {Invariant(min)} to {Invariant(max)}", meaning,
            (settings, names, text) =>
            {
                bool ok = long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value)
                    && value >= min && value <= max;
                if (ok)
                {
                    set(settings, names, value);
                }

                return ok;
            });

    /// <summary>A span of time, written as d.hh:mm:ss.</summary>
    internal static Setting Duration(
        string key, TimeSpan? standard, TimeSpan min, TimeSpan max, string meaning, Set<TimeSpan> set) =>
        new(key, standard is null ? "-" : standard.Value.ToString("c"), $"a time span (d.hh:mm:ss) from {min:c} "
            + $"to {max:c}", meaning,
            (settings, names, text) =>
            {
                // Exactly so: read freely, "24:00:00" would be 24 days, and so would a bare "24".
                var value = TimeSpan.Zero;
                bool ok = text.Contains(':', StringComparison.Ordinal)
                    && TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out value)
                    && value >= min && value <= max;
                if (ok)
                {
                    set(settings, names, value);
                }

                return ok;
            });

    internal static Setting Flag(
        string key, bool standard, string meaning, Set<bool> set) =>
        new(key, standard ? "true" : "false", "true or false", meaning,
            (settings, names, text) =>
            {
                bool ok = bool.TryParse(text, out bool value);
                if (ok)
                {
                    set(settings, names, value);
                }

                return ok;
            });

    internal static Setting Choice<TChoice>(
        string key, TChoice? standard, string meaning, Set<TChoice> set)
        where TChoice : struct, Enum =>
        new(key, standard?.ToString() ?? "-", $"one of {string.Join(", ", Enum.GetNames<TChoice>())}", meaning,
            (settings, names, text) =>
            {
                // Names only: a number would pass Enum.TryParse, defined or not.
                bool ok = Enum.GetNames<TChoice>().Contains(text, StringComparer.OrdinalIgnoreCase);
                if (ok)
                {
                    set(settings, names, Enum.Parse<TChoice>(text, ignoreCase: true));
                }

                return ok;
            });

    /// <summary>A line of text.</summary>
    internal static Setting Text(
        string key, string? standard, int maxLength, string meaning, Set<string> set) =>
        Text(key, standard, $"1 to {Invariant(maxLength)} characters, none of them a control "
            + $"character", meaning, text => text.Length <= maxLength, set);

    /// <summary>A line of text with a rule of its own.</summary>
    internal static Setting Text(
        string key, string? standard, string rule, string meaning, Func<string, bool> allowed, Set<string> set) =>
        new(key, standard ?? "-", rule, meaning,
            (settings, names, text) =>
            {
                bool ok = text.Length > 0 && !text.Any(char.IsControl) && allowed(text);
                if (ok)
                {
                    set(settings, names, text);
                }

                return ok;
            });

    /// <summary>The names that the segments <c>*</c> stand for, or null when <paramref name="key"/> is not this
    /// one.</summary>
    internal IReadOnlyList<string>? Match(IReadOnlyList<string> key) =>
        key.Count == Key.Count(static c => c == ':') + 1 ? MatchStart(key) : null;

    /// <summary>As <see cref="Match"/>, but <paramref name="key"/> may end before this one does.</summary>
    internal IReadOnlyList<string>? MatchStart(IReadOnlyList<string> key)
    {
        string[] pattern = Key.Split(':');
        if (pattern.Length < key.Count)
        {
            return null;
        }

        List<string> names = [];
        for (int i = 0; i < key.Count; i++)
        {
            switch (pattern[i])
            {
                case "*":
                    names.Add(key[i]);
                    break;
                case "#" when key[i].All(char.IsAsciiDigit):
                    break;
                case var word when string.Equals(word, key[i], StringComparison.OrdinalIgnoreCase):
                    break;
                default:
                    return null;
            }
        }

        return names;
    }

    private static string Invariant(long number) => number.ToString("N0", CultureInfo.InvariantCulture);
}
