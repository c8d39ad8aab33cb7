using System.Runtime.CompilerServices;

namespace Engine.Tests;

/// <summary>Gives this process a directory of its own for temporary files, and deletes it when the process ends: what a
/// test that failed has left there goes with it, and so do the sockets of processes that were killed.</summary>
/// <remarks>Processes that tests start inherit it, and leave it to the one that made it.</remarks>
internal static class TempRoot
{
    private const string Variable = "TMPDIR";
    private const string Prefix = "engine-tests-";

    private static readonly Lock Gate = new();
    private static readonly List<string> Kept = [];

    /// <summary>Lets a directory outlive the process: somebody is to look at it.</summary>
    internal static void Keep(string directory)
    {
        lock (Gate)
        {
            Kept.Add(directory);
        }
    }

    [ModuleInitializer]
    internal static void Create()
    {
        if (OperatingSystem.IsWindows() || Path.GetTempPath().Contains($"/{Prefix}", StringComparison.Ordinal))
        {
            return;
        }

        string root = Directory.CreateTempSubdirectory(Prefix).FullName;
        Environment.SetEnvironmentVariable(Variable, root);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => TryDelete(root);
    }

    private static void TryDelete(string root)
    {
        try
        {
            Delete(root);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The tests have said what they had to say; a process of theirs may still write there.
            Console.Error.WriteLine($"{root} could not be deleted: {error.Message}");
        }
    }

    private static void Delete(string root)
    {
        lock (Gate)
        {
            if (Kept.Count == 0)
            {
                Directory.Delete(root, recursive: true);
                return;
            }

            var all = new DirectoryInfo(root).EnumerateFileSystemInfos();
            foreach (var entry in all.Where(entry => !Kept.Contains(entry.FullName)))
            {
                if (entry is DirectoryInfo directory)
                {
                    directory.Delete(recursive: true);
                }
                else
                {
                    entry.Delete();
                }
            }
        }
    }
}
