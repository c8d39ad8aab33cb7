namespace Engine.Tests.Support;

/// <summary>A directory of its own for one test, gone afterwards.</summary>
internal sealed class TestDirectory : IDisposable
{
    internal TestDirectory() =>
        Root = Directory.CreateTempSubdirectory("engine-journal-").FullName;

    internal string Root { get; }

    /// <summary>A journal's directory in it.</summary>
    internal string this[string name] => Path.Combine(Root, name);

    /// <summary>Copies a journal as a crash would leave it: as it lies on disk at this moment.</summary>
    /// <remarks>A copy takes longer than a moment, and the journal may be making its next segment meanwhile. So the
    /// superblock goes first: a segment that it does not know yet is what a crash leaves, one that is missing is not. A
    /// temporary file may get its name, and be gone, before its turn comes.</remarks>
    internal string Copy(string from, string name)
    {
        string target = this[name];
        Directory.CreateDirectory(target);
        var files = Directory.GetFiles(from)
            .OrderBy(file => !Path.GetFileName(file).StartsWith("superblock", StringComparison.Ordinal))
            .ThenBy(file => file, StringComparer.Ordinal);
        foreach (string file in files)
        {
            try
            {
                File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
            }
            catch (FileNotFoundException) when (file.EndsWith(".tmp", StringComparison.Ordinal))
            {
                // It has its name now; without it the image is one of a moment before.
            }
        }

        return target;
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
