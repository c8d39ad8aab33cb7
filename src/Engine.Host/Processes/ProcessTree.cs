namespace Engine.Host.Processes;

/// <summary>All processes of one run, and how to end them.</summary>
/// <remarks>
/// A process belongs to the run when it is the program, in its session, a descendant of one that belongs, or was started
/// with the run's token in its environment: so one that was orphaned by a double fork, or went into a session of its own,
/// still counts. One that has done all of it (new session, parents gone, environment wiped) is not found: programs that
/// are not trusted need a container around the host.
/// </remarks>
/// <param name="token">The value of the run's <see cref="ProcessEnvironment.TokenVariable"/>.</param>
/// <param name="root">The program, when it has been started.</param>
internal sealed class ProcessTree(string token, ProcessEntry? root)
{
    private const int Looks = 3;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan MaxKillTime = TimeSpan.FromSeconds(5);

    /// <summary>The living processes of the run.</summary>
    internal List<ProcessEntry> Find()
    {
        // The list of processes is no picture of one instant: who forks and dies while it is read may be missed with
        // what he made. Missed by every look, there is nobody.
        List<ProcessEntry> found = [];
        for (int i = 0; i < Looks && found.Count == 0; i++)
        {
            found = Look();
        }

        return found;
    }

    private List<ProcessEntry> Look()
    {
        var all = ProcessTable.Snapshot();
        var own = all.Find(entry => entry.Pid == Environment.ProcessId);
        HashSet<int> members = [];
        foreach (var entry in all)
        {
            if (entry.Pid != own.Pid && !entry.IsDead && entry.StartTicks >= (root?.StartTicks ?? 0)
                && Belongs(entry, all, own))
            {
                members.Add(entry.Pid);
            }
        }

        // Children of members, and theirs: until nothing is added.
        bool added = members.Count > 0;
        while (added)
        {
            added = false;
            foreach (var entry in all)
            {
                added |= entry.Pid != own.Pid && members.Contains(entry.ParentPid) && members.Add(entry.Pid);
            }
        }

        return [.. all.Where(entry => members.Contains(entry.Pid) && !entry.IsDead)];
    }

    /// <summary>Asks all to end, and kills what has not after a while.</summary>
    /// <returns>What could not be ended: usually nothing, else processes stuck in the kernel.</returns>
    internal async Task<IReadOnlyList<ProcessEntry>> EndAsync(TimeSpan grace, TimeProvider time)
    {
        long started = time.GetTimestamp();
        var living = Find();
        if (grace > TimeSpan.Zero)
        {
            foreach (var process in living)
            {
                ProcessTable.Signal(process, ProcessTable.SignalTerminate);
            }

            while (living.Count > 0 && time.GetElapsedTime(started) < grace)
            {
                await Task.Delay(Pause, time).ConfigureAwait(false);
                living = Find();
            }
        }

        // Again and again: one may have forked between the look and the signal.
        started = time.GetTimestamp();
        while (living.Count > 0 && time.GetElapsedTime(started) < MaxKillTime)
        {
            Kill(living);
            await Task.Delay(Pause, time).ConfigureAwait(false);
            living = Find();
        }

        return living;
    }

    private bool Belongs(ProcessEntry entry, List<ProcessEntry> all, ProcessEntry own)
    {
        if (root is { } program)
        {
            if (entry.Pid == program.Pid && entry.StartTicks == program.StartTicks)
            {
                return true;
            }

            // An id is not given again while a session bears it, so a session is ours unless its leader is somebody else.
            if (entry.Session == program.Pid && entry.Session != own.Session
                && !all.Exists(leader => leader.Pid == program.Pid && leader.StartTicks != program.StartTicks))
            {
                return true;
            }
        }

        return ProcessTable.HasVariable(entry.Pid, ProcessEnvironment.TokenVariable, token);
    }

    private void Kill(List<ProcessEntry> living)
    {
        // Whole groups first: a signal to a group leaves no gap to fork through. Only groups that are all ours: those of
        // the program's session, and others when nobody else is in them.
        var all = ProcessTable.Snapshot();
        var ours = living.Select(process => process.Pid).ToHashSet();
        foreach (int group in living.Select(process => process.Group).Distinct())
        {
            bool isOfSession = root is { } program
                && living.Exists(process => process.Group == group && process.Session == program.Pid);
            if (isOfSession || all.Where(process => process.Group == group && !process.IsDead)
                .All(process => ours.Contains(process.Pid) || ours.Contains(process.ParentPid)))
            {
                ProcessTable.SignalGroup(group, ProcessTable.SignalKill);
            }
        }

        foreach (var process in living)
        {
            ProcessTable.Signal(process, ProcessTable.SignalKill);
        }
    }
}
