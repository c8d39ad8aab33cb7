using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Engine.Host.Processes;

/// <summary>One process as /proc shows it.</summary>
/// <param name="Pid">Its id, unique only together with <paramref name="StartTicks"/>.</param>
/// <param name="ParentPid">Its parent.</param>
/// <param name="Group">Its process group.</param>
/// <param name="Session">Its session.</param>
/// <param name="State">R, S, D, T, Z, ...</param>
/// <param name="StartTicks">When it started, in clock ticks since the machine did.</param>
internal readonly record struct ProcessEntry(
    int Pid, int ParentPid, int Group, int Session, char State, long StartTicks)
{
    /// <summary>Ended, and only waits for its parent to notice.</summary>
    internal bool IsDead => State is 'Z' or 'X';
}

/// <summary>The processes of this machine, from /proc. Linux only.</summary>
internal static partial class ProcessTable
{
    internal const int SignalTerminate = 15;
    internal const int SignalKill = 9;

    // Environments are far smaller; a bound all the same, as another program chose the content.
    private const int MaxEnvironmentBytes = 4 * 1024 * 1024;

    internal static bool IsSupported => OperatingSystem.IsLinux();

    /// <summary>Tells this start of the machine from others: process ids and start times are comparable within one only.</summary>
    internal static string BootId => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim();

    internal static List<ProcessEntry> Snapshot()
    {
        List<ProcessEntry> found = [];
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(
                    Path.GetFileName(directory.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                && Find(pid) is { } entry)
            {
                found.Add(entry);
            }
        }

        return found;
    }

    internal static ProcessEntry? Find(int pid)
    {
        string? stat = TryRead($"/proc/{pid}/stat", 4096);

        // The name stands in parentheses and may hold any character, parentheses and blanks too.
        int end = stat?.LastIndexOf(')') ?? -1;
        if (end < 0)
        {
            return null;
        }

        string[] fields = stat![(end + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length < 20 ? null : new ProcessEntry(
            pid, Number(fields[1]), Number(fields[2]), Number(fields[3]), fields[0][0],
            long.Parse(fields[19], CultureInfo.InvariantCulture));

        static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
    }

    /// <summary>Whether a process was started with this variable. False when it may not be looked at.</summary>
    internal static bool HasVariable(int pid, string name, string value)
    {
        string? environment = TryRead($"/proc/{pid}/environ", MaxEnvironmentBytes);
        return environment is not null && environment.Split('\0').Contains($"{name}={value}", StringComparer.Ordinal);
    }

    /// <summary>Sends a signal unless the process has ended and its id is another's by now.</summary>
    internal static void Signal(ProcessEntry process, int signal)
    {
        if (process.Pid > 1 && Find(process.Pid)?.StartTicks == process.StartTicks)
        {
            // An error means that it has ended, or is not ours; whoever cares looks again.
            _ = Kill(process.Pid, signal);
        }
    }

    /// <summary>Sends a signal to a whole process group at once.</summary>
    internal static void SignalGroup(int group, int signal)
    {
        if (group > 1)
        {
            _ = Kill(-group, signal);
        }
    }

    private static string? TryRead(string path, int maxBytes)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            byte[] bytes = new byte[4096];
            int length = 0;
            while (length < maxBytes && file.Read(bytes, length, bytes.Length - length) is > 0 and int read)
            {
                length += read;
                if (length == bytes.Length)
                {
                    Array.Resize(ref bytes, bytes.Length * 2);
                }
            }

            return Encoding.Latin1.GetString(bytes, 0, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Gone while we looked, or another user's.
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int pid, int signal);
}
