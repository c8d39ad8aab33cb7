using Engine.Core;
using Engine.Core.Imaging;
using Engine.Core.Scheduling;

namespace Engine.Storage;

/// <summary>What a job of a snapshot has beyond the usual. The numbers are on disk.</summary>
[Flags]
internal enum SnapshotParts : uint
{
    None = 0,
    Entry = 1 << 0,
    Due = 1 << 1,
    Why = 1 << 2,
    Runs = 1 << 3,
    Finish = 1 << 4,
    OtherDay = 1 << 5,
    Deferral = 1 << 6,
    Iterations = 1 << 7,
    Attempts = 1 << 8,
    Stage = 1 << 9,
    Progress = 1 << 10,
    CancelRequest = 1 << 11,
    Details = 1 << 12,
}

/// <summary>Writes the body of a snapshot, version 1.</summary>
/// <remarks>
/// Numbers, ids, texts and bytes as in <see cref="EventCodec"/>. Names are written once and referred to by their place;
/// a reference that may be missing is 0 for none and n + 1 for place n. Sections, each after its count but the first:
/// <code>
/// state       ordering headStart lastSequence
/// types       name
/// tiers       name, by state: count; count of durations: duration
/// sets        count of resources: name
/// users       name; count of days: day charged deferred
/// projects    name, user? or name of an owner who is forgotten
/// lanes       user project? type tier set?
/// jobs        in the order in which they were submitted, see WriteJob
/// ended       place of the job, as the difference to the one before, in the order in which they ended
/// answers     user job outcome scheduledFor, then as in an AnswerKept event
/// idle users  user? day
/// </code>
/// Equal states give equal bytes: places follow from the order of the jobs, and from names where there is no job.
/// </remarks>
internal sealed class SnapshotWriter
{
    private readonly StateImage _image;
    private readonly int _pieceBytes;
    private readonly List<byte[]> _pieces = [];

    // In the order in which they were submitted: when, and where the image has each.
    private readonly long[] _sequences;
    private readonly int[] _jobs;
    private readonly Places<JobTypeEntry> _types = new();
    private readonly Places<TierEntry> _tiers = new();
    private readonly Places<string[]> _sets = new();
    private readonly Places<UserAccount> _users = new();
    private readonly Places<Project> _projects = new();
    private readonly Places<Lane> _lanes = new();

    private SnapshotWriter(StateImage image, int pieceBytes)
    {
        (_image, _pieceBytes) = (image, pieceBytes);
        _jobs = [.. Enumerable.Range(0, image.Jobs.Count)];
        _sequences = [.. _jobs.Select(image.Jobs.SequenceAt)];
        Array.Sort(_sequences, _jobs);
        foreach (int job in _jobs)
        {
            var lane = image.Jobs.LaneAt(job);
            if (_lanes.Add(lane))
            {
                Note(lane);
            }
        }

        // Those of whom no job is left.
        foreach (var tier in image.Tiers.OrderBy(tier => tier.Entry.Name, StringComparer.Ordinal))
        {
            _tiers.Add(tier.Entry);
        }

        var users = image.Users.Where(user => user.JobCount == 0);
        foreach (var user in users.OrderBy(user => user.Account.Id, StringComparer.Ordinal))
        {
            _users.Add(user.Account);
        }
    }

    /// <summary>The body, in pieces.</summary>
    /// <param name="image">Only read.</param>
    /// <param name="reserved">Bytes that are left free at the beginning of the first piece.</param>
    /// <param name="pieceBytes">A piece ends with the first thing that makes it at least as long.</param>
    internal static List<byte[]> Write(StateImage image, int reserved, int pieceBytes)
    {
        var writer = new SnapshotWriter(image, pieceBytes);
        var target = new ByteWriter(4096);
        target.Reset(reserved);
        writer.Write(ref target);
        writer._pieces.Add(target.Written.ToArray());
        return writer._pieces;
    }

    private void Note(Lane lane)
    {
        _types.Add(lane.Type);
        _tiers.Add(lane.Tier);
        _users.Add(lane.Owner);
        if (lane.Project is { } project)
        {
            _projects.Add(project);
        }

        if (lane.ResourceNames is { } names)
        {
            _sets.Add(names);
        }
    }

    private void Write(ref ByteWriter target)
    {
        target.Byte((byte)_image.Ordering);
        target.Unsigned((ulong)_image.HeadStartMs);
        target.Unsigned((ulong)_image.LastSequence);
        WriteNames(ref target);
        WriteUsers(ref target);
        WriteProjects(ref target);
        WriteLanes(ref target);
        WriteJobs(ref target);
        WriteEnded(ref target);
        WriteAnswers(ref target);
        WriteIdleUsers(ref target);
    }

    private void WriteNames(ref ByteWriter target)
    {
        target.Unsigned((ulong)_types.Count);
        foreach (var type in _types.All)
        {
            target.Text(type.Name);
        }

        var facts = _image.Tiers.ToDictionary(tier => tier.Entry);
        target.Unsigned((ulong)_tiers.Count);
        foreach (var tier in _tiers.All)
        {
            target.Text(tier.Name);
            var (_, counts, durations) = facts[tier];
            target.Unsigned((ulong)counts.Length);
            foreach (long count in counts)
            {
                target.Unsigned((ulong)count);
            }

            target.Unsigned((ulong)durations.Length);
            foreach (long duration in durations)
            {
                target.Signed(duration);
            }
        }

        target.Unsigned((ulong)_sets.Count);
        foreach (string[] names in _sets.All)
        {
            target.Unsigned((ulong)names.Length);
            foreach (string name in names)
            {
                target.Text(name);
            }
        }
    }

    private void WriteUsers(ref ByteWriter target)
    {
        Invariant.Holds(_users.Count == _image.Users.Length);
        var inOrder = new UserFacts[_users.Count];
        foreach (var user in _image.Users)
        {
            inOrder[_users.Of(user.Account)] = user;
        }

        target.Unsigned((ulong)inOrder.Length);
        foreach (var user in inOrder)
        {
            target.Text(user.Account.Id);
            target.Unsigned((ulong)user.Allowance.DayCount);
            foreach (var (day, charged, deferred) in user.Allowance.Days)
            {
                target.Signed(day);
                target.Unsigned((ulong)charged);
                target.Unsigned((ulong)deferred);
            }

            CutIfLong(ref target);
        }
    }

    private void WriteProjects(ref ByteWriter target)
    {
        Invariant.Holds(_projects.Count == _image.Projects.Length);
        target.Unsigned((ulong)_projects.Count);
        foreach (var project in _projects.All)
        {
            target.Text(project.Id);
            if (!WriteUserIfKnown(project.Owner, ref target))
            {
                target.Text(project.Owner.Id);
            }

            CutIfLong(ref target);
        }
    }

    private void WriteLanes(ref ByteWriter target)
    {
        target.Unsigned((ulong)_lanes.Count);
        foreach (var lane in _lanes.All)
        {
            target.Unsigned((ulong)_users.Of(lane.Owner));
            target.Unsigned(lane.Project is null ? 0 : (ulong)_projects.Of(lane.Project) + 1);
            target.Unsigned((ulong)_types.Of(lane.Type));
            target.Unsigned((ulong)_tiers.Of(lane.Tier));
            target.Unsigned(lane.ResourceNames is null ? 0 : (ulong)_sets.Of(lane.ResourceNames) + 1);
            CutIfLong(ref target);
        }
    }

    private void WriteJobs(ref ByteWriter target)
    {
        target.Unsigned((ulong)_jobs.Length);
        Job? previous = null;
        foreach (int place in _jobs)
        {
            var job = _image.Jobs.At(place);
            SnapshotJobCodec.Write(job, _lanes.Of(job.Lane), previous, ref target);
            previous = job;
            CutIfLong(ref target);
        }
    }

    private void WriteEnded(ref ByteWriter target)
    {
        target.Unsigned((ulong)_image.Jobs.EndedCount);
        int previous = 0;
        for (int ended = _image.Jobs.LiveCount; ended < _image.Jobs.Count; ended++)
        {
            int place = Array.BinarySearch(_sequences, _image.Jobs.SequenceAt(ended));
            Invariant.Holds(_jobs[place] == ended);
            target.Signed(place - previous);
            previous = place;
            CutIfLong(ref target);
        }
    }

    private void WriteAnswers(ref ByteWriter target)
    {
        if (Planted.Is(PlantedBug.SnapshotMissesTable))
        {
            target.Unsigned(0);
            return;
        }

        target.Unsigned((ulong)_image.Answers.Length);
        foreach (var answer in _image.Answers)
        {
            target.Unsigned((ulong)_users.Of(answer.User));
            target.Id(answer.JobId);
            target.Byte((byte)answer.Outcome);
            target.Signed(answer.ScheduledFor.Ms);
            EventCodec.WriteAnswer(answer.Content, ref target);
            CutIfLong(ref target);
        }
    }

    private void WriteIdleUsers(ref ByteWriter target)
    {
        target.Unsigned((ulong)_image.IdleUsers.Length);
        foreach (var (user, day) in _image.IdleUsers)
        {
            WriteUserIfKnown(user, ref target);
            target.Signed(day);
            CutIfLong(ref target);
        }
    }

    private void CutIfLong(ref ByteWriter target)
    {
        if (target.Length >= _pieceBytes)
        {
            _pieces.Add(target.Written.ToArray());
            target.Reset(0);
        }
    }

    private bool WriteUserIfKnown(UserAccount? user, ref ByteWriter target)
    {
        int place = -1;
        bool isKnown = user is not null && _users.TryFind(user, out place);
        target.Unsigned(isKnown ? (ulong)place + 1 : 0);
        return isKnown;
    }

    /// <summary>Things in the order in which they were first seen.</summary>
    private sealed class Places<T>
        where T : class
    {
        private readonly Dictionary<T, int> _places = new(ReferenceEqualityComparer.Instance);

        internal List<T> All { get; } = [];

        internal int Count => All.Count;

        internal bool Add(T thing)
        {
            bool isNew = _places.TryAdd(thing, All.Count);
            if (isNew)
            {
                All.Add(thing);
            }

            return isNew;
        }

        internal int Of(T thing) => _places[thing];

        internal bool TryFind(T thing, out int place) => _places.TryGetValue(thing, out place);
    }
}
