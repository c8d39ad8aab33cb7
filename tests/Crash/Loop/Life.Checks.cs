using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Platform;
using Engine.Tests.Crash.Checks;

namespace Engine.Tests.Crash.Loop;

/// <content>What every death leaves behind is read, folded and held against what was said.</content>
internal sealed partial class Life
{
    private readonly Dictionary<long, uint> _checked = [];
    private readonly HashSet<long> _snapshots = [];
    private readonly HashSet<long> _begins = [];

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
}
