namespace Engine.Simulation.Storage.Disk;

/// <summary>The content of one file in its layers: what is durable, and the writes behind it that no sync has
/// covered.</summary>
internal sealed class SimFile(int id, int sectorBytes)
{
    private const long WriteBackAfter = 30 * TimeSpan.TicksPerSecond;

    private readonly List<DiskCall> _unsynced = [];
    private readonly List<(long End, int Count, CrashFate? Failure)> _syncs = [];
    private DiskBytes _durable = new();
    private DiskBytes _cached = new();

    internal int Id => id;

    /// <summary>Calls on one file come one after another: the next begins no earlier.</summary>
    internal long BusyUntil { get; set; }

    /// <summary>What the disk has set aside for it.</summary>
    internal long Reserved { get; set; }

    /// <summary>What a program sees.</summary>
    internal DiskBytes Cached => _cached;

    /// <summary>What is there after a loss of power, whatever becomes of the rest.</summary>
    internal DiskBytes Durable => _durable;

    internal IReadOnlyList<DiskCall> Unsynced => _unsynced;

    internal SimFile Copy()
    {
        var copy = new SimFile(id, sectorBytes)
        {
            BusyUntil = BusyUntil,
            Reserved = Reserved,
            _durable = _durable.Copy(),
            _cached = _cached.Copy(),
        };
        copy._unsynced.AddRange(_unsynced);
        copy._syncs.AddRange(_syncs);
        return copy;
    }

    /// <summary>Takes a write, a truncation or a sync in.</summary>
    internal void Apply(DiskCall call)
    {
        if (call.Kind == DiskCallKind.Sync)
        {
            _syncs.Add((call.End, _unsynced.Count, null));
        }
        else
        {
            _unsynced.Add(call);
            Do(_cached, call);
        }
    }

    /// <summary>Makes durable what syncs that ended by <paramref name="now"/> cover.</summary>
    internal void Settle(long now)
    {
        if (_syncs.Count == 0)
        {
            WriteBack(now);
        }

        while (_syncs.Count > 0 && _syncs[0].End <= now)
        {
            var (_, covered, failure) = _syncs[0];
            if (failure is null)
            {
                Persist(covered);
            }
            else
            {
                _durable = Leave(failure, covered);
                _unsynced.RemoveRange(0, covered);
            }

            _syncs.RemoveAt(0);
            for (int i = 0; i < _syncs.Count; i++)
            {
                _syncs[i] = _syncs[i] with { Count = _syncs[i].Count - covered };
            }
        }
    }

    /// <summary>Takes a sync in that fails: some of what it should have made durable is, the rest is gone and nobody
    /// will write it again, though programs still see it.</summary>
    internal void FailSync(DiskCall call, CrashFate fate) => _syncs.Add((call.End, _unsynced.Count, fate));

    /// <summary>Lets programs see what the disk has; what is not synced they go on seeing.</summary>
    internal void DropCache()
    {
        // Of a sync that is dated later, too: a kernel may write back what it likes as early as it likes.
        Settle(BusyUntil);
        if (_unsynced.Count == 0)
        {
            _cached = _durable.Copy();
        }
    }

    /// <summary>The process died: what it had not begun to write never happened.</summary>
    internal void Kill(long now, CrashFate fate)
    {
        Settle(now);
        int begun = Begun(now);
        if (_syncs.Count == 0 && begun == _unsynced.Count)
        {
            return;
        }

        _unsynced.RemoveRange(begun, _unsynced.Count - begun);
        _syncs.Clear();
        _cached = _durable.Copy();
        for (int i = 0; i < _unsynced.Count; i++)
        {
            if (_unsynced[i] is { Bytes: not null } call && call.End > now)
            {
                _unsynced[i] = call with { Bytes = call.Bytes[..fate.Written(call.Bytes.Length)], End = now };
            }

            Do(_cached, _unsynced[i]);
        }

        BusyUntil = 0;
    }

    /// <summary>The power is gone: of what no sync covered, fate decides.</summary>
    internal void Crash(long now, CrashFate fate)
    {
        Settle(now);
        int begun = Begun(now);
        _unsynced.RemoveRange(begun, _unsynced.Count - begun);
        _durable = Leave(fate, _unsynced.Count);
        _cached = _durable.Copy();
        _unsynced.Clear();
        _syncs.Clear();
        BusyUntil = 0;
    }

    private static void Do(DiskBytes bytes, DiskCall call)
    {
        if (call.Kind == DiskCallKind.Truncate)
        {
            bytes.Resize(0);
        }
        else
        {
            bytes.Write(call.Offset, call.Bytes);
        }
    }

    private void WriteBack(long now)
    {
        // As a kernel does with what nobody syncs.
        int old = 0;
        while (_syncs.Count == 0 && old < _unsynced.Count && _unsynced[old].End < now - WriteBackAfter)
        {
            old++;
        }

        Persist(old);
    }

    private int Begun(long now)
    {
        int begun = _unsynced.Count;
        while (begun > 0 && _unsynced[begun - 1].Start > now)
        {
            begun--;
        }

        return begun;
    }

    private void Persist(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Do(_durable, _unsynced[i]);
        }

        _unsynced.RemoveRange(0, count);
    }

    /// <summary>What fate leaves of the first unsynced calls.</summary>
    private DiskBytes Leave(CrashFate fate, int count)
    {
        if (count == 0)
        {
            return _durable;
        }

        // Every state in between is a version: the length, and each sector, is left in one of them, or worse.
        var versions = new List<DiskBytes>(count + 1) { _durable };
        var touched = new SortedDictionary<int, List<int>>();
        for (int i = 0; i < count; i++)
        {
            var next = versions[^1].Copy();
            var call = _unsynced[i];
            Do(next, call);
            versions.Add(next);
            int end = call.Kind == DiskCallKind.Truncate ? versions[i].Length : call.Offset + call.Bytes!.Length;
            for (int sector = call.Offset / sectorBytes; sector * sectorBytes < end; sector++)
            {
                if (!touched.TryGetValue(sector, out var changes))
                {
                    touched.Add(sector, changes = []);
                }

                changes.Add(i + 1);
            }
        }

        var left = _durable.Copy();
        left.Resize(versions[fate.Length(versions)].Length);
        byte[] bytes = new byte[sectorBytes];
        foreach (var (sector, changes) in touched)
        {
            int offset = sector * sectorBytes;
            int length = Math.Min(sectorBytes, left.Length - offset);
            if (length > 0)
            {
                fate.Sector(new SectorChoice(versions, changes, offset), bytes);
                left.Write(offset, bytes.AsSpan(0, length));
            }
        }

        fate.Neighbours(left, touched.Keys, sectorBytes);
        return left;
    }
}

/// <summary>One sector that a crash caught between its versions.</summary>
/// <param name="Versions">The whole file: durable first, then after each unsynced call.</param>
/// <param name="Changes">The versions in which the sector changed, ascending.</param>
/// <param name="Offset">Of the sector in the file.</param>
internal readonly record struct SectorChoice(
    IReadOnlyList<DiskBytes> Versions, IReadOnlyList<int> Changes, int Offset)
{
    internal void Old(Span<byte> target) => Versions[0].ReadPadded(Offset, target);

    internal void New(Span<byte> target) => Versions[^1].ReadPadded(Offset, target);

    internal void At(int version, Span<byte> target) => Versions[version].ReadPadded(Offset, target);
}
