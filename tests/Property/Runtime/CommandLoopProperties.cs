using Engine.Core;
using Engine.Storage;
using Engine.Tests.Stories;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Engine.Tests.Runtime;

/// <summary>The loop on a journal that answers late, or never again: nothing is shown before it is durable, nothing is
/// acknowledged after a doubt, and whatever was acknowledged is there after a restart (D1, D3, D5, D8).</summary>
public sealed class CommandLoopProperties(ITestOutputHelper output)
{
    /// <summary>What the world does next: a caller calls, the loop steps, an append ends, time passes.</summary>
    private abstract record Move
    {
        internal sealed record Call(Op Op) : Move;

        internal sealed record Step : Move;

        internal sealed record Finish : Move;

        internal sealed record Pass(int Seconds) : Move;
    }

    private sealed record Script(Setup Setup, IReadOnlyList<Move> Moves)
    {
        public override string ToString() => $"\n  setup: {Setup}\n  {string.Join("\n  ", Moves)}";
    }

    private static readonly Gen<Op> AnyOp = Gen.Frequency(
        (8, from user in Gen.Choose(1, 3)
            from tier in Gen.Choose(0, 2)
            from type in Gen.Choose(0, 2)
            from resources in Gen.Elements(0, 0, 4)
            select (Op)new Op.Submit(0, user, 0, tier, type, 0, resources, 0, 0)),
        (6, from types in Gen.Elements(1, 7) from max in Gen.Choose(1, 3) select (Op)new Op.Claim(types, max)),
        (6, from run in Gen.Choose(0, 9)
            from how in Gen.Elements(Enum.GetValues<Ending>())
            select (Op)new Op.End(run,
            how)),
        (2, Gen.Choose(0, 20).Select(job => (Op)new Op.Cancel(job))),
        (2, Gen.Choose(0, 9).Select(run => (Op)new Op.Iterate(run))));

    private static Gen<Script> Scripts(int length) =>
        from setup in Setup.Any
        from count in Gen.Choose(5, length)
        from moves in Gen.Frequency(
            (6, AnyOp.Select(op => (Move)new Move.Call(op))),
            (4, Gen.Constant((Move)new Move.Step())),
            (3, Gen.Constant((Move)new Move.Finish())),
            (1, Gen.Elements(1, 31, 90_000).Select(seconds => (Move)new Move.Pass(seconds)))).ArrayOf(count)
        select new Script(setup with { Kept = 1000 }, moves);

    [Fact]
    public void Nothing_is_answered_or_shown_before_it_is_durable() =>
        Law.Holds(output, 300, Scripts(80), Shorter, script =>
        {
            var clients = Play(script, new ScriptedJournal(new MemoryJournal()));

            Rest(clients);
            Assert.Null(clients.Engine.Loop.Failure);
            CheckAfterRestart(clients);
        });

    [Fact]
    public void Whichever_append_fails_every_acknowledged_effect_survives() =>
        Law.Holds(output, 24, Scripts(40), Shorter, script =>
        {
            foreach (var fault in Enum.GetValues<Fault>())
            {
                // One run per point of failure, until the failure lies beyond the end of the run.
                for (int failingAppend = 1; ; failingAppend++)
                {
                    var journal = new ScriptedJournal(new MemoryJournal(), failingAppend, fault);
                    var clients = Play(script, journal);
                    Rest(clients);
                    CheckAfterRestart(clients);
                    if (!journal.HasFailed)
                    {
                        break;
                    }

                    Assert.True(clients.Engine.Loop.HasEnded);
                    Assert.NotNull(clients.Engine.Loop.Failure);
                    Assert.Equal(0, clients.Unanswered);
                }
            }
        });

    [Fact]
    public void After_a_doubt_every_call_fails_and_no_append_is_tried_again()
    {
        var journal = new ScriptedJournal(new MemoryJournal(), failingAppend: 2, Fault.UnknownButWritten);
        var setup = Setup.Any.Sample(1, 1).First() with { Cap = 40 };
        var clients = new Clients(setup.ToOptions(), journal);
        clients.Post(new Op.Submit(0, 1, 0, 0, 0, 0, 0, 0, 0));
        Rest(clients);
        clients.Post(new Op.Submit(0, 2, 0, 0, 0, 0, 0, 0, 0));
        Rest(clients);
        clients.Post(new Op.Submit(0, 2, 0, 0, 0, 0, 0, 0, 0));
        Rest(clients);
        int begun = journal.Begun;

        clients.Post(new Op.Submit(0, 3, 0, 0, 0, 0, 0, 0, 0));
        Rest(clients);

        Assert.True(journal.HasFailed);
        Assert.IsType<JournalException>(clients.Engine.Loop.Failure);
        Assert.Equal(begun, journal.Begun);
        Assert.Equal(0, clients.Unanswered);
        Assert.True(clients.Failed >= 2);
    }

    private static Clients Play(Script script, ScriptedJournal journal)
    {
        // Nothing is forgotten here, so that everything acknowledged can be looked for.
        var options = script.Setup.ToOptions();
        options.RetentionTime = TimeSpan.FromDays(3000);
        var clients = new Clients(options, journal);
        foreach (var move in script.Moves)
        {
            switch (move)
            {
                case Move.Call call:
                    clients.Post(call.Op);
                    break;
                case Move.Step:
                    clients.Step();
                    break;
                case Move.Finish:
                    journal.FinishOne();
                    break;
                case Move.Pass pass:
                    clients.Engine.Time.Advance(TimeSpan.FromSeconds(pass.Seconds));
                    break;
                default:
                    throw new InvalidOperationException($"No such move: {move}.");
            }
        }

        return clients;
    }

    /// <summary>Lets everything come to its end.</summary>
    private static void Rest(Clients clients)
    {
        for (int i = 0; clients.Step() | clients.Journal.FinishOne(); i++)
        {
            Assert.True(i < 10_000, "The loop does not come to rest.");
        }
    }

    /// <summary>A new process on what was written: it has every acknowledged effect, and nothing of what was
    /// refused.</summary>
    private static void CheckAfterRestart(Clients clients)
    {
        var restarted = new EngineUnderTest(clients.Engine.Options, clients.Engine.Time, clients.Journal.Inner);
        restarted.Run();
        EngineInvariants.Check(restarted.Core);
        foreach (var (what, stillHolds) in clients.Ledger)
        {
            try
            {
                stillHolds(restarted.Core);
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException($"Acknowledged, and lost: {what}. {exception.Message}");
            }
        }

        Assert.DoesNotContain(clients.Refused, restarted.Core.State.Jobs.ContainsKey);
        Assert.Equal(restarted.Core.State.ComputeHash(), restarted.Replayed().State.ComputeHash());
    }

    private static IEnumerable<Script> Shorter(Script script)
    {
        int count = script.Moves.Count;
        for (int length = count; length >= 1; length /= 2)
        {
            for (int from = 0; from < count; from += length)
            {
                yield return script with { Moves = [.. script.Moves.Take(from), .. script.Moves.Skip(from + length)] };
            }
        }
    }
}
