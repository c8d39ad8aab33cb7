namespace Engine.Simulation.Storage.Disk;

/// <summary>The names of one directory in their layers: durable ones, and the changes behind them that no directory
/// sync
/// has covered.</summary>
internal sealed class SimDirectory
{
    private readonly List<DiskCall> _unsynced = [];
    private readonly List<(long End, int Count)> _syncs = [];
    private SortedDictionary<string, SimFile> _durable = new(StringComparer.Ordinal);
    private SortedDictionary<string, SimFile> _cached = new(StringComparer.Ordinal);

    /// <summary>When it was made; it needs its parent's sync to be durable itself.</summary>
    internal long Made { get; init; }

    /// <summary>When the sync of its parent ended that covers it.</summary>
    internal long DurableFrom { get; set; } = Timeline.Never;

    internal long BusyUntil { get; set; }

    /// <summary>What a program sees.</summary>
    internal SortedDictionary<string, SimFile> Names => _cached;

    /// <summary>Every file that has a name here, or may have one after a crash.</summary>
    internal IEnumerable<int> FileIds => _cached.Values.Concat(_durable.Values)
        .Select(file => file.Id)
        .Concat(_unsynced.Select(call => call.FileId));

    /// <summary>A copy whose files are the copies of these files.</summary>
    internal SimDirectory Copy(Func<SimFile, SimFile> file)
    {
        var copy = new SimDirectory
        {
            Made = Made,
            DurableFrom = DurableFrom,
            BusyUntil = BusyUntil,
            _durable = CopyNames(_durable, file),
            _cached = CopyNames(_cached, file),
        };
        copy._unsynced.AddRange(_unsynced);
        copy._syncs.AddRange(_syncs);
        return copy;
    }

    /// <summary>Takes a change of names, or a sync of them, in.</summary>
    internal void Apply(DiskCall call, Func<int, SimFile> file)
    {
        if (call.Kind == DiskCallKind.SyncDirectory)
        {
            _syncs.Add((call.End, _unsynced.Count));
        }
        else
        {
            _unsynced.Add(call);
            Do(_cached, call, file);
        }
    }

    /// <summary>Makes durable what syncs that ended by <paramref name="now"/> cover.</summary>
    internal void Settle(long now, Func<int, SimFile> file)
    {
        int done = 0;
        int covered = 0;
        while (done < _syncs.Count && _syncs[done].End <= now)
        {
            covered = _syncs[done++].Count;
        }

        for (int i = 0; i < covered; i++)
        {
            Do(_durable, _unsynced[i], file);
        }

        _unsynced.RemoveRange(0, covered);
        _syncs.RemoveRange(0, done);
        for (int i = 0; i < _syncs.Count; i++)
        {
            _syncs[i] = (_syncs[i].End, _syncs[i].Count - covered);
        }
    }

    /// <summary>The process died: what it had not begun never happened.</summary>
    internal void Kill(long now, Func<int, SimFile> file)
    {
        Settle(now, file);
        _unsynced.RemoveAll(call => call.Start > now);
        _syncs.Clear();
        _cached = CopyNames(_durable, same => same);
        _unsynced.ForEach(call => Do(_cached, call, file));
        BusyUntil = 0;
    }

    /// <summary>The power is gone: of what no sync covered, fate decides.</summary>
    internal void Crash(long now, CrashFate fate, Func<int, SimFile> file)
    {
        Settle(now, file);
        foreach (var call in _unsynced)
        {
            if (call.Start <= now && fate.KeepsName())
            {
                Do(_durable, call, file);
            }
        }

        _unsynced.Clear();
        _syncs.Clear();
        _cached = CopyNames(_durable, same => same);
        BusyUntil = 0;
    }

    private static void Do(SortedDictionary<string, SimFile> names, DiskCall call, Func<int, SimFile> file)
    {
        switch (call.Kind)
        {
            case DiskCallKind.Create:
                names[call.Path] = file(call.FileId);
                break;
            case DiskCallKind.Rename:
                names.Remove(call.Path);
                names[call.Target!] = file(call.FileId);
                break;
            case DiskCallKind.Delete:
                names.Remove(call.Path);
                break;
            default:
                throw new InvalidOperationException($"{call.Kind} changes no names.");
        }
    }

    private static SortedDictionary<string, SimFile> CopyNames(
        SortedDictionary<string, SimFile> names, Func<SimFile, SimFile> file)
    {
        var copy = new SortedDictionary<string, SimFile>(StringComparer.Ordinal);
        foreach (var (name, value) in names)
        {
            copy.Add(name, file(value));
        }

        return copy;
    }
}
