using Engine.Core.Rules;
using Engine.Hosting;
using Engine.Runtime;
using Engine.Simulation.Audit;

namespace Engine.Simulation.Driver;

/// <summary>What callers and workers ask of the engine, each call with what it means for the ledger and the model.</summary>
internal sealed partial class SimEngine
{
    internal void Submit(JobRequest request, JobId id, Action<SubmitResult, bool> done)
    {
        if (RequestRules.Objection(request, Options) is { } refusal)
        {
            Inquest.Sometimes.Saw(Corner.HostileName);
            done(new SubmitResult { Outcome = SubmitOutcome.Refused, Refusal = refusal }, true);
            return;
        }

        var submission = RequestRules.ToSubmission(request, request.Id ?? id);
        Post(new SubmitCall(submission, (result, known) =>
        {
            if (known && result.Outcome == SubmitOutcome.Refused)
            {
                // An id that the caller gives may be sent again, and taken then.
                if (!submission.IdIsGiven)
                {
                    Inquest.Ledger.Refused(submission.Id);
                }
            }
            else if (known && !result.Repeated)
            {
                Inquest.Ledger.Accepted(result.JobId);
            }

            done(result, known);
        }));
    }

    internal void EndRun(RunLease lease, RunOutcome outcome, Action<LeaseAnswer, bool> done) =>
        Post(new EndRunCall(lease, outcome, done));

    internal void Claim(string[] types, int maxRuns, bool waits, Action<IReadOnlyList<ClaimedRun>?> done)
    {
        if (Life is { IsUp: true } life)
        {
            life.Claim(new SimClaim(types, maxRuns, waits, done));
        }
        else
        {
            done(null);
        }
    }

    internal void Heartbeat(RunLease lease, Action<LeaseAnswer, bool> done) => Post(new AskCall<LeaseAnswer>(
        "a heartbeat",
        witness => witness.ExpectWord(lease),
        loop =>
        {
            var answer = Leasing.DecideHeartbeat(loop.Core, lease);
            if (answer == LeaseAnswer.Accepted)
            {
                ((Witness)loop.Core.Sink).Renewed(lease);
            }

            return answer;
        },
        static _ => 0,
        done));

    internal void MoveToStage(RunLease lease, string stage, Action<LeaseAnswer, bool> done) =>
        Post(new AskCall<LeaseAnswer>(
            $"a move to {stage}",
            witness => witness.ExpectStage(lease, stage),
            loop => Reporting.DecideStage(loop.Core, lease, stage, null),
            static answer => answer == LeaseAnswer.Accepted ? 1 : 0,
            done));

    internal void Report(RunLease lease, int percent, Action<LeaseAnswer, bool> done) => Post(new AskCall<LeaseAnswer>(
        "a report",
        witness => witness.ExpectWord(lease),
        loop => Reporting.DecideProgress(loop.Core, lease, percent, null),
        static answer => answer == LeaseAnswer.Accepted ? 1 : 0,
        done));

    internal void BeginIteration(RunLease lease, Action<IterationAnswer, bool> done) =>
        Post(new AskCall<IterationAnswer>(
            "an iteration",
            witness => witness.ExpectIteration(lease),
            loop => Iterating.DecideBegin(loop.Core, lease),
            static answer => answer == IterationAnswer.Granted ? 1 : 0,
            (answer, known) =>
            {
                if (known && answer == IterationAnswer.Granted)
                {
                    Inquest.Ledger.Iterated(lease.JobId);
                }
                else if (known && answer == IterationAnswer.CapReached)
                {
                    Inquest.Sometimes.Saw(Corner.IterationCapReached);
                }

                done(answer, known);
            }));

    internal void Cancel(JobId id, string? user, Action<CancelOutcome, bool> done) => Post(new AskCall<CancelOutcome>(
        $"the cancellation of {id}",
        witness => witness.Model.Find(id) is { } job && user is not null && job.User != user
            ? CancelOutcome.NotFound
            : witness.ExpectCancel(id),
        loop => loop.Core.Find(id, user) is { } job ? Cancelling.Decide(loop.Core, job) : CancelOutcome.NotFound,
        static outcome => outcome is CancelOutcome.Cancelled or CancelOutcome.Requested ? 1 : 0,
        (outcome, known) =>
        {
            if (known && outcome == CancelOutcome.Cancelled)
            {
                Inquest.Ledger.Ended(id, JobState.Cancelled);
            }
            else if (known && outcome == CancelOutcome.Requested)
            {
                Inquest.Ledger.MustEndCancelled(id);
            }

            done(outcome, known);
        }));

    internal void Confirm(JobId id, Action<ConfirmOutcome, bool> done)
    {
        int granted = 0;
        Post(new AskCall<ConfirmOutcome>(
            $"the confirmation of {id}",
            witness => witness.ExpectConfirm(id),
            loop =>
            {
                if (loop.Core.Find(id, null) is not { } job)
                {
                    return ConfirmOutcome.NotFound;
                }

                bool wasAwaiting = job.State == JobState.AwaitingConfirmation;
                var (outcome, _) = Iterating.DecideConfirm(loop.Core, job);
                granted = job.IterationsGranted;
                if (outcome == ConfirmOutcome.Confirmed && !wasAwaiting)
                {
                    Inquest.Sometimes.Saw(Corner.ConfirmedTwice);
                }

                return outcome;
            },
            static outcome => outcome == ConfirmOutcome.Confirmed ? 1 : 0,
            (outcome, known) =>
            {
                if (known && outcome == ConfirmOutcome.Confirmed)
                {
                    Inquest.Ledger.Granted(id, granted);
                }

                done(outcome, known);
            }));
    }

    /// <summary>Looks at a job: its state, its place and its runs are what the events say.</summary>
    internal void View(JobId id, Action<bool> done) => Post(new AskCall<(JobState State, int Position, int Runs)>(
        $"a look at {id}",
        witness => witness.ExpectView(id) ?? default,
        loop => loop.Core.Find(id, null) is { } job && Viewing.View(loop.Core, job, forOperator: true) is var view
            ? (view.State, (int)view.Position, view.Runs)
            : default,
        static _ => 0,
        (_, known) => done(known)));

    /// <summary>Looks at the engine from within, at one instant; nothing is changed.</summary>
    internal void Look(Action<LoopContext> look, Action<bool, bool> done) => Post(new AskCall<bool>(
        "a look",
        null,
        loop =>
        {
            look(loop);
            return true;
        },
        static _ => 0,
        done));

    /// <summary>Changes the settings while the engine runs (A9).</summary>
    internal void Reconfigure(Action<JobEngineOptions> change) => Post(new AskCall<bool>(
        "a change of settings",
        null,
        loop =>
        {
            var changed = OptionsRules.Copy(Options);
            change(changed);
            OptionsRules.Check(changed);
            var witness = (Witness)loop.Core.Sink;
            if (witness.IsSuperseded)
            {
                return false;
            }

            Options = changed;
            witness.ChangeSettings(changed, () =>
            {
                Configuring.Adopt(loop.Core, Core.EngineSettings.From(changed));
                Configuring.DecideOrdering(loop.Core);
            });
            return true;
        },
        static _ => 1,
        static (_, _) => { }));
}
