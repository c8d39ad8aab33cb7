using Engine.Core;

namespace Engine.Tests.Core;

/// <summary>The days of an account, the first of them in place and the others in an array, against a sorted
/// dictionary.</summary>
public sealed class AllowanceTests
{
    private Allowance _allowance;

    private SortedDictionary<int, (int Charged, int Deferred)> Model { get; } = [];

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 4)]
    [InlineData(4, 12)]
    [InlineData(5, 40)]
    public void Counts_days_as_a_dictionary_does(int seed, int span)
    {
        var random = new Random(seed);
        int today = 20_000;
        for (int step = 0; step < 20_000; step++)
        {
            int day = today + random.Next(span);
            switch (random.Next(9))
            {
                case 0 or 1 or 2:
                    _allowance.Charge(day, today);
                    Change(day, today, charged: 1);
                    break;
                case 3:
                    _allowance.Defer(day, today);
                    Change(day, today, deferred: 1);
                    break;
                case 4 or 5:
                    // Often a day that is over, kept still or forgotten.
                    Refund(day - random.Next(3));
                    break;
                case 6:
                    RefundDeferral(day - random.Next(3));
                    break;
                case 7 when random.Next(5) == 0:
                    today += random.Next(span + 2);
                    break;
                case 8 when random.Next(5) == 0:
                    Restore();
                    break;
                default:
                    break;
            }

            Compare(step, today, span);
        }
    }

    [Fact]
    public void A_day_that_was_forgotten_takes_nothing_back_and_gives_nothing_to_another()
    {
        _allowance.Charge(10, 10);
        _allowance.Charge(11, 10);
        _allowance.Defer(10, 10);
        _allowance.Charge(12, 12);

        _allowance.Refund(10);
        _allowance.Refund(11);
        _allowance.RefundDeferral(10);

        Assert.Equal([(12, 1, 0)], _allowance.Days.Select(day => (day.Day, day.Charged, day.Deferred)));
    }

    [Fact]
    public void What_was_never_charged_cannot_be_given_back()
    {
        _allowance.Charge(10, 10);
        _allowance.Charge(12, 10);
        _allowance.Refund(12);

        Assert.Throws<InvariantViolationException>(() => _allowance.Refund(12));
        Assert.Throws<InvariantViolationException>(() => _allowance.RefundDeferral(10));
    }

    [Fact]
    public void Days_are_put_back_in_order_or_not_at_all()
    {
        _allowance.Restore(10, 1, 2);

        Assert.Throws<InvariantViolationException>(() => _allowance.Restore(10, 1, 0));
        Assert.Throws<InvariantViolationException>(() => _allowance.Restore(9, 1, 0));
        Assert.Throws<InvariantViolationException>(() => _allowance.Restore(11, -1, 0));
        Assert.Throws<InvariantViolationException>(() => _allowance.Restore(11, 0, -1));
    }

    private void Change(int day, int today, int charged = 0, int deferred = 0)
    {
        foreach (int old in Model.Keys.Where(key => key < today).ToList())
        {
            Model.Remove(old);
        }

        var use = Model.GetValueOrDefault(day);
        Model[day] = (use.Charged + charged, use.Deferred + deferred);
    }

    private void Refund(int day)
    {
        bool isKept = Model.TryGetValue(day, out var use);
        if (!isKept || use.Charged > 0)
        {
            _allowance.Refund(day);
            if (isKept)
            {
                Model[day] = (use.Charged - 1, use.Deferred);
            }
        }
    }

    private void RefundDeferral(int day)
    {
        bool isKept = Model.TryGetValue(day, out var use);
        if (!isKept || use.Deferred > 0)
        {
            _allowance.RefundDeferral(day);
            if (isKept)
            {
                Model[day] = (use.Charged, use.Deferred - 1);
            }
        }
    }

    private void Restore()
    {
        _allowance = default;
        foreach (var (day, (charged, deferred)) in Model)
        {
            _allowance.Restore(day, charged, deferred);
        }
    }

    private void Compare(int step, int today, int span)
    {
        var actual = _allowance.Days.Select(day => (day.Day, day.Charged, day.Deferred)).ToList();
        var expected = Model.Select(pair => (pair.Key, pair.Value.Charged, pair.Value.Deferred)).ToList();
        if (!expected.SequenceEqual(actual))
        {
            Assert.Fail($"Step {step}: {string.Join(' ', actual)} instead of {string.Join(' ', expected)}.");
        }

        Assert.Equal(Model.Count, _allowance.DayCount);
        Assert.Equal(Model.Count == 0 ? int.MinValue : Model.Keys.Last(), _allowance.LastDay);
        for (int day = today - 2; day < today + span + 2; day++)
        {
            var use = Model.GetValueOrDefault(day);
            Assert.Equal(use.Charged, _allowance.ChargedTo(day));
            Assert.Equal(use.Charged + use.Deferred, _allowance.UsedOn(day));
        }

        int? room = Enumerable.Range(today + 1, span)
            .Where(day => Model.GetValueOrDefault(day).Charged < 3)
            .Select(day => (int?)day)
            .FirstOrDefault();
        Assert.Equal(room, _allowance.FirstDayWithRoom(today, 3, span));
    }
}
