using System.Runtime.InteropServices;

namespace Engine.Host.Processes;

/// <summary>What the file system says of a path, and the runtime does not: links are not followed.</summary>
/// <param name="Type">What lies there.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="Allocated">What is stored of it, in bytes: less than the length where it has holes, or is
/// compressed.</param>
/// <param name="Links">How many names it has.</param>
/// <param name="Identity">The same for all of its names.</param>
internal readonly partial record struct FileFacts(
    FileType Type, long Length, long Allocated, uint Links, (uint Major, uint Minor, ulong Inode) Identity)
{
    /// <summary>Reads them, and tells whether that was possible: only on Linux, and of what is there.</summary>
    internal static bool TryRead(string path, out FileFacts facts)
    {
        facts = default;
        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        Statx answer;
        try
        {
            if (Native.Statx(Native.CurrentDirectory, path, Native.NoFollow, Native.BasicStats, out answer) != 0)
            {
                return false;
            }
        }
        catch (EntryPointNotFoundException)
        {
            // A C library from before 2018.
            return false;
        }

        facts = new FileFacts(
            (answer.Mode & 0xF000) switch
            {
                0x8000 => FileType.Regular,
                0x4000 => FileType.Directory,
                0xA000 => FileType.Link,
                _ => FileType.Special,
            },
            (long)answer.Size,
            (long)answer.Blocks * 512,
            answer.Links,
            (answer.DeviceMajor, answer.DeviceMinor, answer.Inode));
        return true;
    }

    // The kernel's own layout (struct statx), which is one for all machines; that of stat is not.
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Statx
    {
        [FieldOffset(16)]
        internal uint Links;

        [FieldOffset(28)]
        internal ushort Mode;

        [FieldOffset(32)]
        internal ulong Inode;

        [FieldOffset(40)]
        internal ulong Size;

        [FieldOffset(48)]
        internal ulong Blocks;

        [FieldOffset(136)]
        internal uint DeviceMajor;

        [FieldOffset(140)]
        internal uint DeviceMinor;
    }

    private static partial class Native
    {
        internal const int CurrentDirectory = -100;
        internal const int NoFollow = 0x100;
        internal const uint BasicStats = 0x7FF;

        [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        internal static partial int Statx(int directory, string path, int flags, uint mask, out Statx answer);
    }
}

/// <summary>What can lie under a path.</summary>
internal enum FileType
{
    /// <summary>A file with contents.</summary>
    Regular = 1,

    /// <summary>A directory.</summary>
    Directory = 2,

    /// <summary>A symbolic link.</summary>
    Link = 3,

    /// <summary>A pipe, a socket, a device: reading it may wait for ever, or never end.</summary>
    Special = 4,
}
