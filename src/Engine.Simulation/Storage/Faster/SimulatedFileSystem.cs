using System.Globalization;
using Engine.Simulation.Storage.Disk;
using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Simulation.Storage.Faster;

/// <summary>One process's calls to the operating system, answered by a simulated disk.</summary>
/// <remarks>The handles are numbers that no real file of this process has; closing one does nothing.</remarks>
internal sealed class SimulatedFileSystem(SimDisk disk, SimulatedProcess process) : FileSystemCalls
{
    internal override Guid BootId { get; } = new((int)disk.Boot, 0, 0, [0, 0, 0, 0, 0, 0, 0, 1]);

    internal override bool Exists(string path) => Disk.Exists(path);

    internal override bool DirectoryExists(string path) => Disk.HasDirectory(path);

    internal override IEnumerable<string> List(string directory) => Disk.List(directory);

    internal override long Length(SafeFileHandle file) => FileOf(file).Cached.Length;

    internal override void SyncData(SafeFileHandle file) => Disk.Sync(FileOf(file), NameOf(file));

    internal override void DropCache(SafeFileHandle file) => FileOf(file).DropCache();

    internal override void SyncDirectory(string path) => Disk.SyncDirectory(path);

    internal override SafeFileHandle? TryLockDirectory(string path) =>
        process.TryLock(path) ? HandleOf(0) : null;

    internal override void UnlockDirectory(SafeFileHandle directory) => process.Unlock();

    internal override SafeFileHandle Open(string path, FileMode mode, long preallocate = 0) => HandleOf(mode switch
    {
        FileMode.Open => Disk.Open(path).Id,
        FileMode.Create => Disk.Create(path, preallocate).Id,
        _ => throw new NotSupportedException($"The simulated disk opens no file with {mode}."),
    });

    internal override SafeFileHandle OpenRead(string path) => HandleOf(Disk.Open(path).Id);

    internal override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset) =>
        Disk.Write(FileOf(file), NameOf(file), bytes, offset);

    internal override int Read(SafeFileHandle file, Span<byte> bytes, long offset) =>
        Disk.Read(FileOf(file), NameOf(file), bytes, offset);

    internal override void Move(string from, string to) => Disk.Rename(from, to);

    internal override void Delete(string path) => Disk.Delete(path);

    internal override void CreateDirectory(string path) => Disk.MakeDirectory(path);

    private SimDisk Disk
    {
        get
        {
            process.ThrowIfDead();
            return disk;
        }
    }

    private static SafeFileHandle HandleOf(int id) => new(new IntPtr(int.MaxValue - id), ownsHandle: false);

    private static int IdOf(SafeFileHandle handle) => int.MaxValue - (int)handle.DangerousGetHandle();

    private static string NameOf(SafeFileHandle handle) =>
        string.Create(CultureInfo.InvariantCulture, $"file {IdOf(handle)}");

    private SimFile FileOf(SafeFileHandle handle) => Disk.FileOf(IdOf(handle));
}
