using Engine.Tests.Hosts;
using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load;

/// <summary>Every worker taken, by runs that do not end before they are told to: with them the slots of a user, of a
/// project and of the resource. Whoever comes meanwhile fills the queue. How full a crowd makes an engine by itself is
/// chance: it depends on how much faster work is asked for than done.</summary>
internal sealed class FullHouse : IAsyncDisposable
{
    private readonly LoadSession _session;
    private readonly List<Acknowledged> _held = [];

    private FullHouse(LoadSession session) => _session = session;

    private Limits Limits => _session.Plan.Limits;

    /// <summary>Takes every worker, and uses up today's allowance of one user unless that is more than may
    /// wait.</summary>
    internal static async Task<FullHouse> FillAsync(LoadSession session)
    {
        var house = new FullHouse(session);
        try
        {
            await house.FillAsync();
            return house;
        }
        catch
        {
            await house.DisposeAsync();
            throw;
        }
    }

    /// <summary>Lets everybody go, and returns when they are gone.</summary>
    internal async Task EmptyAsync()
    {
        foreach (var job in _held)
        {
            Assert.True(await _session.Target.CancelAsync(job), $"{job.Id} had ended by itself");
        }

        foreach (var job in _held)
        {
            // One that has ended may be forgotten.
            await UntilAsync(async () => await _session.Target.LookAsync(job) is not { State.IsFinal: false });
        }

        _held.Clear();
    }

    /// <summary>A test that fails with a full house must not wait for it.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (var job in _held)
            {
                await _session.Target.CancelAsync(job);
            }
        }
        catch (NoAnswerException)
        {
            // Nobody is held by an engine that is gone.
        }
    }

    private async Task FillAsync()
    {
        for (int i = 0; i < Limits.Gpus; i++)
        {
            await HoldAsync(8, i, Workload.HeldGpu);
        }

        // Over two projects: the slots of the first are all taken when those of the user are.
        int slots = Limits.TierOf(Limits.Scale).UserSlots;
        for (int i = 0; _held.Count < Limits.Runs; i++)
        {
            await HoldAsync(7 + (10 * (i / slots)), i, Workload.Held);
        }

        await UntilAsync(async () => (await _session.Target.QueueAsync()).Running == Limits.Runs);
        if (Limits.Daily < Limits.GlobalCap)
        {
            string user = _session.Workload.UserName(0);
            while ((await _session.Traffic.SubmitForAsync(user)).Answer.Kind == Answer.Queued)
            {
            }
        }
    }

    private async Task HoldAsync(int user, int number, string type)
    {
        string name = _session.Workload.UserName(user);
        var (job, answer) = await _session.Traffic.SubmitForAsync(name, ask => ask with
        {
            Tier = Limits.Scale,
            Project = name + (number % 2 == 0 ? "-a" : "-b"),
            Type = type,
        });
        _held.Add(job ?? throw new InvalidOperationException($"Nobody was there, and yet it was answered {answer}."));
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var guard = new CancellationTokenSource(HostProcess.Guard);
        while (!await isSo())
        {
            guard.Token.ThrowIfCancellationRequested();
        }
    }
}
