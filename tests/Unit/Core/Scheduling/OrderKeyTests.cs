using Engine.Core;
using Engine.Core.Scheduling;

namespace Engine.Tests.Core.Scheduling;

public class OrderKeyTests
{
    // Around zero, around the differences between boosts, around the words of the key, and at the ends.
    private static readonly int[] Boosts = [0, 1, 2, 5, 127, 128, 999, 1000];
    private static readonly int[] Priorities = [0, 1, 50, 63, 64, 99, 100];
    private static readonly long[] Sequences =
    [
        1, 2, 3, 6, 999, 1_000, 1_001, 1_002, uint.MaxValue, 1L << 32, (1L << 32) + 1,
        OrderKey.MaxSequence - 1_001, OrderKey.MaxSequence - 2, OrderKey.MaxSequence - 1,
    ];

    private static readonly long[] Instants =
    [
        0, 1, 59_999, 60_000, 60_001, 300_000, 1_790_000_000_000, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds(),
    ];

    [Theory]
    [InlineData(5, 42, 995_000_000_000_042)]
    [InlineData(2, 42, 998_000_000_000_042)]
    [InlineData(0, 1, 1_000_000_000_000_001)]
    public void A_Q8_scores_are_the_golden_ones(int boost, long sequence, long score) =>
        Assert.Equal(score, OrderKey.Score(boost, sequence));

    [Theory]
    [InlineData("cto_scale", 995)]
    [InlineData("partner", 998)]
    [InlineData("bootstrapper", 1000)]
    public void A_Q8_no_sequence_number_spills_into_the_next_tier(string tier, long band)
    {
        int boost = Tiers.CoFounder.Single(t => t.Name == tier).Boost;

        foreach (long sequence in Sequences)
        {
            Assert.Equal(band, OrderKey.Score(boost, sequence) / OrderKey.MaxSequence);
        }
    }

    [Fact]
    public void A_Q8_scores_order_as_strict_keys_of_one_priority_do()
    {
        var keys = (from boost in Boosts
                    from sequence in Sequences
                    select (Key: Strict(boost, 50, sequence), Score: OrderKey.Score(boost, sequence))).ToArray();

        foreach (var a in keys)
        {
            foreach (var b in keys)
            {
                Assert.Equal(Math.Sign(a.Score.CompareTo(b.Score)), Math.Sign(a.Key.CompareTo(b.Key)));
            }
        }
    }

    [Fact]
    public void Strict_is_boost_then_priority_then_sequence() =>
        AssertOrder(Ordering.Strict, headStartMs: 1, [0], e => (-e.Boost, -e.Priority, e.Sequence, 0L));

    [Fact]
    public void Positions_is_the_place_moved_ahead_by_the_boost_then_boost_then_priority() =>
        AssertOrder(
            Ordering.Positions, headStartMs: 1, [0], e => (e.Sequence - e.Boost, -e.Boost, -e.Priority, e.Sequence));

    [Theory]
    [InlineData(1)]
    [InlineData(60_000)]
    [InlineData(86_400_000)]
    public void Head_start_is_the_instant_moved_back_by_the_boost_then_boost_then_priority(long headStartMs) =>
        AssertOrder(
            Ordering.HeadStart,
            headStartMs,
            Instants,
            e => (e.EnteredMs - (e.Boost * headStartMs), -e.Boost, -e.Priority, e.Sequence));

    [Fact]
    public void No_two_sequence_numbers_share_a_key()
    {
        foreach (Ordering ordering in Enum.GetValues<Ordering>())
        {
            var keys = (from boost in Boosts
                        from priority in Priorities
                        from sequence in Sequences
                        group OrderKey.For(ordering, boost, priority, sequence, 0, 60_000) by sequence).ToArray();

            Assert.Equal(keys.Sum(k => k.Distinct().Count()), keys.SelectMany(k => k).Distinct().Count());
        }
    }

    [Theory]
    [InlineData(-1, 50, 1)]
    [InlineData(1_001, 50, 1)]
    [InlineData(0, -1, 1)]
    [InlineData(0, 101, 1)]
    [InlineData(0, 50, 0)]
    [InlineData(0, 50, -1)]
    [InlineData(0, 50, OrderKey.MaxSequence)]
    public void Refuses_what_would_spill_into_another_field(int boost, int priority, long sequence)
    {
        foreach (Ordering ordering in Enum.GetValues<Ordering>())
        {
            Assert.Throws<InvariantViolationException>(
                () => OrderKey.For(ordering, boost, priority, sequence, enteredMs: 0, headStartMs: 60_000));
        }
    }

    // All pairs: random values hardly ever tie in their first fields, so that the later ones would never be asked.
    private static void AssertOrder<TPlain>(Ordering ordering, long headStartMs, long[] instants, Func<Entry, TPlain> plain)
        where TPlain : IComparable<TPlain>
    {
        var entries = (from boost in Boosts
                       from priority in Priorities
                       from sequence in Sequences
                       from instant in instants
                       where instants.Length == 1 || Array.IndexOf(Sequences, sequence) % 5 == 0
                       let entry = new Entry(boost, priority, sequence, instant)
                       select (Entry: entry,
                           Plain: plain(entry),
                           Key: OrderKey.For(ordering, boost, priority, sequence, instant, headStartMs))).ToArray();
        Assert.InRange(entries.Length, 700, 5_000);

        foreach (var a in entries)
        {
            foreach (var b in entries)
            {
                int expected = Math.Sign(a.Plain.CompareTo(b.Plain));
                bool agrees = Math.Sign(a.Key.CompareTo(b.Key)) == expected
                    && a.Key < b.Key == expected < 0
                    && a.Key > b.Key == expected > 0
                    && a.Key <= b.Key == expected <= 0
                    && a.Key >= b.Key == expected >= 0
                    && a.Key == b.Key == (expected == 0);
                if (!agrees)
                {
                    Assert.Fail($"{a.Entry} and {b.Entry}: expected {expected}, keys {a.Key} and {b.Key}");
                }
            }
        }
    }

    private static OrderKey Strict(int boost, int priority, long sequence) =>
        OrderKey.For(Ordering.Strict, boost, priority, sequence, enteredMs: 0, headStartMs: 60_000);

    private sealed record Entry(int Boost, int Priority, long Sequence, long EnteredMs);
}
