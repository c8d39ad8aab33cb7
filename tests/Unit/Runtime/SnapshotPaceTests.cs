using Engine.Runtime;

namespace Engine.Tests.Runtime;

public sealed class SnapshotPaceTests
{
    private readonly ManualTimeProvider _time = new();
    private bool _hurries;

    [Fact]
    public async Task Rests_five_times_as_long_as_it_worked()
    {
        var pace = new SnapshotPace(_time, () => _hurries);
        _time.Advance(TimeSpan.FromMilliseconds(10));

        var rest = pace.RestAsync(CancellationToken.None).AsTask();

        _time.Advance(TimeSpan.FromMilliseconds(49));
        Assert.False(rest.IsCompleted);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await rest.WaitAsync(TestEngine.Guard);
        Assert.True(pace.RestAsync(CancellationToken.None).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Rests_for_a_tenth_of_a_second_at_most_so_that_it_soon_hears_that_somebody_waits()
    {
        var pace = new SnapshotPace(_time, () => _hurries);
        _time.Advance(TimeSpan.FromSeconds(10));

        var rest = pace.RestAsync(CancellationToken.None).AsTask();

        _time.Advance(TimeSpan.FromMilliseconds(100));
        await rest.WaitAsync(TestEngine.Guard);
    }

    [Fact]
    public void Does_not_rest_after_a_moment_of_work_or_when_it_must_hurry()
    {
        var pace = new SnapshotPace(_time, () => _hurries);
        _time.Advance(TimeSpan.FromMilliseconds(4));
        Assert.True(pace.RestAsync(CancellationToken.None).AsTask().IsCompletedSuccessfully);

        _hurries = true;
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(pace.RestAsync(CancellationToken.None).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Ends_its_rest_when_it_is_given_up()
    {
        using var giveUp = new CancellationTokenSource();
        var pace = new SnapshotPace(_time, () => _hurries);
        _time.Advance(TimeSpan.FromMilliseconds(10));

        var rest = pace.RestAsync(giveUp.Token).AsTask();
        await giveUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rest.WaitAsync(TestEngine.Guard));
    }
}
