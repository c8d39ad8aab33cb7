using System.Globalization;

namespace Engine.Host.Cli;

/// <summary>What is said of an exception that nobody expected: one line, and where the rest is.</summary>
internal static class Defect
{
    /// <summary>Keeps the details in a file of its own, and says so in a line.</summary>
    /// <param name="exception">What escaped.</param>
    /// <param name="directory">Where the file is made; by default the one for temporary files.</param>
    internal static string Describe(Exception exception, string? directory = null)
    {
        // Without more of the system than must be: what has failed may be that nothing more can be loaded or opened.
        string id = Random.Shared.NextInt64(1L << 48).ToString("x12", CultureInfo.InvariantCulture);
        string what = $"{exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" / ")}";
        return $"A defect in the program has ended it, debug id {id}: {what} "
            + $"({Keep(exception, Path.Combine(directory ?? Path.GetTempPath(), $"engine-defect-{id}.txt"))})";
    }

    private static string Keep(Exception exception, string path)
    {
        try
        {
            File.WriteAllText(path, exception + "\n");
            return $"Please report it with '{path}'.";
        }
        catch (Exception e) when (Printer.CannotWrite(e))
        {
            // One line has to do: where it was thrown is the most that fits.
            string? place = exception.StackTrace?.Split('\n')[0].Trim();
            return $"Please report it: thrown {place ?? "nowhere"}.";
        }
    }
}
