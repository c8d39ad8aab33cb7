using Engine.Diagnostics;

namespace Engine.Tests.Diagnostics;

public sealed class JournalDelayTests
{
    private readonly ManualTimeProvider _time = new(DateTimeOffset.UnixEpoch);

    [Fact]
    public void What_waits_has_waited_since_it_was_given_to_the_journal_whatever_was_answered_meanwhile()
    {
        var delay = new JournalDelay(_time);
        Assert.Equal(TimeSpan.Zero, delay.Value);
        long start = NowMs();
        delay.Begins(start);
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(TimeSpan.FromSeconds(9), delay.Value);

        // The second was given a second after the first.
        Assert.Equal(9_000, delay.Answers(NowMs(), nextSinceMs: start + 1_000));
        Assert.Equal(TimeSpan.FromSeconds(8), delay.Value);
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(17_000, delay.Answers(NowMs(), nextSinceMs: null));
        Assert.Equal(TimeSpan.Zero, delay.Value);
    }

    private long NowMs() => (long)_time.GetElapsedTime(0).TotalMilliseconds;
}
