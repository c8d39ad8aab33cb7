using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Engine.Storage;

namespace Engine.Host.Processes;

/// <summary>Where runs work: <c>runs/JOB/RUN</c> under the data directory, kept as long as the job's log.</summary>
/// <remarks>
/// Jobs of a journal in memory end with the process: theirs are in <c>.memory</c>, which goes when it stops, or when the
/// next one starts.
/// Beside them <c>.scratch</c> holds each running program's home, removed when it ends, and <c>.active</c> a note per
/// running program, so that a host that starts after a crash finds and kills what the last one left running. One host at a
/// time: a lock on <c>.lock</c>, taken by the owner of the journal, keeps a second from killing the first one's programs.
/// </remarks>
internal sealed partial class RunDirectories : IDisposable
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _root;
    private readonly string _forgotten;
    private readonly string _jobs;
    private FileStream? _lock;

    /// <summary>Names the directories; nothing is touched before <see cref="Take"/>.</summary>
    /// <param name="dataDirectory">Where they are.</param>
    /// <param name="outliveProcess">Whether jobs do, so that what their runs left is kept for them.</param>
    internal RunDirectories(string dataDirectory, bool outliveProcess = true)
    {
        _root = Path.Combine(Path.GetFullPath(dataDirectory), "runs");
        _forgotten = Path.Combine(_root, ".memory");
        _jobs = outliveProcess ? _root : _forgotten;
    }

    /// <summary>Takes the directories for this process.</summary>
    /// <exception cref="JournalLockedException">Another live process has them.</exception>
    internal void Take()
    {
        Make(_root);
        string path = Path.Combine(_root, ".lock");
        try
        {
            _lock = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (File.Exists(path))
        {
            throw new JournalLockedException($"Another process runs programs in '{_root}'.", e);
        }

        Make(Path.Combine(_root, ".active"));
    }

    /// <summary>As <see cref="Take"/>, but waits a little for a host that is about to give them back, or that died this
    /// moment: its locks end one after another.</summary>
    /// <exception cref="JournalLockedException">Another live process has kept them all the while.</exception>
    internal async Task TakeAsync(TimeSpan patience, TimeProvider time, CancellationToken cancellationToken)
    {
        long began = time.GetTimestamp();
        while (true)
        {
            try
            {
                Take();
                return;
            }
            catch (JournalLockedException) when (time.GetElapsedTime(began) < patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20), time, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Makes a run's directories, empty, and notes that it is about to start.</summary>
    internal RunDirectory Create(JobId jobId, int run, string token)
    {
        string number = run.ToString(CultureInfo.InvariantCulture);
        var directory = new RunDirectory(
            Path.Combine(_jobs, jobId.ToString(), number),
            Path.Combine(_root, ".scratch", $"{jobId}-{number}"),
            Path.Combine(_root, ".active", $"{jobId}-{number}.json"),
            token);
        MakeAnew(directory.Work);
        MakeAnew(directory.Scratch);
        directory.Note(root: null);
        return directory;
    }

    /// <summary>Removes what the runs of a job left.</summary>
    internal void Delete(JobId jobId) => DeleteTree(Path.Combine(_jobs, jobId.ToString()));

    /// <summary>Removes what is left of jobs that nobody knows any more. Only when none of them runs.</summary>
    /// <exception cref="IOException">A program that could not be ended still writes there.</exception>
    internal void Forget() => DeleteTree(_forgotten);

    /// <summary>Kills the programs that a host before this one left running when it crashed, and removes what is not
    /// kept.</summary>
    /// <returns>How many processes were killed.</returns>
    internal async Task<int> EndLeftoversAsync(TimeProvider time)
    {
        int killed = 0;
        foreach (string path in Directory.GetFiles(Path.Combine(_root, ".active"), "*.json"))
        {
            // A note that is cut off was never followed by a start.
            bool survives = false;
            if (ProcessTable.IsSupported && ReadNote(path) is { } note && note.BootId == ProcessTable.BootId)
            {
                ProcessEntry? root = note.Pid is { } pid
                    ? new ProcessEntry(pid, 0, pid, pid, 'R', note.StartTicks) : null;
                var tree = new ProcessTree(note.Token, root);
                killed += tree.Find().Count;
                survives = (await tree.EndAsync(TimeSpan.Zero, time).ConfigureAwait(false)).Count > 0;
            }

            // With survivors the note stays, and the next start tries again.
            if (!survives)
            {
                File.Delete(path);
            }
        }

        DeleteTree(Path.Combine(_root, ".scratch"));
        Forget();
        return killed;
    }

    /// <summary>Gives the directories back: no program of this process runs any more.</summary>
    public void Dispose() => _lock?.Dispose();

    internal static void DeleteTree(string path)
    {
        try
        {
            // Links are removed, not followed.
            Directory.Delete(path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Nothing was there.
        }
        catch (UnauthorizedAccessException) when (!OperatingSystem.IsWindows())
        {
            // A program may take its own right to write away.
            var unlinked = new EnumerationOptions
            {
                RecurseSubdirectories = false,
                AttributesToSkip = FileAttributes.None,
            };
            OpenUp(path, unlinked);
            Remove(path);
        }
        catch (Exception e) when (e is IOException or ArgumentException && !OperatingSystem.IsWindows() && Directory.Exists(path))
        {
            // An argument, because the runtime has no name either for what lies deeper than a path can be long.
            Remove(path);
        }
    }

    /// <summary>Removes what the runtime cannot name: a program may leave names that are no UTF-8, and paths that are too
    /// long.</summary>
    /// <exception cref="IOException">It is still there.</exception>
    private static void Remove(string path)
    {
        using var remover = System.Diagnostics.Process.Start("/bin/rm", ["-rf", "--", path]);
        remover.WaitForExit();
        if (Directory.Exists(path))
        {
            throw new IOException($"'{path}' cannot be removed.");
        }
    }

    private static void OpenUp(string path, EnumerationOptions options)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, OwnerOnly);
        }

        foreach (var directory in new DirectoryInfo(path).EnumerateDirectories("*", options))
        {
            if (directory.LinkTarget is null)
            {
                OpenUp(directory.FullName, options);
            }
        }
    }

    private static void MakeAnew(string path)
    {
        DeleteTree(path);
        Make(Path.GetDirectoryName(path)!);
        Make(path);
    }

    private static void Make(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, OwnerOnly);
        }
    }

    private static ActiveRun? ReadNote(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), NotesContext.Default.ActiveRun);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>What a host must know to find a run's processes again.</summary>
    internal sealed record ActiveRun(string BootId, string Token, int? Pid, long StartTicks);

    [JsonSerializable(typeof(ActiveRun))]
    internal sealed partial class NotesContext : JsonSerializerContext;
}

/// <summary>The directories of one run that is under way.</summary>
/// <param name="Work">Where the program starts; kept afterwards.</param>
/// <param name="Scratch">Its home and place for temporary files; removed afterwards.</param>
/// <param name="NotePath">The note that it runs; removed afterwards.</param>
/// <param name="Token">What its processes are known by.</param>
internal sealed record RunDirectory(string Work, string Scratch, string NotePath, string Token)
{
    /// <summary>Notes what runs here. Written before the start without a process, so that no crash falls between.</summary>
    internal void Note(ProcessEntry? root)
    {
        if (ProcessTable.IsSupported)
        {
            var note = new RunDirectories.ActiveRun(ProcessTable.BootId, Token, root?.Pid, root?.StartTicks ?? 0);
            string next = NotePath + ".new";
            File.WriteAllBytes(
                next, JsonSerializer.SerializeToUtf8Bytes(note, RunDirectories.NotesContext.Default.ActiveRun));
            File.Move(next, NotePath, overwrite: true);
        }
    }

    /// <summary>Removes what the run left. Only when no process of it is left.</summary>
    internal void Empty() => RunDirectories.DeleteTree(Work);

    /// <summary>Removes what is not kept. Only when no process of the run is left.</summary>
    internal void Close()
    {
        RunDirectories.DeleteTree(Scratch);
        File.Delete(NotePath);
    }
}
