using Engine.Host.Configuration;

namespace Engine.Host.Processes;

/// <summary>The settings of programs that jobs run.</summary>
internal static class ProcessKeys
{
    internal static IReadOnlyList<Setting> All { get; } =
    [
        Setting.Text("Processes:Allowed:*", null, "an absolute path, or the name of a program on the PATH",
            "Allows a program under the name that payloads use; nothing else runs. For example "
            + "`Processes:Allowed:gzip` = `/usr/bin/gzip`. A program may be given any arguments: to allow a shell or an "
            + "interpreter is to allow everything.",
            text => Path.IsPathFullyQualified(text) || !text.Contains('/', StringComparison.Ordinal),
            (s, names, value) => s.Processes.Allowed[names[0]] = value),
        Setting.Text("Processes:PassEnvironment:#", null, 128,
            "Variables of the host's environment that programs get. Without it only PATH.",
            (s, _, value) => s.Processes.PassEnvironment.Add(value)),
        Setting.Text("Processes:AllowEnvironment:#", null, 128,
            "Variables that payloads may set although they can change what a program loads, such as `PYTHONPATH`.",
            (s, _, value) => s.Processes.AllowEnvironment.Add(value)),
        Setting.Text("Processes:InputDirectory", null, 1_000,
            "Where the `input_files` of payloads are copied from. Without it payloads may name none; for `run` it is the "
            + "directory of the file of jobs.",
            (s, _, value) => s.Processes.InputDirectory = value),
        Setting.Duration("Processes:KillGrace", TimeSpan.FromSeconds(5), TimeSpan.Zero, TimeSpan.FromHours(1),
            "How long processes have between the request to end and being killed. Keep it below `CancelGrace`.",
            (s, _, value) => s.Processes.KillGrace = value),
    ];
}
