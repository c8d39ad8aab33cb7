using Engine.Tests.Hosts;
using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Targets;

namespace Engine.Tests.Load;

/// <summary>Many who watch jobs that do not move: each holds a stream open, and nothing is sent to them but signs of
/// life.</summary>
internal sealed class IdleCrowd : IAsyncDisposable
{
    private const int MaxTries = 200;

    /// <summary>A job that is not due for so long does not move meanwhile, wherever midnight is.</summary>
    private static readonly TimeSpan FarAway = TimeSpan.FromHours(26);

    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task<bool>> _streams = [];

    /// <summary>How many streams are open.</summary>
    internal int Count => _streams.Count(stream => !stream.IsCompleted);

    /// <summary>Opens so many streams, and waits until each is.</summary>
    internal static async Task<IdleCrowd> OpenAsync(LoadSession session, int count, string name = "idle")
    {
        var crowd = new IdleCrowd();
        for (int opened = 0, user = 0; opened < count; user++)
        {
            var job = await RestingJobAsync(session, $"{name}-{user}");
            int share = Math.Min(HostSettings.StreamsPerUser, count - opened);
            var open = Enumerable.Range(0, share).Select(_ => crowd.OpenOneAsync(session, job)).ToList();
            await Task.WhenAll(open).WaitAsync(HostProcess.Guard);
            opened += share;
        }

        return crowd;
    }

    /// <summary>Closes all, and tells how many had ended by themselves.</summary>
    internal async Task<int> CloseAsync()
    {
        int ended = _streams.Count - Count;
        await _stop.CancelAsync();
        await Task.WhenAll(_streams);
        return ended;
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _stop.Dispose();
    }

    private async Task OpenOneAsync(LoadSession session, Acknowledged job)
    {
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var stream = Task.Run(() => session.Traffic.WatchAsync(job, _stop.Token, opened.SetResult));
        _streams.Add(stream);
        if (await Task.WhenAny(opened.Task, stream) == stream)
        {
            throw new InvalidOperationException($"A stream of {job.Id} could not be opened, or ended at once.");
        }
    }

    // Whoever has used up today and tomorrow waits for the day after.
    private static async Task<Acknowledged> RestingJobAsync(LoadSession session, string user)
    {
        for (int i = 0; i < MaxTries; i++)
        {
            var (job, answer) = await session.Traffic.SubmitForAsync(user);
            if (answer.Kind == Answer.Scheduled
                && (await session.Target.LookAsync(job!))?.ScheduledFor - DateTimeOffset.UtcNow > FarAway)
            {
                return job!;
            }
        }

        throw new InvalidOperationException($"{MaxTries} jobs of {user} were not enough to use up two days.");
    }
}
