using Engine.Diagnostics;

namespace Engine.Runtime;

/// <content>How it ends: as it was asked to, or because it must; everybody who waits hears of it.</content>
internal sealed partial class CommandLoop
{
    private void Fail(Exception exception)
    {
        _failure = exception;
        Log(exception);
        _inbox.Close();
        HasEnded = true;

        // The batch under way was not enqueued if deciding it threw.
        var underWay = _inFlight.Contains(_writer.Batch) ? [] : _writer.Batch.Answers;
        var unanswered = _inFlight.SelectMany(batch => batch.Unanswered).Concat(underWay).Concat(_context.PendingClaims);
        foreach (var operation in unanswered.Distinct())
        {
            Tell(operation, Unknown(exception));
        }

        if (_context.Image is { } image)
        {
            Tell(image, Unknown(exception));
            _context.Image = null;
        }

        _inFlight.Clear();
        Delay?.Answers(_core.State.MonotonicMs, nextSinceMs: null);
        _context.PendingClaims.Clear();
        _context.Feed.Close();
        DropInbox();
    }

    private void End()
    {
        _inbox.Close();
        HasEnded = true;
        _context.Feed.Close();
        DropInbox();
    }

    private bool DropInbox()
    {
        bool any = false;
        var wait = default(SpinWait);
        while (!_ahead.IsDrained)
        {
            _inbox.Disperse();
            if (TryTakeOut(out var operation))
            {
                Tell(operation, new EngineStoppedException("The engine has stopped.", _failure!));
                any = true;
            }
            else
            {
                // Somebody got a place before it was closed, and is just about to put an operation there.
                wait.SpinOnce();
            }
        }

        return any;
    }

    // For each its own: one that many threads throw grows with every throw, and so does what the next throw copies.
    private static EngineStoppedException Unknown(Exception cause) => new(
        "The engine has stopped on an error; what was asked may have happened or not, a restart decides.", cause);

    // What a broken operation, or a state that was left in the middle of a change, throws before its turn keeps those
    // behind it no longer: they were taken out already.
    private bool TryTakeOut(out Operation operation)
    {
        try
        {
            return _ahead.TryRead(out operation);
        }
        catch (Exception exception)
        {
            Log(exception);
            operation = null!;
            return false;
        }
    }

    // Whoever cannot be told, because it waits where nothing can be run any more, keeps nobody else from hearing it.
    private void Tell(Operation operation, Exception news)
    {
        try
        {
            operation.Fail(news);
        }
        catch (Exception exception)
        {
            Log(exception);
        }
    }

    private void Log(Exception exception)
    {
        try
        {
            _logger.LoopFailed(exception);
        }
        catch (Exception)
        {
            // On a disk that is full for both, say. Callers are told, and whoever waits for the end is given the reason.
        }
    }
}
