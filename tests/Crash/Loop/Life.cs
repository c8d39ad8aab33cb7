using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Tests.Crash.Checks;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Rigs;

namespace Engine.Tests.Crash.Loop;

/// <summary>The life of one journal: killed and started again, checked after every death, and at the end worked off.</summary>
internal sealed partial class Life : IDisposable
{
    private readonly Lock _bookGate = new();
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
