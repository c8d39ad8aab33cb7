namespace Engine.Host.Streams;

/// <summary>Waits for the next thing to send, and says when it has been silent for too long.</summary>
internal static class Pulse
{
    /// <summary>Waits for <paramref name="next"/>; after each <paramref name="period"/> of silence
    /// <paramref name="beat"/>
    /// is called, and the wait goes on.</summary>
    internal static async ValueTask WaitAsync(
        Task next, TimeSpan period, TimeProvider time, Func<ValueTask> beat, CancellationToken cancellationToken)
    {
        while (!next.IsCompleted)
        {
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var pause = Task.Delay(period, time, silence.Token);
            if (await Task.WhenAny(next, pause).ConfigureAwait(false) == pause)
            {
                await pause.ConfigureAwait(false);
                await beat().ConfigureAwait(false);
            }
            else
            {
                await silence.CancelAsync().ConfigureAwait(false);
            }
        }
    }
}
