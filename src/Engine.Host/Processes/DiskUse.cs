using System.IO.Enumeration;

namespace Engine.Host.Processes;

/// <summary>How much of the disk a run takes.</summary>
/// <param name="Bytes">What its files hold: without holes, and a file with several names once.</param>
/// <param name="Files">Its files, directories and links.</param>
internal readonly record struct DiskUse(long Bytes, long Files)
{
    // By hand, because what is asked of each entry must not fail when it goes away meanwhile.
    private static readonly EnumerationOptions Everything = new()
    {
        RecurseSubdirectories = true,
        AttributesToSkip = 0,
        IgnoreInaccessible = true,
    };

    /// <summary>Counts what lies in directories; not further than past a bound, so that a look costs no more than the
    /// bound allows. Links are counted and not followed.</summary>
    internal static DiskUse Of(IEnumerable<string> directories, long maxBytes, long maxFiles)
    {
        long bytes = 0;
        long files = 0;
        HashSet<(uint, uint, ulong)> seen = [];
        foreach (string directory in directories)
        {
            foreach (long size in Sizes(directory, seen) ?? (IEnumerable<long>)[])
            {
                files++;
                bytes += size;
                if (files > maxFiles || bytes > maxBytes)
                {
                    return new DiskUse(bytes, files);
                }
            }
        }

        return new DiskUse(bytes, files);
    }

    private static FileSystemEnumerable<long>? Sizes(string directory, HashSet<(uint, uint, ulong)> seen)
    {
        try
        {
            return new FileSystemEnumerable<long>(
                directory,
                (ref FileSystemEntry entry) => entry.IsDirectory || IsLink(entry) ? 0 : BytesOf(ref entry, seen),
                Everything)
            {
                ShouldRecursePredicate = static (ref FileSystemEntry entry) => !IsLink(entry),
            };
        }
        catch (DirectoryNotFoundException)
        {
            // A program may remove what is its own.
            return null;
        }
    }

    private static long BytesOf(ref FileSystemEntry entry, HashSet<(uint, uint, ulong)> seen)
    {
        if (!FileFacts.TryRead(entry.ToFullPath(), out var facts))
        {
            return entry.Length;
        }

        // File systems set room aside for files that grow: nothing counts for more than its length.
        return facts.Links > 1 && !seen.Add(facts.Identity) ? 0 : Math.Min(facts.Length, facts.Allocated);
    }

    private static bool IsLink(in FileSystemEntry entry) => (entry.Attributes & FileAttributes.ReparsePoint) != 0;
}
