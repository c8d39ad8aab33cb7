using System.Diagnostics.CodeAnalysis;

namespace Engine.Host.Processes;

/// <summary>The list of programs that jobs may run. What is not on it does not run, whatever a payload says.</summary>
/// <remarks>A program that is allowed may be given any arguments: to allow an interpreter is to allow everything.</remarks>
internal sealed class AllowedPrograms(ProcessSettings settings)
{
    internal bool TryResolve(
        string name, [NotNullWhen(true)] out string? path, [NotNullWhen(false)] out string? problem)
    {
        path = null;
        problem = Problem(name);
        if (problem is not null)
        {
            return false;
        }

        string target = settings.Allowed[name];
        path = Path.IsPathFullyQualified(target) ? target : FindOnPath(target);
        if (path is null || !IsExecutable(path))
        {
            problem = $"The program '{name}' cannot be started (exit code -1): "
                + (path is null ? $"'{target}' is not on the PATH." : $"'{path}' is not an executable file.");
            path = null;
            return false;
        }

        return true;
    }

    /// <summary>Why a name may not be run, or null when it is on the list.</summary>
    internal string? Problem(string name) => settings.Allowed.ContainsKey(name)
        ? null
        : $"The program '{name}' is not allowed. "
            + (settings.Allowed.Count == 0 ? "None is" : $"Allowed are {string.Join(", ", settings.Allowed.Keys)}")
            + $" (Engine:Processes:Allowed).";

    private static string? FindOnPath(string name)
    {
        // A relative entry would mean another program in every directory.
        var directories = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Where(Path.IsPathFullyQualified);
        return directories.Select(directory => Path.Combine(directory, name)).FirstOrDefault(IsExecutable);
    }

    private static bool IsExecutable(string path)
    {
        const UnixFileMode Any = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        return File.Exists(path) && (OperatingSystem.IsWindows() || (File.GetUnixFileMode(path) & Any) != 0);
    }
}
