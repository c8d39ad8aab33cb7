namespace Engine.Runtime;

/// <summary>Lets a snapshot rest between frames, so that a burst of commands has the processors to itself: it works a
/// sixth of the time.</summary>
/// <remarks>A snapshot that falls behind, or that somebody waits for, does not rest: how far the journal can outgrow
/// its snapshots stays bounded. Where no time passes, as under a test's clock, there is no rest either.</remarks>
internal sealed class SnapshotPace(TimeProvider time, Func<bool> hurries)
{
    private const int RestsPerWork = 5;
    private static readonly TimeSpan Work = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(100);
    private long _since = time.GetTimestamp();

    /// <summary>Called between two pieces of work.</summary>
    internal ValueTask RestAsync(CancellationToken cancellationToken)
    {
        var worked = time.GetElapsedTime(_since);
        return worked < Work ? ValueTask.CompletedTask : RestAfterAsync(worked, cancellationToken);
    }

    private async ValueTask RestAfterAsync(TimeSpan worked, CancellationToken cancellationToken)
    {
        if (!hurries())
        {
            var rest = worked * RestsPerWork;
            await Task.Delay(rest < LongestRest ? rest : LongestRest, time, cancellationToken).ConfigureAwait(true);
        }

        _since = time.GetTimestamp();
    }
}
