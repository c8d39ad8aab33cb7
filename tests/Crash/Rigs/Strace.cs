using System.Diagnostics;
using System.Globalization;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash.Rigs;

/// <summary>Makes system calls of a child fail, or take long, without its knowing (strace's injection).</summary>
internal static class Strace
{
    private static readonly Lazy<string?> Lacks = new(Try);

    /// <summary>Why nothing can be injected on this machine, or null.</summary>
    internal static string? Missing => Lacks.Value;

    /// <summary>The command under which a child is started.</summary>
    /// <param name="call">The system call.</param>
    /// <param name="what">What happens to it, as strace says it; counted for each thread.</param>
    internal static IReadOnlyList<string> Inject(string call, string what) =>
    [
        // As a grandchild, so that the child is this process's own; stopped at that call only.
        "strace", "-D", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null",
        "-e", string.Create(CultureInfo.InvariantCulture, $"trace={call}"),
        "-e", string.Create(CultureInfo.InvariantCulture, $"inject={call}:{what}"),
        "--",
    ];

    private static string? Try()
    {
        try
        {
            Process process;
            var command = Inject("fsync", "error=EIO");
            lock (ChildProcess.Starting)
            {
                process = Process.Start(new ProcessStartInfo(command[0], [.. command.Skip(1), "true"])
                {
                    RedirectStandardError = true,
                })!;
            }

            using (process)
            {
                string errors = process.StandardError.ReadToEnd();
                process.WaitForExit();
                return process.ExitCode == 0 && errors.Length == 0 ? null : $"strace does not work here: {errors.Trim()}";
            }
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "strace is not installed (on Debian: sudo apt-get install strace)";
        }
    }
}

/// <summary>A test that makes system calls fail: it is not run, and says why, where that is not possible.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class StraceTheoryAttribute : TheoryAttribute
{
    public StraceTheoryAttribute() => Skip = Strace.Missing is { } reason ? $"SKIP injected errors: {reason}" : null;
}
