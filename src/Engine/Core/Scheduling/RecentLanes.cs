using Engine.Core.Rules;

namespace Engine.Core.Scheduling;

/// <summary>The last two lanes that a user's submissions went to: who asks for the same again is spared the search for
/// its type, tier, project, resources and lane.</summary>
/// <remarks>A memo, no state: it is good for as long as the settings it was made under are in force, and forgets a lane
/// with the state. With it, a submission costs about as much with projects and resources as without.</remarks>
internal struct RecentLanes
{
    private Memo _newest;
    private Memo _second;

    /// <summary>The lane of a submission like one before, or null.</summary>
    internal readonly Lane? Find(EngineSettings settings, in Submission submission) =>
        _newest.Fits(settings, submission) ? _newest.Lane
        : _second.Fits(settings, submission) ? _second.Lane
        : null;

    /// <summary>A guess from the project alone, without a look at the lane or the name.</summary>
    internal readonly Lane? Guess(ulong projectHash, out string? project)
    {
        var memo = _second.ProjectHash == projectHash && _second.Lane is not null ? _second : _newest;
        project = memo.Project;
        return memo.Lane;
    }

    /// <summary>Remembers where a submission went.</summary>
    /// <param name="settings">The settings under which it was found right.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="resources">The resources that the submission itself asked for.</param>
    internal void Remember(EngineSettings settings, Lane lane, string[]? resources)
    {
        lane.LastAsked = (settings, resources);
        if (!ReferenceEquals(_newest.Lane, lane) && !ReferenceEquals(_second.Lane, lane))
        {
            _second = _newest;
            _newest = new Memo(lane);
        }
    }

    internal void Forget(Lane lane)
    {
        if (ReferenceEquals(_newest.Lane, lane))
        {
            _newest = default;
        }

        if (ReferenceEquals(_second.Lane, lane))
        {
            _second = default;
        }
    }

    private readonly struct Memo(Lane lane)
    {
        // Beside the lane, so that one that does not fit is not looked at; names differ at their ends, far away.
        internal readonly ulong ProjectHash = ContentHash.Of(lane.Project?.Id);

        internal readonly string? Project = lane.Project?.Id;

        internal readonly Lane? Lane = lane;

        internal bool Fits(EngineSettings settings, in Submission submission) =>
            ProjectHash == submission.ProjectHash
            && Lane is { } lane
            && Project == submission.ProjectId
            && ReferenceEquals(lane.LastAsked.Settings, settings)
            && lane.Type.Name == submission.Type
            && lane.Tier.Name == submission.Tier
            && (submission.Resources ?? []).AsSpan().SequenceEqual(lane.LastAsked.Resources);
    }
}
