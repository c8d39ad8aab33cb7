using Engine.Core;

namespace Engine.Tests.House;

/// <summary>The life of a job as one table, printed from the code, so that it cannot go stale.</summary>
public sealed class TransitionTests
{
    [Fact]
    public void The_transition_table_is_the_approved_one()
    {
        string approved = Path.Combine(TidyTests.Root(), "tests/Property/House/JobTransitions.approved.txt");

        string printed = Print();

        Assert.True(
            File.ReadAllText(approved).ReplaceLineEndings("\n") == printed,
            $"The table has changed. If it should have, {Path.GetFileName(approved)} is to read:\n{printed}");
    }

    [Fact]
    public void Nothing_leaves_a_final_state_and_everything_else_can_end()
    {
        var states = Enum.GetValues<JobState>();
        Assert.All(states.Where(state => state.IsFinal), from =>
            Assert.DoesNotContain(states, to => JobTransitions.Allows(from, to)));
        Assert.All(states.Where(state => !state.IsFinal && state != JobState.None), from =>
            Assert.True(JobTransitions.Allows(from, JobState.Cancelled)));
        Assert.DoesNotContain(states, from => JobTransitions.Allows(from, JobState.None));
    }

    private static string Print()
    {
        var states = Enum.GetValues<JobState>();
        return string.Concat(states.Select(from =>
        {
            var to = states.Where(to => JobTransitions.Allows(from, to)).ToList();
            return $"{from,-20} -> {(to.Count == 0 ? "(final)" : string.Join(", ", to))}\n";
        }));
    }
}
