namespace Engine.Host.Run;

/// <summary>What the command line of <c>run</c> asks for.</summary>
internal sealed record RunOptions
{
    /// <summary>The file, or "-" for standard input.</summary>
    internal required string File { get; init; }

    /// <summary>What the lines' keys begin with: by default the file's name.</summary>
    internal required string Batch { get; init; }

    /// <summary>As messages call the file.</summary>
    internal string Shown => File == "-" ? "standard input" : File;
}

/// <summary>Lines and jobs that did not go the usual way.</summary>
internal sealed class RunTally
{
    /// <summary>Lines that cannot be used.</summary>
    internal int BadLines { get; set; }

    /// <summary>Jobs that the engine, or the list of programs, refused.</summary>
    internal int Refused { get; set; }

    /// <summary>The file could not be read to its end.</summary>
    internal bool ReadFailed { get; set; }

    /// <summary>A signal said to stop.</summary>
    internal bool Interrupted { get; set; }
}
