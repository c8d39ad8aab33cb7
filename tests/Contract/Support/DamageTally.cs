using System.Globalization;

namespace Engine.Tests.Support;

/// <summary>What became of damaged storage.</summary>
internal enum DamageOutcome
{
    /// <summary>All of it was read, exactly as it was written.</summary>
    Identical = 1,

    /// <summary>It was refused.</summary>
    Refused = 2,

    /// <summary>A part of the newest commit was taken for one that a crash tore, where nothing that is stored proves
    /// otherwise; the rest is exactly as it was written.</summary>
    TornTail = 3,

    /// <summary>Something else came out: the one answer that must never be given.</summary>
    Different = 4,
}

/// <summary>Damages one stretch of bytes in every way of a list and counts the answers.</summary>
/// <remarks>Knows nothing of what the bytes are: an embedded journal's file, a Redis batch, a snapshot.</remarks>
internal sealed class DamageTally
{
    private const int KeptExamples = 5;

    private readonly Dictionary<DamageOutcome, int> _counts = [];
    private readonly List<string> _examples = [];

    internal int Identical => this[DamageOutcome.Identical];

    internal int Refused => this[DamageOutcome.Refused];

    internal int TornTails => this[DamageOutcome.TornTail];

    internal int Different => this[DamageOutcome.Different];

    internal int Count => _counts.Values.Sum();

    /// <summary>The first cases that came out different.</summary>
    internal string Examples => string.Join("; ", _examples);

    private int this[DamageOutcome outcome] => _counts.GetValueOrDefault(outcome);

    /// <summary>Applies every case to a copy of <paramref name="original"/>, asks <paramref name="judge"/> what became
    /// of it, and takes the damage back.</summary>
    /// <param name="original">The bytes as they were written.</param>
    /// <param name="image">Where the judge looks: a buffer of the same size.</param>
    /// <param name="cases">The damages.</param>
    /// <param name="judge">Given the number of bytes left of the image; reads them as production does.</param>
    internal static DamageTally Run(
        ReadOnlySpan<byte> original, byte[] image, IEnumerable<DamageCase> cases, Func<int, DamageOutcome> judge)
    {
        var tally = new DamageTally();
        original.CopyTo(image);
        foreach (var damage in cases)
        {
            int length = damage.Apply(original, image);
            var outcome = judge(length);
            damage.Undo(original, image);
            tally.Add(outcome, damage);
        }

        return tally;
    }

    /// <summary>One line for people: "damage: 524,288 bit flips: ...".</summary>
    internal string Line(string what) => string.Create(
        CultureInfo.InvariantCulture,
        $"damage: {Count} {what}: {Identical} identical, {Refused} refused, {TornTails} torn tails, " +
        $"{Different} different");

    private void Add(DamageOutcome outcome, DamageCase damage)
    {
        _counts[outcome] = this[outcome] + 1;
        if (outcome == DamageOutcome.Different && _examples.Count < KeptExamples)
        {
            _examples.Add(damage.ToString());
        }
    }
}
