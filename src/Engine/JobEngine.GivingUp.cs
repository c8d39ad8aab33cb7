using Engine.Runtime;

namespace Engine;

/// <summary>What becomes of an answer that must be given back and whose caller has stopped to wait for it.</summary>
public sealed partial class JobEngine
{
    private ValueTask<IReadOnlyList<ClaimedRun>> ClaimAsync(ClaimOperation claim, CancellationToken cancellationToken)
    {
        var runs = SendAsync(claim, CancellationToken.None);
        return cancellationToken.CanBeCanceled
            ? KeepAsync(runs, runs => _ = GiveBackAsync(runs), () => _ = WithdrawAsync(claim), cancellationToken)
            : runs;
    }

    private static ValueTask<T> KeepAsync<T>(ValueTask<T> answer, Action<T> giveBack, CancellationToken cancellationToken) =>
        cancellationToken.CanBeCanceled ? KeepAsync(answer, giveBack, null, cancellationToken) : answer;

    /// <summary>Waits for an answer; one that comes after the caller has given up is given back.</summary>
    private static async ValueTask<T> KeepAsync<T>(
        ValueTask<T> answer, Action<T> giveBack, Action? withdraw, CancellationToken cancellationToken)
    {
        var answering = answer.AsTask();
        try
        {
            return await answering.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // In this order: what is withdrawn is answered with nothing.
            withdraw?.Invoke();
            _ = answering.ContinueWith(
                static (late, giveBack) => ((Action<T>)giveBack!)(late.Result),
                giveBack,
                CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion,
                TaskScheduler.Default);
            throw;
        }
    }

    private async Task WithdrawAsync(ClaimOperation claim)
    {
        try
        {
            await AskAsync(loop => loop.Withdraw(claim), CancellationToken.None).ConfigureAwait(false);
        }
        catch (EngineStoppedException)
        {
            // Nothing is handed out any more.
        }
    }

    private async Task GiveBackAsync(IReadOnlyList<ClaimedRun> runs)
    {
        try
        {
            foreach (var run in runs)
            {
                await EndRunAsync(run.Lease, new RunOutcome.Stopped()).ConfigureAwait(false);
            }
        }
        catch (EngineStoppedException)
        {
            // The next start finds them lost.
        }
    }
}
