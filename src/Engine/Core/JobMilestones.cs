namespace Engine.Core;

/// <summary>Some of a user's jobs, so that a list of them can go on anywhere without a walk from its
/// beginning.</summary>
/// <remarks>Fewer than <see cref="Distance"/> jobs lie between two of them, before the first, and after the last. When
/// one is forgotten the next older job takes its place, so that the gaps only ever shrink.</remarks>
internal sealed class JobMilestones
{
    internal const int Distance = 256;

    // From old to new.
    private readonly List<(long Sequence, Job Job)> _milestones = [];

    internal IReadOnlyList<(long Sequence, Job Job)> All => _milestones;

    /// <summary>Marks the user's newest job.</summary>
    internal void Add(Job job)
    {
        job.IsMilestone = true;
        _milestones.Add((job.Sequence, job));
    }

    /// <summary>Takes out a job that is about to leave its user's list, in which it still has its neighbours.</summary>
    internal void Forget(Job job)
    {
        int index = FirstFrom(job.Sequence);
        Invariant.Holds(index < _milestones.Count && ReferenceEquals(_milestones[index].Job, job));
        job.IsMilestone = false;
        if (job.Older is { IsMilestone: false } older)
        {
            older.IsMilestone = true;
            _milestones[index] = (older.Sequence, older);
        }
        else
        {
            _milestones.RemoveAt(index);
        }
    }

    /// <summary>The oldest that is not older than this; null when all are.</summary>
    internal Job? OldestFrom(long sequence) =>
        FirstFrom(sequence) is var index && index < _milestones.Count ? _milestones[index].Job : null;

    private int FirstFrom(long sequence)
    {
        int low = 0;
        int high = _milestones.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_milestones[middle].Sequence < sequence)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
