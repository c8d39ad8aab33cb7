using System.Globalization;

namespace Engine.Bench.Throughput;

/// <summary>Prints figures, one line each: name, value, unit. Lines that start with # are for people.</summary>
internal static class Figures
{
    internal static void Note(string text) => Console.WriteLine($"# {text}");

    internal static void Print(string name, double value, string unit) => Console.WriteLine(Line(name, value, unit));

    internal static string Line(string name, double value, string unit)
    {
        string format = Math.Abs(value) switch
        {
            >= 1_000 => "F0",
            >= 10 => "F1",
            >= 0.1 => "F2",
            _ => "G3",
        };
        return $"{name} {value.ToString(format, CultureInfo.InvariantCulture)} {unit}";
    }

    /// <summary>The middle of some measurements: one disturbed by a neighbour on the machine does not count.</summary>
    internal static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
