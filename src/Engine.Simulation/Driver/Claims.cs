namespace Engine.Simulation.Driver;

/// <summary>The claims that wait in one life: they are no calls, as the loop keeps them until there is work.</summary>
internal sealed class Claims(Life life, SimEngine engine)
{
    private readonly List<SimClaim> _claims = [];
    private readonly List<string[]> _waiting = [];

    /// <summary>Those that stay until there is work, by the types they ask for.</summary>
    internal IReadOnlyList<string[]> Waiting
    {
        get
        {
            _waiting.Clear();
            foreach (var claim in _claims)
            {
                if (claim.Waits)
                {
                    _waiting.Add(claim.Types);
                }
            }

            return _waiting;
        }
    }

    internal void Add(SimClaim claim) => _claims.Add(claim);

    /// <summary>Looks which of them the loop has answered.</summary>
    internal void Look()
    {
        for (int i = 0; i < _claims.Count; i++)
        {
            var claim = _claims[i];
            if (!claim.Task.IsCompleted)
            {
                continue;
            }

            _claims.RemoveAt(i--);
            Answered(claim);
        }
    }

    /// <summary>The connections of all who wait are closed.</summary>
    internal void Drop()
    {
        foreach (var claim in _claims.ToArray())
        {
            claim.Done(null);
        }

        _claims.Clear();
    }

    private void Answered(SimClaim claim)
    {
        if (!claim.Task.IsCompletedSuccessfully)
        {
            claim.Done(null);
            return;
        }

        var witness = life.Witness;
        var runs = claim.Task.Result;
        witness.CheckClaimed(claim.Types, claim.MaxRuns, runs);
        foreach (var run in runs)
        {
            // A superseded life's model has learned nothing since: what it does not know was decided too late.
            long unknown = witness.IsSuperseded ? long.MaxValue : 0;
            long seen = witness.Model.Find(run.Lease.JobId) is { } job && job.Holds(run.Lease) ? job.RunEvent : unknown;
            witness.CheckPublished(seen, 1, life.HasFailed);
            witness.CheckHandedOut(run);
            witness.Renewed(run.Lease);
            if (!witness.IsSuperseded)
            {
                engine.Inquest.Ledger.Claimed(run.Lease);
            }
        }

        claim.Done(runs);
    }
}
