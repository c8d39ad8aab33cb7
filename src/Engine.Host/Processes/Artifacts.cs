using System.Buffers;
using System.Text.Json;

namespace Engine.Host.Processes;

/// <summary>What a run left in its directory.</summary>
internal static class Artifacts
{
    /// <summary>Files listed at most; the result says when there were more.</summary>
    internal const int MaxListed = 1_000;

    private const int MaxResultBytes = 200 * 1024;

    /// <summary>Finds regular files in a directory, ordered by path. Symbolic links are neither listed nor followed, as what
    /// they point to is not the run's; neither are pipes, sockets and devices, and
    /// names that are no UTF-8.</summary>
    /// <param name="work">The run's directory.</param>
    /// <param name="inputs">What was copied there; a file that still looks as it did then is not listed.</param>
    internal static List<(string Path, long Size)> Find(
        string work, IReadOnlyDictionary<string, (long Size, DateTime Modified)> inputs)
    {
        var options = new EnumerationOptions
        {
            RecurseSubdirectories = true,
            IgnoreInaccessible = true,
            AttributesToSkip = FileAttributes.ReparsePoint,
        };
        List<(string Path, long Size)> found = [];
        if (!Directory.Exists(work))
        {
            // A program may remove what is its own.
            return found;
        }

        foreach (var file in new DirectoryInfo(work).EnumerateFiles("*", options))
        {
            // Of a name that is no UTF-8 only something like it is known here, and nothing is there.
            if (file.LinkTarget is null && file.Exists
                && (!FileFacts.TryRead(file.FullName, out var facts) || facts.Type == FileType.Regular))
            {
                string path = Path.GetRelativePath(work, file.FullName);
                if (!inputs.TryGetValue(path, out var before) || before != (file.Length, file.LastWriteTimeUtc))
                {
                    found.Add((path, file.Length));
                }
            }
        }

        found.Sort((a, b) => string.CompareOrdinal(a.Path, b.Path));
        return found;
    }

    /// <summary>The result of a run that ended well, as JSON.</summary>
    internal static byte[] Result(int exitCode, IReadOnlyList<(string Path, long Size)> artifacts)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        json.WriteNumber("exit_code"u8, exitCode);
        json.WriteStartArray("artifacts"u8);
        int listed = 0;
        while (listed < artifacts.Count && listed < MaxListed && json.BytesCommitted + json.BytesPending < MaxResultBytes)
        {
            json.WriteStartObject();
            json.WriteString("path"u8, artifacts[listed].Path);
            json.WriteNumber("size"u8, artifacts[listed].Size);
            json.WriteEndObject();
            listed++;
        }

        json.WriteEndArray();
        json.WriteNumber("artifact_count"u8, artifacts.Count);
        json.WriteBoolean("artifacts_truncated"u8, listed < artifacts.Count);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan.ToArray();
    }
}
