using System.Buffers;
using Engine.Core;
using Engine.Core.Rules;
using Engine.Core.Scheduling;

namespace Engine.Storage;

/// <summary>Builds the state that <see cref="SnapshotWriter"/> wrote down. Whatever it wrote can be read; anything else
/// is damage.</summary>
/// <param name="core">Knows nothing yet.</param>
internal class SnapshotReader(EngineCore core)
{
    private readonly EngineState _state = core.State;
    private JobTypeEntry[] _types = [];
    private TierEntry[] _tiers = [];
    private string[][] _sets = [];
    private UserAccount[] _users = [];
    private Project[] _projects = [];
    private Lane[] _lanes = [];
    private Job[] _jobs = [];
    private bool[] _isEnded = [];
    private int _endedCount;

    internal void Read(in ReadOnlySequence<byte> body)
    {
        var source = new ByteReader(body);
        _state.Ordering = (Ordering)source.Byte();
        Invariant.Holds(Enum.IsDefined(_state.Ordering));
        _state.HeadStartMs = (long)source.Unsigned();
        _state.LastSequence = (long)source.Unsigned();
        ReadNames(ref source);
        ReadUsers(ref source);
        ReadProjects(ref source);
        ReadLanes(ref source);
        ReadJobs(ref source);
        ReadEnded(ref source);
        ReadAnswers(ref source);
        ReadIdleUsers(ref source);
        if (source.Remaining > 0)
        {
            throw new JournalDamagedException($"A snapshot has {source.Remaining} bytes more than its state.");
        }
    }

    private void ReadNames(ref ByteReader source)
    {
        _types = Table<JobTypeEntry>(ref source);
        for (int i = 0; i < _types.Length; i++)
        {
            _types[i] = core.TypeEntry(Name(ref source));
        }

        _tiers = Table<TierEntry>(ref source);
        for (int i = 0; i < _tiers.Length; i++)
        {
            var tier = _tiers[i] = core.TierEntry(Name(ref source));
            Invariant.Holds(!tier.WasUsed && source.Count() == tier.Counts.Length);
            for (int state = 0; state < tier.Counts.Length; state++)
            {
                tier.Counts[state] = (long)source.Unsigned();
            }

            int durations = source.Count();
            Invariant.Holds(durations <= TierEntry.MaxDurations);
            for (int j = 0; j < durations; j++)
            {
                tier.Completed(source.Signed());
            }
        }

        _sets = Table<string[]>(ref source);
        for (int i = 0; i < _sets.Length; i++)
        {
            _sets[i] = Table<string>(ref source);
            for (int j = 0; j < _sets[i].Length; j++)
            {
                _sets[i][j] = Name(ref source);
            }
        }
    }

    private void ReadUsers(ref ByteReader source)
    {
        _users = Table<UserAccount>(ref source);
        _state.Users.EnsureCapacity(_users.Length);
        for (int i = 0; i < _users.Length; i++)
        {
            string id = Name(ref source);
            Invariant.Holds(!_state.Users.ContainsKey(id));
            var user = _users[i] = _state.UserOf(id);
            int days = source.Count();
            for (int j = 0; j < days; j++)
            {
                user.Allowance.Restore(source.Int(), source.Count(), source.Count());
            }
        }
    }

    private void ReadProjects(ref ByteReader source)
    {
        _projects = Table<Project>(ref source);
        for (int i = 0; i < _projects.Length; i++)
        {
            string id = Name(ref source);
            int owner = source.Count();
            Invariant.Holds(!_state.Projects.ContainsKey(id));

            // An owner who was forgotten is remembered by name, for as long as the project is kept.
            _projects[i] = _state.ProjectOf(
                id, owner == 0 ? new UserAccount(Name(ref source), 0) : At(_users, owner - 1));
        }
    }

    private void ReadLanes(ref ByteReader source)
    {
        _lanes = Table<Lane>(ref source);
        for (int i = 0; i < _lanes.Length; i++)
        {
            var user = At(_users, source.Count());
            int project = source.Count();
            var type = At(_types, source.Count());
            var tier = At(_tiers, source.Count());
            int set = source.Count();
            _lanes[i] = _state.LaneOf(
                type,
                tier,
                user,
                project == 0 ? null : At(_projects, project - 1),
                set == 0 ? null : At(_sets, set - 1));
        }
    }

    private void ReadJobs(ref ByteReader source)
    {
        int count = Count(ref source);
        Expect(count);
        _isEnded = new bool[count];
        var payloads = new ByteArena();
        Job? previous = null;
        for (int i = 0; i < count; i++)
        {
            var job = NextJob();
            job.Lane = At(_lanes, SnapshotJobCodec.Read(job, previous, ref source, payloads));
            job.User = job.Lane.Owner;
            Invariant.Holds(job.State != JobState.None && Enum.IsDefined(job.State));
            Invariant.Holds(job.Sequence > (previous?.Sequence ?? 0));
            if (job.State.IsFinal)
            {
                _isEnded[i] = true;
                _endedCount++;
            }

            Take(job, i);
            previous = job;
        }
    }

    private void ReadEnded(ref ByteReader source)
    {
        Invariant.Holds(source.Count() == _endedCount);
        int place = 0;
        for (int i = 0; i < _endedCount; i++)
        {
            place += source.Int();
            Invariant.Holds(At(_isEnded, place));
            _isEnded[place] = false;
            TakeEnded(place);
        }
    }

    /// <summary>So many jobs will follow.</summary>
    protected virtual void Expect(int jobs)
    {
        _jobs = new Job[jobs];
        _state.Jobs.EnsureCapacity(jobs);
    }

    /// <summary>An object for the next job; the one before is still needed.</summary>
    protected virtual Job NextJob() => _state.NewJob();

    /// <summary>A job was read. They come in the order in which they were submitted.</summary>
    protected virtual void Take(Job job, int place)
    {
        JobMoves.Restore(_state, job);
        _jobs[place] = job;
    }

    /// <summary>The job at this place was the next to end.</summary>
    protected virtual void TakeEnded(int place) => _state.AddEnded(_jobs[place]);

    private void ReadAnswers(ref ByteReader source)
    {
        int count = source.Count();
        for (int i = 0; i < count; i++)
        {
            var user = At(_users, source.Count());
            var kept = new KeptAnswer(
                user,
                source.Id(),
                (SubmitOutcome)source.Byte(),
                new Instant(source.Signed()),
                EventCodec.ReadAnswer(ref source));
            _state.Answers.Enqueue(kept);
            (user.Answers ??= new(StringComparer.Ordinal))[kept.Content.Key] = kept;
        }
    }

    private void ReadIdleUsers(ref ByteReader source)
    {
        int count = source.Count();
        for (int i = 0; i < count; i++)
        {
            int user = source.Count();

            // One that was forgotten since still takes its turn, and is passed over then.
            _state.NoteIdle(user == 0 ? new UserAccount("", 0) : At(_users, user - 1), source.Int());
        }
    }

    private static T[] Table<T>(ref ByteReader source) => new T[Count(ref source)];

    /// <summary>How many things are said to follow: each takes a byte at least.</summary>
    private static int Count(ref ByteReader source)
    {
        int count = source.Count();
        Invariant.Holds(count <= source.Remaining);
        return count;
    }

    private static string Name(ref ByteReader source)
    {
        string? name = source.Text();
        Invariant.Holds(name is not null);
        return name;
    }

    private static T At<T>(T[] table, int place)
    {
        Invariant.Holds((uint)place < (uint)table.Length);
        return table[place];
    }
}
