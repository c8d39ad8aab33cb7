using System.Diagnostics;
using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash.Rigs;

/// <summary>A real ext4 file system, in a file on a loop device, whose power can be cut: everything that was not synced is
/// gone then, data and names alike, and the next mount recovers as after a real loss of power.</summary>
internal sealed class Volume : IDisposable
{
    private const long SizeBytes = 256 * 1024 * 1024;

    private static readonly Lazy<string?> Lacks = new(Try);

    private readonly string _image;
    private readonly string _device;
    private bool _mounted;

    private Volume(string directory)
    {
        _image = Path.Combine(directory, "image");
        Root = Path.Combine(directory, "volume");
        Directory.CreateDirectory(Root);
        using (var image = File.Create(_image))
        {
            image.SetLength(SizeBytes);
        }

        Run("mkfs.ext4", "-q", "-F", _image);
        _device = Run("losetup", "--find", "--show", _image).Trim();
        try
        {
            Mount();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Why no volume can be had on this machine, or null: found out by making one.</summary>
    internal static string? Missing => Lacks.Value;

    /// <summary>Where it is mounted.</summary>
    internal string Root { get; }

    /// <summary>A directory for volumes: in memory where there is plenty, as what is tested is the file system, and not
    /// the patience of the disk below it.</summary>
    internal static string CreateDirectory()
    {
        const string Memory = "/dev/shm";
        bool fits = Directory.Exists(Memory) && new DriveInfo(Memory).AvailableFreeSpace > 16 * SizeBytes;
        string path = Path.Combine(fits ? Memory : Path.GetTempPath(), $"engine-volume-{Guid.NewGuid():N}");
        return Directory.CreateDirectory(path).FullName;
    }

    internal static Volume Create(string directory) => new(directory);

    /// <summary>From here on nothing that is written reaches the disk, and nothing that was written without a sync
    /// has.</summary>
    internal void CutPower() => Posix.ShutDownExt4(Root);

    /// <summary>What a machine does that gets its power back. Nobody has a file of it open any more.</summary>
    internal void Remount()
    {
        Unmount();
        Mount();
    }

    public void Dispose()
    {
        if (_mounted)
        {
            Unmount();
        }

        Run("losetup", "--detach", _device);
        File.Delete(_image);
        Directory.Delete(Root);
    }

    private static string? Try()
    {
        if (!OperatingSystem.IsLinux() || !Posix.IsRoot)
        {
            return "root is needed to mount a file system";
        }

        string directory = CreateDirectory();
        try
        {
            using var volume = Create(directory);
            volume.CutPower();
            volume.Remount();
            return null;
        }
        catch (Exception error) when (error is IOException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return error.Message;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private void Mount()
    {
        Posix.Mount(_device, Root, "ext4");
        _mounted = true;
    }

    private void Unmount()
    {
        // While a process is being started it holds copies of this one's files, and the file system is busy.
        lock (ChildProcess.Starting)
        {
            try
            {
                Posix.Unmount(Root);
            }
            catch (IOException error)
            {
                throw new IOException($"{error.Message} Open are: {string.Join(", ", OpenFiles())}", error);
            }
        }

        _mounted = false;
    }

    /// <summary>Who has which file of it open: a leak, or a test that is broken.</summary>
    private IEnumerable<string> OpenFiles()
    {
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(path[6])))
        {
            string[] files;
            try
            {
                files = [.. Directory.GetFileSystemEntries($"{process}/fd").Select(path => File.ResolveLinkTarget(path, false)?.FullName ?? "")];
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It has ended meanwhile, or is none of ours.
                continue;
            }

            foreach (string file in files.Where(file => file.StartsWith(Root, StringComparison.Ordinal)))
            {
                yield return $"{(process[6..] == $"{Environment.ProcessId}" ? "this process" : process[6..])}: {file}";
            }
        }
    }

    private static string Run(string program, params string[] arguments)
    {
        Process process;
        lock (ChildProcess.Starting)
        {
            process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
        }

        using (process)
        {
            string output = process.StandardOutput.ReadToEnd();
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0
                ? output
                : throw new InvalidOperationException($"{program} failed with exit code {process.ExitCode}: {errors.Trim()}");
        }
    }
}
