using System.Globalization;

namespace Engine.Storage.Faster.Platform;

/// <summary>Files whose names are a number between a prefix and a suffix.</summary>
internal static class NumberedFiles
{
    /// <summary>The numbers and paths of a directory's files of one kind, in no order.</summary>
    internal static IEnumerable<(long Number, string Path)> List(
        FileSystemCalls files, string directory, string prefix, string suffix)
    {
        foreach (string path in files.List(directory))
        {
            string name = Path.GetFileName(path);
            if (name.Length > prefix.Length + suffix.Length &&
                name.StartsWith(prefix, StringComparison.Ordinal) &&
                name.EndsWith(suffix, StringComparison.Ordinal) &&
                long.TryParse(
                    name.AsSpan(prefix.Length..^suffix.Length),
                    NumberStyles.None,
                    CultureInfo.InvariantCulture,
                    out long number))
            {
                yield return (number, path);
            }
        }
    }
}
