namespace Engine.Host.Processes;

/// <summary>Which programs jobs may run, and with what.</summary>
internal sealed class ProcessSettings
{
    /// <summary>Programs by the name that payloads use: an absolute path, or a name on the host's PATH.</summary>
    internal SortedDictionary<string, string> Allowed { get; } = new(StringComparer.Ordinal);

    /// <summary>Variables of the host that every program gets.</summary>
    internal List<string> PassEnvironment { get; } = [];

    /// <summary>Variables that payloads may set although they can change what a program loads.</summary>
    internal List<string> AllowEnvironment { get; } = [];

    /// <summary>Where <c>input_files</c> are taken from, or null when payloads may name none.</summary>
    internal string? InputDirectory { get; set; }

    /// <summary>How long processes have between the request to end and being killed.</summary>
    internal TimeSpan KillGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How much the files of one run may take on disk, in bytes.</summary>
    internal long MaxDiskBytes { get; set; } = 10L << 30;

    /// <summary>How many files, directories and links one run may have.</summary>
    internal int MaxFiles { get; set; } = 100_000;
}
