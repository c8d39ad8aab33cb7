using Engine.Core;
using Engine.Tests.Stories;
using Xunit.Abstractions;

namespace Engine.Tests.Core;

/// <summary>The engine against the reference: every answer, every job, after every command.</summary>
public sealed class EngineCoreProperties(ITestOutputHelper output)
{
    [Fact]
    public void Answers_everything_as_the_reference_does() =>
        Law.Holds(output, 600, StoryGen.Mixed, StoryGen.Shorter, story => Play.Of(story, play =>
        {
            EngineInvariants.Check(play.Engine.Core);
            Comparison.Everything(play);
        }));

    [Fact]
    public void Runs_next_what_the_reference_runs_next_in_any_crowd() =>
        Law.Holds(output, 300, StoryGen.Crowd, StoryGen.Shorter, story => Play.Of(story, play =>
        {
            EngineInvariants.Check(play.Engine.Core);
            Comparison.Everything(play);
        }));

    [Fact]
    public void No_runnable_job_waits_while_a_worker_of_any_kind_is_free() =>
        Law.Holds(output, 300, StoryGen.Crowd, StoryGen.Shorter, story => Play.Of(story, play =>
        {
            Comparison.NextOfEverySet(play);
            EngineInvariants.Check(play.Engine.Core);
        }));
}
