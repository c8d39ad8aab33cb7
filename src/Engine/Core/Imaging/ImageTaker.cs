using System.Diagnostics.CodeAnalysis;

namespace Engine.Core.Imaging;

/// <summary>Takes the state as it is at one instant, bit by bit, while it goes on changing: copy on write.</summary>
/// <remarks>
/// <para>At the beginning it notes which users there are and how many jobs, and copies what is small. From then on,
/// whoever is about to change one that has not been copied has it copied first (<see cref="Keep(Job)"/>), and
/// <see cref="Advance"/> walks through the table of jobs and copies the others, a few at a time. What comes into being
/// later carries the number of this image from its first moment, and is left out.</para>
/// <para>All of that is done by the one thread that changes the state. Once it is whole, <see cref="ToImage"/> may be
/// called by any.</para>
/// </remarks>
[SuppressMessage(
    "Design",
    "CA1001:Types that own disposable fields should be disposable",
    Justification = "The image disposes of the copies. Of one that never became whole they go with the object.")]
internal sealed class ImageTaker
{
    private const int FarAhead = 12;

    private readonly EngineState _state;
    private readonly int _number;
    private readonly int _jobCount;
    private readonly UserAccount[] _users;
    private readonly CopiedJobs _jobs = new();
    private readonly UserFacts[] _userCopies;
    private readonly TierFacts[] _tiers;
    private readonly KeptAnswer[] _answers;
    private readonly (UserAccount User, int Day)[] _idle;
    private readonly int _projectCount;
    private readonly (Instant Now, long LastSequence, long LastEventId, Ordering Ordering, long HeadStartMs) _facts;
    private int _nextUser;
    private int _copiedUsers;

    /// <summary>Begins: this is the instant.</summary>
    /// <param name="state">The state; none other is being taken of it.</param>
    /// <param name="sequence">The last frame that was applied to it.</param>
    /// <param name="instant">What the logical clock was in that frame; it may have gone on since.</param>
    internal ImageTaker(EngineState state, long sequence, Instant instant)
    {
        Invariant.Holds(state.Image is null);
        (_state, Sequence) = (state, sequence);
        _number = ++state.ImageNumber;
        _facts = (instant, state.LastSequence, state.LastEventId, state.Ordering, state.HeadStartMs);
        _jobCount = state.Jobs.Count;
        _users = [.. state.Users.Values];
        _tiers = TierFacts.Of(state);
        _answers = [.. state.Answers];
        _idle = [.. state.IdleUsers];
        _projectCount = state.Projects.Count;
        _userCopies = new UserFacts[_users.Length];
        state.Image = this;
        state.Jobs.BeginWalk(this);
        EndIfWhole();
    }

    /// <summary>The last frame that it includes.</summary>
    internal long Sequence { get; }

    internal bool IsWhole => _jobs.Count == _jobCount && _copiedUsers == _users.Length;

    /// <summary>To be called before anything is changed that is known of a job or of its user.</summary>
    internal void Keep(Job job)
    {
        if (!Planted.Is(PlantedBug.SnapshotCopiesLate))
        {
            Meet(job);
        }

        Keep(job.User);
    }

    /// <summary>Copies a job if it has not been copied yet.</summary>
    internal void Meet(Job job)
    {
        if (job.ImageNumber != _number)
        {
            Copy(job);
        }
    }

    /// <summary>To be called before anything is changed that is known of a user.</summary>
    internal void Keep(UserAccount user)
    {
        if (user.ImageNumber != _number)
        {
            Copy(user);
        }
    }

    /// <summary>Copies some of what has not been copied yet. When all is, nobody need keep anything any more.</summary>
    /// <param name="count">How many places of jobs and users it looks at, at most.</param>
    internal void Advance(int count)
    {
        count -= _state.Jobs.Walk(count);
        for (; count > 0 && _nextUser < _users.Length; count--)
        {
            Prefetch.Object(_nextUser + FarAhead < _users.Length ? _users[_nextUser + FarAhead] : null, lines: 3);
            Keep(_users[_nextUser++]);
        }
    }

    /// <summary>What was taken. It is whole. To be called once: who has it disposes of it.</summary>
    internal StateImage ToImage()
    {
        Invariant.Holds(IsWhole);
        _jobs.Sort();
        var projects = StateImage.ProjectsOf(
            Enumerable.Range(0, _jobCount).Select(place => (_jobs.LaneAt(place).Project, 1L)));
        Invariant.Holds(projects.Length == _projectCount);
        return new StateImage
        {
            Sequence = Sequence,
            Now = _facts.Now,
            LastSequence = _facts.LastSequence,
            LastEventId = _facts.LastEventId,
            Ordering = _facts.Ordering,
            HeadStartMs = _facts.HeadStartMs,
            Jobs = _jobs,
            Users = _userCopies,
            Projects = projects,
            Tiers = _tiers,
            Answers = _answers,
            IdleUsers = [.. _idle.Select(idle => (WasKnown(idle.User) ? idle.User : null, idle.Day))],
        };
    }

    private void Copy(Job job)
    {
        job.ImageNumber = _number;
        _jobs.Add(job);
        EndIfWhole();
    }

    private void Copy(UserAccount user)
    {
        (user.ImageNumber, user.ImagePlace) = (_number, _copiedUsers);
        _userCopies[_copiedUsers++] = UserFacts.CopyOf(user);
        EndIfWhole();
    }

    private bool WasKnown(UserAccount user) =>
        user.ImagePlace < _userCopies.Length && ReferenceEquals(_userCopies[user.ImagePlace].Account, user);

    private void EndIfWhole()
    {
        if (IsWhole && ReferenceEquals(_state.Image, this))
        {
            _state.Image = null;
            _state.Jobs.EndWalk();
        }
    }
}
