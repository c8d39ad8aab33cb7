using System.Runtime.InteropServices;

namespace Engine.Host.Cli;

/// <summary>Where the size of files is limited (<c>ulimit -f</c>), the system ends a process that meets the limit, and
/// nobody hears why. Ignored, the write fails instead, and is told like that of a full disk.</summary>
internal static class FileSizeSignal
{
    // SIGXFSZ, on Linux and macOS; the runtime has no name for it.
    private const PosixSignal FileTooLarge = (PosixSignal)25;

    /// <summary>Ignores it, in this process and not in those that it starts, until disposed of.</summary>
    internal static IDisposable? Ignore() => OperatingSystem.IsWindows()
        ? null
        : PosixSignalRegistration.Create(FileTooLarge, static signal => signal.Cancel = true);
}
