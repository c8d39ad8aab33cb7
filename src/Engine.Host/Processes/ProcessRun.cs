using System.ComponentModel;
using System.Diagnostics;

namespace Engine.Host.Processes;

/// <summary>How a program ended.</summary>
/// <param name="ExitCode">Its code; 128 + n when signal n ended it; -1 when it could not be started.</param>
/// <param name="StartError">Why it could not be started.</param>
/// <param name="WasStopped">It did not end by itself, but was told to.</param>
/// <param name="Leftovers">Processes that it had left behind when it ended; they were killed.</param>
/// <param name="Survivors">Processes that could not be killed.</param>
internal sealed record ProcessEnd(int ExitCode, string? StartError, bool WasStopped, int Leftovers, int Survivors);

/// <summary>Starts a program in a session of its own, passes its output on, and leaves no process behind.</summary>
internal sealed class ProcessRun(TimeProvider time, TimeSpan killGrace)
{
    private const string SessionTool = "setsid";
    private static readonly TimeSpan MaxDrain = TimeSpan.FromSeconds(2);

    /// <summary>Runs a program to its end.</summary>
    /// <param name="program">An absolute path.</param>
    /// <param name="arguments">Passed as they are: no shell looks at them.</param>
    /// <param name="environment">Everything the program finds in its environment.</param>
    /// <param name="directory">Where it starts.</param>
    /// <param name="onLine">Gets its output: the name of the stream, and a line.</param>
    /// <param name="kill">Kills the program and everything it started, without asking; the task then completes as
    /// usual.</param>
    /// <param name="cancellationToken">Asks all of it to end first.</param>
    internal async Task<ProcessEnd> RunAsync(
        string program,
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string> environment,
        RunDirectory directory,
        Action<string, string> onLine,
        CancellationToken kill,
        CancellationToken cancellationToken)
    {
        using var process = new Process { StartInfo = StartInfo(program, arguments, environment, directory.Work) };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            return new ProcessEnd(-1, e.Message, false, 0, 0);
        }

        process.StandardInput.Close();
        var root = ProcessTable.IsSupported ? ProcessTable.Find(process.Id) : null;
        var tree = new ProcessTree(directory.Token, root);
        string? sessionError = null;
        var output = Task.WhenAll(
            ReadAsync(process.StandardOutput.BaseStream, "stdout"),
            ReadAsync(process.StandardError.BaseStream, "stderr"));
        var exit = process.WaitForExitAsync(CancellationToken.None);
        try
        {
            directory.Note(root);
        }
        catch
        {
            await EndAsync(process, tree, TimeSpan.Zero).ConfigureAwait(false);
            throw;
        }

        using (var either = CancellationTokenSource.CreateLinkedTokenSource(kill, cancellationToken))
        {
            await exit.WaitAsync(either.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        bool wasStopped = !exit.IsCompleted;

        // Stopped: all are asked to end first. Otherwise what is left has outlived its program, and is just killed.
        int leftovers = wasStopped || !ProcessTable.IsSupported ? 0 : tree.Find().Count;
        int survivors = wasStopped || leftovers > 0
            ? await EndAsync(process, tree, wasStopped && !kill.IsCancellationRequested ? killGrace : TimeSpan.Zero)
                .ConfigureAwait(false)
            : 0;
        if (survivors == 0)
        {
            await exit.ConfigureAwait(false);
        }

        // Nobody is left to write. A pipe that stays open all the same is not waited for.
        await output.WaitAsync(MaxDrain, time, CancellationToken.None)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (output.IsFaulted)
        {
            await output.ConfigureAwait(false);
        }

        int exitCode = process.HasExited ? process.ExitCode : -1;
        return sessionError is not null && exitCode is 126 or 127
            ? new ProcessEnd(-1, sessionError, wasStopped, leftovers, survivors)
            : new ProcessEnd(exitCode, null, wasStopped, leftovers, survivors);

        Task ReadAsync(Stream stream, string name) => Task.Run(
            () => OutputLines.ReadAsync(stream, line =>
            {
                if (line.StartsWith(SessionTool + ": failed to execute ", StringComparison.Ordinal))
                {
                    sessionError = line[(SessionTool.Length + 2)..];
                }

                onLine(name, line);
            }),
            CancellationToken.None);
    }

    private static ProcessStartInfo StartInfo(
        string program,
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string> environment,
        string directory)
    {
        string? sessionTool = FindSessionTool();
        var info = new ProcessStartInfo(sessionTool ?? program)
        {
            WorkingDirectory = directory,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            CreateNoWindow = true,
        };
        if (sessionTool is not null)
        {
            info.ArgumentList.Add(program);
        }

        foreach (string argument in arguments)
        {
            info.ArgumentList.Add(argument);
        }

        info.Environment.Clear();
        foreach (var (name, value) in environment)
        {
            info.Environment.Add(name, value);
        }

        return info;
    }

    // A session of its own keeps the program from the host's terminal and its signals. The tool replaces itself with
    // the program, so there is no process more. Without it, processes are found by parents and token alone.
    private static string? FindSessionTool() => OperatingSystem.IsLinux()
        ? Array.Find(["/usr/bin/" + SessionTool, "/bin/" + SessionTool], File.Exists)
        : null;

    private async Task<int> EndAsync(Process process, ProcessTree tree, TimeSpan grace)
    {
        if (ProcessTable.IsSupported)
        {
            return (await tree.EndAsync(grace, time).ConfigureAwait(false)).Count;
        }

        process.Kill(entireProcessTree: true);
        return 0;
    }
}
