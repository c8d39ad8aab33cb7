using System.Globalization;
using Engine.Tests.Crash.Checks;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash.Rigs;

/// <summary>What a rig counts: how often it struck, and what was wrong afterwards, by kind.</summary>
internal sealed class Findings
{
    private readonly Lock _gate = new();
    private readonly List<string> _told = [];
    private int _lost;
    private int _holes;
    private int _ghosts;
    private int _other;

    internal Tally Tally { get; } = new();

    /// <summary>What was found, with the way to find it again.</summary>
    internal IReadOnlyList<string> Told
    {
        get
        {
            lock (_gate)
            {
                return [.. _told];
            }
        }
    }

    /// <summary>Sorts a broken promise under what a user would call it.</summary>
    internal void Note(FindingException finding, string where)
    {
        lock (_gate)
        {
            _told.Add($"{finding.Message}\n{where}");
            switch (finding.Promise)
            {
                // Acknowledged, or shown, and not there.
                case "D1" or "D3" or "W5":
                    _lost++;
                    break;

                // Not a prefix of what was written, or nothing that can be read.
                case "D2" or "D6":
                    _holes++;
                    break;

                // There, and nobody asked for it, or nobody may.
                case "D7" or "D8" or "A2":
                    _ghosts++;
                    break;
                default:
                    _other++;
                    break;
            }
        }
    }

    /// <summary>One line of figures.</summary>
    internal string Figures(string name, string strikes)
    {
        lock (_gate)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{name} {Tally[strikes]} lost {_lost} holes {_holes} ghosts {_ghosts} other {_other}");
        }
    }
}
