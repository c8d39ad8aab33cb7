using System.Runtime.InteropServices;

namespace Engine.Tests;

/// <summary>Signals to processes that a test has started, by their ids. At once: a <c>kill</c> that must be started first
/// comes late on a busy machine.</summary>
internal static partial class Signals
{
    internal const int Interrupt = 2;
    internal const int Kill = 9;
    internal const int Terminate = 15;
    internal const int Continue = 18;
    internal const int Stop = 19;

    /// <summary>Sends one.</summary>
    /// <exception cref="InvalidOperationException">There is no such process any more.</exception>
    internal static void Send(int processId, int signal)
    {
        if (Call(processId, signal) != 0)
        {
            throw new InvalidOperationException($"kill({processId}, {signal}) failed.");
        }
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Call(int processId, int signal);
}
