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
        Post(new SubmitCall(request, submission, (result, known) =>
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
        witness => (witness.ExpectWord(lease), 0),
        loop =>
        {
            var answer = Leasing.DecideHeartbeat(loop.Core, lease);
            if (answer == LeaseAnswer.Accepted)
            {
                ((Witness)loop.Core.Sink).Renewed(lease);
            }

            return answer;
        },
        done));

    internal void MoveToStage(RunLease lease, string stage, Action<LeaseAnswer, bool> done) =>
        Post(new AskCall<LeaseAnswer>(
            $"a move to {stage}",
            witness => Recorded(witness.ExpectStage(lease, stage)),
            loop => Reporting.DecideStage(loop.Core, lease, stage, null),
            done)
        {
            Said = (lease, stage, null),
        });

    internal void Report(RunLease lease, int percent, Action<LeaseAnswer, bool> done) => Post(new AskCall<LeaseAnswer>(
        "a report",
        witness => Recorded(witness.ExpectWord(lease)),
        loop => Reporting.DecideProgress(loop.Core, lease, percent, null),
        done)
    {
        Said = (lease, null, percent),
    });

    internal void BeginIteration(RunLease lease, Action<IterationAnswer, bool> done) =>
        Post(new AskCall<IterationAnswer>(
            "an iteration",
            witness => witness.ExpectIteration(lease) is var answer && answer == IterationAnswer.Granted
                ? (answer, 1)
                : (answer, 0),
            loop => Iterating.DecideBegin(loop.Core, lease),
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
        witness => witness.ExpectCancel(id, user),
        loop => loop.Core.Find(id, user) is { } job ? Cancelling.Decide(loop.Core, job) : CancelOutcome.NotFound,
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
            (outcome, known) =>
            {
                if (known && outcome == ConfirmOutcome.Confirmed)
                {
                    Inquest.Ledger.Granted(id, granted);
                }

                done(outcome, known);
            }));
    }

    /// <summary>Looks at a job: what is shown of it is what the events say.</summary>
    internal void View(JobId id, Action<bool> done) => Post(new AskCall<JobShown>(
        $"a look at {id}",
        witness => (witness.ExpectView(id), 0),
        loop => loop.Core.Find(id, null) is { } job
            ? JobShown.Of(Viewing.View(loop.Core, job, forOperator: true))
            : default,
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
        done));

    /// <summary>Changes the settings while the engine runs (A9).</summary>
    internal void Reconfigure(Action<JobEngineOptions> change)
    {
        JobEngineOptions? changed = null;
        Post(new AskCall<bool>(
            "a change of settings",
            witness =>
            {
                changed = OptionsRules.Copy(Options);
                change(changed);
                OptionsRules.Check(changed);
                return (true, witness.Model.IsOrderedBy(changed) ? 0 : 1);
            },
            loop =>
            {
                if (changed is null)
                {
                    // Superseded: its settings are nobody's any more.
                    return false;
                }

                Options = changed;
                ((Witness)loop.Core.Sink).ChangeSettings(changed, () =>
                {
                    Configuring.Adopt(loop.Core, Core.EngineSettings.From(changed));
                    Configuring.DecideOrdering(loop.Core);
                });
                return true;
            },
            static (_, _) => { }));
    }

    /// <summary>What is recorded of a word under a lease when it is accepted.</summary>
    private static (LeaseAnswer Answer, int Events) Recorded(LeaseAnswer answer) =>
        (answer, answer == LeaseAnswer.Accepted ? 1 : 0);
}
