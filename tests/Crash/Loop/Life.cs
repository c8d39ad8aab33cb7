using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Platform;
using Engine.Tests.Crash.Checks;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Rigs;

namespace Engine.Tests.Crash.Loop;

/// <summary>The life of one journal: killed and started again, checked after every death, and at the end worked off.</summary>
internal sealed class Life : IDisposable
{
    private readonly Lock _bookGate = new();
    private readonly Dictionary<long, uint> _checked = [];
    private readonly HashSet<long> _snapshots = [];
    private readonly HashSet<long> _begins = [];
    private readonly EffectsLog _effects;
    private readonly Archive _archive;
    private readonly LedgerCheck _ledgerCheck;
    private readonly Tally _tally;
    private readonly ulong _seed;
    private readonly string _journalRoot;
    private Dice _dice;
    private long _clockMs;
    private long _replayed;
    private bool _keep;
    private (TaskCompletionSource? Reached, int Answers) _awaited;

    /// <param name="seed">Fixes requests, kills and clocks.</param>
    /// <param name="tally">Told what was met.</param>
    /// <param name="durability">What its journal promises.</param>
    /// <param name="journalRoot">Where the journal is, when it is not with the rest; it is not deleted then.</param>
    internal Life(ulong seed, Tally tally, Durability durability = Durability.Synced, string journalRoot = "")
    {
        (_seed, _tally, Durability, _journalRoot) = (seed, tally, durability, journalRoot);
        _dice = Dice.For(seed, 1);
        Directory = System.IO.Directory.CreateTempSubdirectory("engine-crash-").FullName;
        Book = new Book(seed);
        _effects = new EffectsLog(Options().EffectsPath);
        _archive = new Archive(Options().ArchiveDirectory);
        _ledgerCheck = new LedgerCheck(seed, Book, _effects);
    }

    internal string Directory { get; }

    internal Book Book { get; }

    internal EffectsLog Effects => _effects;

    internal Durability Durability { get; }

    /// <summary>A planted bug for the children, to see the checks fail.</summary>
    internal int AcknowledgeEarlyMs { get; init; }

    /// <summary>Another planted bug.</summary>
    internal Bug Bug { get; init; }

    internal int LeaseMs { get; init; }

    /// <summary>How much the journal grows before a snapshot is taken, in bytes; 0 for never.</summary>
    internal int SnapshotBytes { get; init; }

    /// <summary>The Redis that has the journal; null when files have it.</summary>
    internal RedisPlace? Redis { get; init; }

    /// <summary>Kills <paramref name="cycles"/> times, then lets everything be worked off.</summary>
    internal async Task RunAsync(int cycles)
    {
        foreach (var kill in KillPlan.Draw(_seed, SnapshotBytes > 0).Take(cycles))
        {
            await CycleAsync(kill);
        }

        await DrainAsync();
    }

    /// <summary>One process: started, killed as planned, and what is left of it checked.</summary>
    internal async Task<JournalModel> CycleAsync(Kill kill)
    {
        await using (var child = Start(NextOptions(ref kill)))
        {
            bool met = await MeetAsync(child, kill);
            await child.KillAsync();
            Count(kill, met);
            if (met && kill.Tears && TornTail.Tear(Options().JournalDirectory, new Dice(_dice.Next())))
            {
                _tally.Add("torn tails");
            }
        }

        return await CheckAsync();
    }

    /// <summary>How the next process is started, to die as planned.</summary>
    internal ChildOptions NextOptions(ref Kill kill)
    {
        if (kill.Point == ChildJournal.Replaying && _replayed > 0)
        {
            kill = kill with { PointAt = 1 + (int)(kill.PointAt % _replayed) };
        }
        else if (kill.Point is ChildJournal.Replaying or ChildJournal.Replayed && _replayed == 0)
        {
            // The snapshot is all there is: nothing is read after it.
            kill = KillPlan.InsteadOfReplay;
        }

        // Days pass while the engine is down, too; now and then the clock even goes back (A7).
        _clockMs += _dice.Chance(20) ? -TimeSpan.MillisecondsPerHour : _dice.Below(4 * 3_600_000);
        return Options() with { Pause = kill.Point, PauseAt = kill.PointAt };
    }

    /// <summary>Starts an engine of this life in a process that it shares with others.</summary>
    internal Task<EngineUnderTest> StartAsync(ChildHost host, ChildOptions options)
    {
        Book.Lives++;
        return host.StartAsync(options, Note);
    }

    /// <summary>Waits for the moment of death; false when the named point was not met.</summary>
    /// <param name="child">Who dies.</param>
    /// <param name="kill">When.</param>
    /// <param name="patience">How long the load has to come to a named point, once it is up.</param>
    internal async Task<bool> MeetAsync(EngineUnderTest child, Kill kill, TimeSpan? patience = null)
    {
        bool met = await WaitForAsync(child, kill, patience ?? Guards.Point);
        if (child.Exited.IsCompleted)
        {
            throw Keep(new FindingException("V5", $"the process ended by itself before it was killed ({kill}): {child.Complaint}"));
        }

        return met;
    }

    internal void Count(Kill kill, bool met)
    {
        _tally.Add("cycles");
        _tally.Add($"{(met ? "kill" : "not met")}: {kill.Name}");
    }

    /// <summary>Everything that is not final yet gets there, when nobody kills any more (V2).</summary>
    internal async Task<JournalModel> DrainAsync()
    {
        await using (var child = Start(Options() with { Mode = ChildMode.Drain }))
        {
            if (await child.HearAsync("idle", Guards.Long) is null)
            {
                await child.KillAsync();
                var stuck = (await CheckAsync()).Jobs.Values.Where(job => !job.State.IsFinal).Take(5);
                throw Keep(new FindingException(
                    "V2",
                    $"not everything is worked off: {string.Join("; ", stuck.Select(job => $"{job.Id} {job.Type} {job.State}"))} {child.Complaint}"));
            }

            await StopAsync(child);
        }

        var model = await CheckAsync();
        Expect(model.Running == 0 && model.Queued == 0, "A3", $"{model.Running} runs and {model.Queued} queued jobs are left");
        foreach (var job in model.Jobs.Values)
        {
            Expect(job.State.IsFinal && job.Terminals == 1, "V2", $"{job.Id} is {job.State} with {job.Terminals} terminal events");
        }

        await AskAgainAsync(model);
        _tally.AddLife(Book, model);
        return model;
    }

    /// <summary>Ends a child as an operator does.</summary>
    internal async Task StopAsync(ChildProcess child)
    {
        child.Terminate();
        if (await child.HearAsync("down", Guards.Long) is null)
        {
            throw Keep(new FindingException("V7", $"the process did not stop when asked to: {child.Complaint}"));
        }

        await child.Exited.WaitAsync(Guards.Long);
        Expect(child.ExitCode == 0, "V7", $"the process stopped with exit code {child.ExitCode}: {child.Complaint}");
    }

    internal ChildOptions Options() => new()
    {
        Directory = Directory,
        Seed = _seed,
        First = Book?.NextNumber ?? 0,
        ClockMs = _clockMs,
        Durability = Durability,
        AcknowledgeEarlyMs = AcknowledgeEarlyMs,
        Bug = Bug,
        LeaseMs = LeaseMs,
        SnapshotBytes = SnapshotBytes,
        JournalRoot = _journalRoot,
        RedisAddress = Redis?.ChildAddress ?? "",
        Zombies = [.. Book?.Unfinished().TakeLast(4) ?? []],
    };

    internal ChildProcess Start(ChildOptions options, IReadOnlyList<string>? under = null)
    {
        Book.Lives++;
        return ChildProcess.Start(options, Note, under);
    }

    /// <summary>Reads what the dead left behind and holds it against everything that was said. Changes nothing.</summary>
    internal async Task<JournalModel> CheckAsync()
    {
        try
        {
            var (model, replay) = await ReadAsync();
            CheckContinues(model);
            replay.CompareWith(model);
            _ledgerCheck.Run(model);
            _tally.Add("unanswered, present", _ledgerCheck.UnansweredPresent);
            _tally.Add("unanswered, absent", _ledgerCheck.UnansweredAbsent);
            return model;
        }
        catch (JournalException exception)
        {
            throw Keep(new FindingException("D6", "the journal cannot be read after a kill", exception));
        }
        catch (FindingException)
        {
            _keep = true;
            throw;
        }
    }

    /// <summary>The journal, folded twice: by the model and by the engine's core.</summary>
    internal async Task<(JournalModel Model, Replay Replay)> ReadAsync()
    {
        var replay = new Replay();
        var model = new JournalModel
        {
            ExpectsKey = id =>
                Book.NumberOf.TryGetValue(id, out int n) && Workload.Request(_seed, n).IdempotencyKey is not null,
        };
        await using var journal = OpenJournal();
        var (begin, beginChecksum) = Redis is null ? BeginOf(Options().JournalDirectory) : await Redis.BeginAsync();
        _archive.ReadOn();
        foreach (var frame in _archive.UpTo(begin, beginChecksum))
        {
            model.Fold(frame);
            replay.Apply(frame);
        }

        // What the next start will begin with, beside what it stands for.
        var snapshot = await journal.LoadSnapshotAsync();
        var restored = snapshot is null ? null : new Replay(snapshot.State);
        await foreach (var frame in journal.ReadAsync(begin + 1))
        {
            model.Fold(frame);
            replay.Apply(frame);
            if (frame.Sequence > snapshot?.Sequence)
            {
                restored!.Apply(frame);
            }
        }

        _replayed = model.LastSequence - (snapshot?.Sequence ?? 0);
        CheckSnapshot(model, replay, snapshot, restored, begin);
        return (model, replay);
    }

    private void CheckSnapshot(JournalModel model, Replay replay, JournalSnapshot? snapshot, Replay? restored, long begin)
    {
        Expect(begin == 0 || snapshot is not null, "D6", $"the log begins after frame {begin}, and there is no snapshot");
        if (snapshot is null)
        {
            return;
        }

        Expect(
            snapshot.Sequence >= begin && snapshot.Sequence <= model.LastSequence
                && model.ChecksumOf(snapshot.Sequence) == snapshot.Checksum,
            "D2", $"the snapshot of frame {snapshot.Sequence} is not of this log, which goes from {begin} to {model.LastSequence}");
        Expect(
            restored!.StateHash == replay.StateHash,
            "D4", $"the snapshot of frame {snapshot.Sequence} and the frames after it give another state than all frames");
        restored.CompareWith(model);
        if (_snapshots.Add(snapshot.Sequence))
        {
            _tally.Add("snapshots");
        }

        if (begin > 0 && _begins.Add(begin))
        {
            _tally.Add("truncations");
        }
    }

    /// <summary>The last frame that the journal has let go of.</summary>
    private static (long Sequence, uint Checksum) BeginOf(string directory)
    {
        using var file = new SuperblockFile(FileSystemCalls.Current, directory);
        return file.Read() is { } superblock ? (superblock.Begin.Sequence, superblock.Begin.Checksum) : default;
    }

    internal IJournal OpenJournal() => Redis is not null ? Redis.Open() : new FasterJournal(new FasterJournalOptions
    {
        Directory = Options().JournalDirectory,
        SegmentSizeBytes = ChildProgram.SegmentSizeBytes,
        Durability = Durability,
    });

    /// <summary>Returns when so many submissions more were answered; false when the child ended before, or the time is
    /// up.</summary>
    internal async Task<bool> AdvanceAsync(EngineUnderTest child, int answers)
    {
        Task reached;
        lock (_bookGate)
        {
            var awaited = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _awaited = (awaited, answers);
            reached = awaited.Task;
        }

        using var guard = new CancellationTokenSource();
        await Task.WhenAny(reached, child.Exited, Task.Delay(Guards.Start, guard.Token));
        await guard.CancelAsync();
        return reached.IsCompleted;
    }

    /// <summary>Whether something was found: then the directory stays.</summary>
    internal bool IsKept => _keep;

    /// <summary>Copies a journal that lies elsewhere to what is kept.</summary>
    internal void KeepJournal()
    {
        string target = Path.Combine(Directory, "journal");
        System.IO.Directory.CreateDirectory(target);
        foreach (string path in System.IO.Directory.EnumerateFiles(Options().JournalDirectory))
        {
            File.Copy(path, Path.Combine(target, Path.GetFileName(path)), overwrite: true);
        }
    }

    /// <summary>Lets the directory go though something was found: it was meant to be.</summary>
    internal void Forget() => _keep = false;

    public void Dispose()
    {
        if (_keep)
        {
            TempRoot.Keep(Directory);
        }
        else
        {
            System.IO.Directory.Delete(Directory, recursive: true);
        }
    }

    /// <summary>An engine in this process asks for everything once more: each key gives its job, each owner sees it.</summary>
    private async Task AskAgainAsync(JournalModel model)
    {
        await using var engine = await StartHereAsync();
        foreach (var (n, (_, answers)) in Book.Submissions)
        {
            var first = answers.FirstOrDefault(answer => answer.IsAccepted);
            if (!first.IsAccepted)
            {
                continue;
            }

            var request = Workload.Request(_seed, n);
            var view = await engine.GetAsync(first.JobId, request.UserId);
            Expect(
                view is not null && view.State == model.Jobs[first.JobId].State,
                "D1", $"submission {n} was answered {first}; its owner now gets {view?.State.ToString() ?? "nothing"}");
            Expect(await engine.GetAsync(first.JobId, "somebody") is null, "W6", $"{first.JobId} is shown to somebody");
            var again = await engine.SubmitAsync(request);
            bool same = request.IdempotencyKey is null
                ? again.Refusal?.Reason == RefusalReason.DuplicateId
                : again.Repeated && again.JobId == first.JobId && again.Outcome == first.Outcome
                    && again.Position == first.Position;
            Expect(same, "W5", $"submission {n} was answered {first} and at the end {again}");
        }
    }

    private async Task<JobEngine> StartHereAsync()
    {
        for (bool again = false; ; again = true)
        {
            var options = Workload.Options(snapshotBytes: SnapshotBytes);
            var engine = new JobEngine(options, OpenJournal(), new ShiftedTime(_clockMs));
            try
            {
                await engine.StartAsync();
                return engine;
            }
            catch (JournalLockedException locked) when (!again && locked.RetryAfter is not null)
            {
                // The network lost what gave the ownership back: it ends with its lease.
                await engine.DisposeAsync();
                await Task.Delay(locked.RetryAfter.Value);
            }
        }
    }

    private void Note(string line)
    {
        // Several children of one life may speak at once.
        lock (_bookGate)
        {
            Book.Note(line);
            if (_awaited.Answers > 0 && line.StartsWith("got ", StringComparison.Ordinal) && --_awaited.Answers == 0)
            {
                _awaited.Reached!.SetResult();
            }
        }
    }

    private async Task<bool> WaitForAsync(EngineUnderTest child, Kill kill, TimeSpan patience)
    {
        if (kill.Point.Length > 0)
        {
            // Points of recovery come before it serves; the others soon after, unless there is nothing left to do.
            var at = child.HearAsync("at", Guards.Start);
            if (await Task.WhenAny(at, child.HearAsync("up", Guards.Start)) != at)
            {
                at = child.HearAsync("at", patience);
            }

            return await at is not null;
        }

        if (!kill.FromStart && await child.HearAsync("up", Guards.Start) is null)
        {
            return false;
        }

        // Not a wait for something: the delay is the moment that the plan says.
        using var moment = new CancellationTokenSource();
        await Task.WhenAny(Task.Delay(kill.DelayMs, moment.Token), child.Exited);
        await moment.CancelAsync();
        return true;
    }

    /// <summary>What was read after an earlier death is still there, bit for bit: a journal only ever grows (D2).</summary>
    private void CheckContinues(JournalModel model)
    {
        foreach (var (sequence, checksum) in _checked)
        {
            Expect(
                model.LastSequence >= sequence && model.ChecksumOf(sequence) == checksum,
                "D2", $"frame {sequence} was there after an earlier death, and is not any more, or not the same");
        }

        if (model.LastSequence > 0)
        {
            _checked[model.LastSequence] = model.ChecksumOf(model.LastSequence);
        }
    }

    private void Expect(bool holds, string promise, FormattableString message)
    {
        if (!holds)
        {
            throw Keep(new FindingException(promise, FormattableString.Invariant(message)));
        }
    }

    /// <summary>Marks the directory as worth looking at.</summary>
    internal FindingException Keep(FindingException finding)
    {
        _keep = true;
        return finding;
    }
}
