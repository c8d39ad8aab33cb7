namespace Engine.Host.Cli;

/// <summary>What the process says when it ends; documented in docs/exit-codes.md. The numbers follow
/// sysexits.h.</summary>
internal static class ExitCode
{
    /// <summary>All went well.</summary>
    internal const int Success = 0;

    /// <summary>Of a file of jobs, at least one failed or was cancelled.</summary>
    internal const int JobsFailed = 1;

    /// <summary>A file of jobs has lines that cannot be used; the others were run.</summary>
    internal const int BadLines = 2;

    /// <summary>Jobs of a file were refused, and left no trace; the others were run.</summary>
    internal const int JobsRefused = 3;

    /// <summary>The command line cannot be understood.</summary>
    internal const int Usage = 64;

    /// <summary>What the journal holds is damaged; nothing was changed.</summary>
    internal const int JournalDamaged = 65;

    /// <summary>A file that was named does not exist or cannot be read.</summary>
    internal const int NoInput = 66;

    /// <summary>An address to listen on cannot be had.</summary>
    internal const int CannotListen = 69;

    /// <summary>A defect of the program.</summary>
    internal const int Internal = 70;

    /// <summary>All that was asked for was done, but what should be printed cannot be written.</summary>
    internal const int OutputFailed = 73;

    /// <summary>The storage failed. What was asked last may have happened or not; a restart decides.</summary>
    internal const int StorageFailed = 74;

    /// <summary>Another process owns the journal: try again when it has ended.</summary>
    internal const int JournalLocked = 75;

    /// <summary>A setting is wrong or missing; the message names it.</summary>
    internal const int Configuration = 78;

    /// <summary>Told to stop by a signal before all was done. Started again, it goes on.</summary>
    internal const int Interrupted = 130;
}
