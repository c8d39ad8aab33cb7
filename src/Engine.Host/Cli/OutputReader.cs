using System.Runtime.InteropServices;

namespace Engine.Host.Cli;

/// <summary>Whether anybody still reads standard output. The runtime does not say: what is written to a pipe whose reader
/// is gone (<c>| head</c>) vanishes without an error.</summary>
internal static partial class OutputReader
{
    private const int StandardOutput = 1;

    // The same on Linux and macOS.
    private const short Error = 0x8;
    private const short HungUp = 0x10;

    /// <summary>True when standard output is a pipe or socket that nobody reads any more. Always false on
    /// Windows.</summary>
    internal static bool IsGone
    {
        get
        {
            if (OperatingSystem.IsWindows())
            {
                return false;
            }

            var output = new PollEntry { Descriptor = StandardOutput };
            return Poll(ref output, 1, 0) == 1 && (output.Events & (Error | HungUp)) != 0;
        }
    }

    [LibraryImport("libc", EntryPoint = "poll")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Poll(ref PollEntry entries, nuint count, int timeoutMs);

    // What is asked for stays zero: errors are told unasked.
    private struct PollEntry
    {
        internal int Descriptor;
        internal short Asked;
        internal short Events;
    }
}
