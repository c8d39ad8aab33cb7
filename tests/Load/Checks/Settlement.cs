namespace Engine.Tests.Load.Checks;

/// <summary>The last word: everything that was answered is held against the journal, and some of it against what the
/// engine says of it now.</summary>
internal sealed class Settlement(LoadSession session)
{
    private const int AskedAtMost = 500;
    private const int ResentAtMost = 100;
    private const int AtOnce = 8;

    private readonly Findings _findings = session.Findings;

    internal async Task RunAsync()
    {
        if (session.Target.Journal is not null)
        {
            CheckJournal();
        }

        // Evenly over the whole run, the first and the last included.
        var accepted = session.Ledger.Accepted.Values.OrderBy(job => job.Number).ToList();
        int step = Math.Max(1, accepted.Count / AskedAtMost);
        var asked = accepted.Where((_, i) => i % step == 0 || i == accepted.Count - 1).ToList();
        await Parallel.ForEachAsync(
            asked,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce },
            async (job, _) => await AskAsync(job));
        var queue = await session.Target.QueueAsync();
        _findings.Unless(
            session.Target.Journal is null || queue.Ended == session.Audit.Ended,
            "D4", $"{queue.Ended} jobs have ended by the engine's counts, {session.Audit.Ended} by its journal");
    }

    /// <summary>Sends some of what was accepted under a key once more. Returns how many.</summary>
    internal async Task<int> ResendAsync()
    {
        var again = session.Ledger.Accepted.Values
            .Where(job => job.Ask.Key is not null)
            .Where(job => session.Audit.Jobs.GetValueOrDefault(job.Id) is not { IsForgotten: true })
            .OrderBy(job => job.Number)
            .ToList();
        int step = Math.Max(1, again.Count / ResentAtMost);
        var sent = again.Where((_, i) => i % step == 0).ToList();
        foreach (var job in sent)
        {
            await session.Traffic.ResendAsync(job);
        }

        return sent.Count;
    }

    private void CheckJournal()
    {
        foreach (var job in session.Ledger.Accepted.Values)
        {
            bool isThere = session.Audit.Jobs.TryGetValue(job.Id, out var stored);
            _findings.Unless(
                isThere && stored!.Number == job.Number && stored.User == job.User,
                "D1", $"submission {job.Number} was acknowledged as {job.Id} and is not in the journal");
            _findings.Unless(
                !isThere || stored!.State.IsFinal
                    || stored.State is JobState.Scheduled or JobState.AwaitingConfirmation,
                "V2", $"{job.Id} is {stored?.State} though nothing is under way");
        }

        foreach (var (id, state) in session.Ledger.SeenEnds)
        {
            var stored = session.Audit.Jobs.GetValueOrDefault(id);
            _findings.Unless(
                stored?.State == state, "D3", $"a stream showed {id} {state}; the journal says {stored?.State}");
        }

        foreach (var stored in session.Audit.Jobs.Values)
        {
            _findings.Unless(
                session.Ledger.MayBeThere(stored.Number),
                "A2", $"{stored.Id} (submission {stored.Number}) is in the journal and was never acknowledged");
            _findings.Unless(
                !session.Ledger.Accepted.TryGetValue(stored.Number, out var known) || known.Id == stored.Id,
                "W5", $"submission {stored.Number} is in the journal as {stored.Id} and as {known?.Id}");
        }
    }

    private async Task AskAsync(Acknowledged job)
    {
        var look = await session.Target.LookAsync(job);
        var stored = session.Audit.Jobs.GetValueOrDefault(job.Id);
        if (stored is { IsForgotten: true })
        {
            _findings.Unless(look is null, "D4", $"{job.Id} is forgotten and is still shown");
            return;
        }

        _findings.Unless(look is not null, "D1", $"{job.Id} was acknowledged and is not shown to its owner");
        if (look is not null)
        {
            Explained.Check(_findings, job, look);
            _findings.Unless(
                stored is null || stored.State == look.State,
                "D4", $"{job.Id} is shown as {look.State}; the journal says {stored?.State}");
        }
    }
}
