using System.Globalization;

namespace Engine.Tests.Crash.Child;

/// <summary>A process that runs engines as it is told, a line at a time; what each says carries its number.</summary>
internal static class HostProgram
{
    private const char Separator = '\t';

    internal static string Encode(ChildOptions options) => string.Join(Separator, options.ToArguments());

    internal static int Run()
    {
        var lanes = new List<ChildControl>();
        while (Console.In.ReadLine() is { } line)
        {
            int end = line.IndexOf(' ', StringComparison.Ordinal);
            string rest = line[(end + 1)..];
            if (line.AsSpan(0, end) is not "start")
            {
                lanes[int.Parse(rest, CultureInfo.InvariantCulture)].Obey(line[..end]);
                continue;
            }

            var control = new ChildControl();
            var ledger = new Ledger(string.Create(CultureInfo.InvariantCulture, $"{lanes.Count} "));
            lanes.Add(control);
            _ = Task.Run(() => ChildProgram.RunAsync(ChildOptions.Parse(rest.Split(Separator)), ledger, control));
        }

        // Nothing outlives the test: without a parent there is no child.
        Posix.Signal(Environment.ProcessId, Posix.SigKill);
        return 0;
    }
}
