using Engine.Core;

namespace Engine.Simulation.Storage.Disk;

/// <summary>A disk with a file system on it, in virtual time: calls take time, may fail, and a crash leaves of what was
/// not synced whatever a real disk could leave.</summary>
/// <remarks>Used from one thread. Every call is dated by the <see cref="Timeline"/> of whoever makes it; what is dated
/// later than a crash never happened.</remarks>
internal sealed class SimDisk
{
    private const int NoSpaceCode = 28;
    private const int InputOutputCode = 5;

    private readonly SortedDictionary<string, SimDirectory> _directories = new(StringComparer.Ordinal);
    private readonly Dictionary<int, SimFile> _files = [];
    private readonly DiskDice? _dice;
    private readonly Func<int, SimFile> _file;
    private int _lastFileId;

    /// <param name="timeline">Who makes calls, and when.</param>
    /// <param name="options">What kind of disk it is.</param>
    /// <param name="random">Dice for latencies and faults; null for a disk without either.</param>
    internal SimDisk(Timeline timeline, DiskOptions? options = null, RandomStream? random = null)
    {
        Timeline = timeline;
        Options = options ?? new DiskOptions();
        _dice = random is null ? null : new DiskDice(this, random);
        _file = FileOf;
        _directories.Add("/", new SimDirectory { DurableFrom = 0 });
    }

    internal Timeline Timeline { get; }

    internal DiskOptions Options { get; }

    internal DiskFaults Faults { get; set; } = DiskFaults.None;

    /// <summary>What the faults so far excuse.</summary>
    internal StoreDoubts Doubts { get; set; }

    /// <summary>Reads that failed.</summary>
    internal int FailedReads { get; set; }

    /// <summary>Hears of faults and of what crashes did, by name.</summary>
    internal Action<string>? Sometimes { get; set; }

    /// <summary>Hears of every call, when it is made: to make the same calls to another disk.</summary>
    internal Action<DiskCall>? Called { get; set; }

    /// <summary>Asked before a call is made, with its kind and path: an error to fail it with, or null.</summary>
    internal Func<DiskCallKind, string, IOException?>? Fault { get; set; }

    /// <summary>Asked at each read, with the count of bytes that are there: which of them cannot be read, or null.</summary>
    internal Func<int, Range?>? Unreadable { get; set; }

    /// <summary>Identifies the run of the machine: another one after a crash.</summary>
    internal long Boot { get; private set; } = 1;

    /// <summary>The files that have a name.</summary>
    internal IEnumerable<SimFile> Files => _directories.Values.SelectMany(directory => directory.Names.Values);

    private long Used => Files.Sum(file => Math.Max(file.Reserved, file.Cached.Length));

    /// <summary>The same disk at this moment, on its own from here on.</summary>
    internal SimDisk Copy(Timeline timeline)
    {
        var copy = new SimDisk(timeline, Options) { Boot = Boot, _lastFileId = _lastFileId };
        foreach (var (id, file) in _files)
        {
            copy._files.Add(id, file.Copy());
        }

        foreach (var (path, directory) in _directories)
        {
            copy._directories[path] = directory.Copy(file => copy._files[file.Id]);
        }

        return copy;
    }

    internal bool Exists(string path) => Find(path) is not null;

    internal bool HasDirectory(string path) => _directories.ContainsKey(path);

    internal IEnumerable<string> List(string directory) => _directories.TryGetValue(directory, out var found)
        ? [.. found.Names.Keys.Select(name => Join(directory, name))]
        : [];

    internal SimFile Open(string path) =>
        Find(path) ?? throw new FileNotFoundException($"Could not find file '{path}'.", path);

    internal SimFile FileOf(int id) => _files[id];

    /// <summary>Makes a directory and those above it.</summary>
    internal void MakeDirectory(string path)
    {
        if (!_directories.ContainsKey(path))
        {
            MakeDirectory(ParentOf(path));
            Do(new DiskCall(DiskCallKind.MakeDirectory, path));
        }
    }

    /// <summary>Opens a file that becomes empty if it is there, and is made if not.</summary>
    internal SimFile Create(string path, long reserve)
    {
        if (Find(path) is { } file)
        {
            Do(new DiskCall(DiskCallKind.Truncate, path, FileId: file.Id));
        }
        else
        {
            Reserve(path, 0, reserve);
            Do(new DiskCall(DiskCallKind.Create, path, FileId: _lastFileId + 1));
            file = _files[_lastFileId];
        }

        file.Reserved = reserve;
        return file;
    }

    internal void Write(SimFile file, string path, ReadOnlySpan<byte> bytes, long offset)
    {
        Reserve(path, Math.Max(file.Reserved, file.Cached.Length), offset + bytes.Length);
        Do(new DiskCall(DiskCallKind.Write, path, null, file.Id, (int)offset, bytes.ToArray()));
    }

    internal int Read(SimFile file, string path, Span<byte> target, long offset)
    {
        int count = file.Cached.Read((int)offset, target);
        if ((Unreadable?.Invoke(count) ?? _dice?.Unreadable(target[..count])) is { } block)
        {
            FailedReads++;
            target[block].Clear();
            if (!Planted.Is(PlantedBug.FailedReadAsZeros))
            {
                throw new IOException($"Input/output error: reading '{path}'", InputOutputCode);
            }
        }

        return count;
    }

    internal void Sync(SimFile file, string path) => Do(new DiskCall(DiskCallKind.Sync, path, FileId: file.Id));

    internal void SyncDirectory(string path) => Do(new DiskCall(DiskCallKind.SyncDirectory, path));

    internal void Rename(string path, string target) =>
        Do(new DiskCall(DiskCallKind.Rename, path, target, Open(path).Id));

    internal void Delete(string path)
    {
        if (Find(path) is { } file)
        {
            Do(new DiskCall(DiskCallKind.Delete, path, FileId: file.Id));
        }
    }

    /// <summary>Makes a call that another disk has heard of.</summary>
    internal void Repeat(DiskCall call)
    {
        var at = call with { Start = Timeline.Now, End = Timeline.Now };
        Apply(at);
        Called?.Invoke(at);
    }

    /// <summary>The process dies: what it had not begun never happened; what it wrote is in the page cache.</summary>
    internal void Kill(CrashFate fate)
    {
        long now = Timeline.WorldNow;
        foreach (var file in _files.Values)
        {
            file.Kill(now, fate);
        }

        foreach (var directory in _directories.Values)
        {
            directory.Kill(now, _file);
        }

        RemoveDirectories(made => made <= now);
    }

    /// <summary>The machine loses power.</summary>
    internal void Crash(CrashFate fate)
    {
        long now = Timeline.WorldNow;
        Boot++;
        foreach (var (path, directory) in _directories.ToList())
        {
            directory.Crash(now, fate, _file);
            bool isDurable = directory.DurableFrom <= now;
            if (_directories.ContainsKey(path) && (directory.Made > now || (!isDurable && !fate.KeepsName())))
            {
                RemoveTree(path);
            }
        }

        Forget();
        foreach (int id in _files.Keys.Order().ToList())
        {
            if (_files[id].Unsynced.Count > 0)
            {
                Sometimes?.Invoke("disk: a crash caught unsynced writes");
            }

            _files[id].Crash(now, fate);
        }
    }

    private static string Join(string directory, string name) => directory == "/" ? "/" + name : $"{directory}/{name}";

    private static string ParentOf(string path) => path.LastIndexOf('/') is > 0 and var cut ? path[..cut] : "/";

    private static string NameOf(string path) => path[(path.LastIndexOf('/') + 1)..];

    private SimFile? Find(string path) =>
        _directories.TryGetValue(ParentOf(path), out var directory) &&
        directory.Names.TryGetValue(NameOf(path), out var file)
            ? file
            : null;

    private void Reserve(string path, long has, long wanted)
    {
        if (wanted > has &&
            (Options.CapacityBytes < long.MaxValue && Used - has + wanted > Options.CapacityBytes ||
                _dice?.IsFull() == true))
        {
            throw new IOException($"No space left on device: '{path}'", NoSpaceCode);
        }
    }

    private void Do(DiskCall call)
    {
        var error = Fault?.Invoke(call.Kind, call.Path) ?? (_dice?.Fails(call) != true
            ? null
            : new IOException($"Input/output error: {call.Kind} of '{call.Path}'", InputOutputCode));

        // One call on a file, or a directory, after the other: it begins when the one before has ended.
        long start = Math.Max(Timeline.Now, BusyUntil(call));
        long end = start + (_dice?.Duration(call) ?? 0);
        call = call with { Start = start, End = end };
        Timeline.WaitUntil(end);
        if (error is not null)
        {
            Fail(call);
            throw error;
        }

        if (_dice?.Distort(ref call) != true)
        {
            Apply(call);
        }

        Called?.Invoke(call);
    }

    private void Fail(DiskCall call)
    {
        if (call.Kind == DiskCallKind.Sync)
        {
            var file = _files[call.FileId];
            file.Settle(Timeline.WorldNow);
            file.FailSync(call, _dice?.Fate() ?? new PlainFate(keeps: false));
            file.BusyUntil = call.End;
        }
    }

    private long BusyUntil(DiskCall call) => call.Kind switch
    {
        DiskCallKind.Write or DiskCallKind.Sync or DiskCallKind.Truncate => _files[call.FileId].BusyUntil,
        DiskCallKind.SyncDirectory => _directories[call.Path].BusyUntil,
        DiskCallKind.MakeDirectory => 0,
        DiskCallKind.Create or DiskCallKind.Rename or DiskCallKind.Delete =>
            _directories[ParentOf(call.Path)].BusyUntil,
    };

    private void Apply(DiskCall call)
    {
        long now = Timeline.WorldNow;
        switch (call.Kind)
        {
            case DiskCallKind.MakeDirectory:
                _directories[call.Path] = new SimDirectory { Made = call.Start };
                break;
            case DiskCallKind.Write or DiskCallKind.Sync or DiskCallKind.Truncate:
                var file = _files[call.FileId];
                file.Settle(now);
                file.Apply(call);
                file.BusyUntil = call.End;
                break;
            case DiskCallKind.SyncDirectory:
                ApplyNames(call.Path, call, now);
                foreach (var (path, child) in _directories)
                {
                    if (path != "/" && ParentOf(path) == call.Path)
                    {
                        child.DurableFrom = Math.Min(child.DurableFrom, call.End);
                    }
                }

                Forget();
                break;
            case DiskCallKind.Create:
                _lastFileId = Math.Max(_lastFileId, call.FileId);
                _files.TryAdd(call.FileId, new SimFile(call.FileId, Options.SectorBytes));
                ApplyNames(ParentOf(call.Path), call, now);
                break;
            case DiskCallKind.Rename or DiskCallKind.Delete:
                ApplyNames(ParentOf(call.Path), call, now);
                break;
        }
    }

    private void ApplyNames(string path, DiskCall call, long now)
    {
        var directory = _directories[path];
        directory.Settle(now, _file);
        directory.Apply(
            call with { Path = NameOf(call.Path), Target = call.Target is null ? null : NameOf(call.Target) }, _file);
        directory.BusyUntil = call.End;
    }

    /// <summary>Drops the files that have no name any more and cannot get one back.</summary>
    private void Forget()
    {
        var named = _directories.Values.SelectMany(directory => directory.FileIds).ToHashSet();
        foreach (int id in _files.Keys.Where(id => !named.Contains(id)).ToList())
        {
            _files.Remove(id);
        }
    }

    private void RemoveDirectories(Func<long, bool> stays)
    {
        foreach (string path in _directories.Where(pair => !stays(pair.Value.Made)).Select(pair => pair.Key).ToList())
        {
            RemoveTree(path);
        }
    }

    private void RemoveTree(string path)
    {
        foreach (string inner in _directories.Keys
            .Where(key => key == path || key.StartsWith(path + "/", StringComparison.Ordinal))
            .ToList())
        {
            _directories.Remove(inner);
        }
    }
}
