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
        Setting.Size("Processes:MaxDiskBytes", 10L << 30, 1_048_576, 1L << 50,
            "How many bytes of the disk the files of one run may take together: what was copied there, what the program "
            + "writes, its home and its temporary files. Holes in files do not count, and a file with several names counts "
            + "once. Looked at every second or less often; a run that has more is killed, fails, and loses its files.",
            (s, _, value) => s.Processes.MaxDiskBytes = value),
        Setting.Integer("Processes:MaxFiles", 100_000, 1, 100_000_000,
            "How many files, directories and links one run may have, in the same way.",
            (s, _, value) => s.Processes.MaxFiles = value),
    ];
}
