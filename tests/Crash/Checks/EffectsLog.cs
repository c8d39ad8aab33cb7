using System.Globalization;
using System.Text;

namespace Engine.Tests.Crash.Checks;

/// <summary>The side effects that jobs really had, read a piece at a time.</summary>
internal sealed class EffectsLog(string path)
{
    private long _offset;

    /// <summary>Runs that began to have effects, and whether they came to their end.</summary>
    internal Dictionary<RunLease, (int Started, int Done)> Runs { get; } = [];

    internal Dictionary<JobId, int> StartsOf { get; } = [];

    /// <summary>Reads what was added since the last call. The process that wrote it is dead.</summary>
    internal void ReadOn()
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var file = File.OpenRead(path);
        file.Position = _offset;
        using var reader = new StreamReader(file, Encoding.ASCII);
        while (reader.ReadLine() is { } line)
        {
            // Without its dot it was cut short by the kill, or it is the empty line that ends such a one.
            string[] words = line.Split(' ');
            if (words is [_, _, _, _, "."])
            {
                Note(
                    words[0],
                    new RunLease(
                        JobId.Parse(words[1]),
                        int.Parse(words[2], CultureInfo.InvariantCulture),
                        long.Parse(words[3], CultureInfo.InvariantCulture)));
            }
        }

        _offset = file.Length;
    }

    private void Note(string what, RunLease lease)
    {
        var (started, done) = Runs.GetValueOrDefault(lease);
        Runs[lease] = what == "start" ? (started + 1, done) : (started, done + 1);
        if (what == "start")
        {
            StartsOf[lease.JobId] = StartsOf.GetValueOrDefault(lease.JobId) + 1;
        }
    }
}
