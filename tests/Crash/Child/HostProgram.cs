using System.Globalization;

namespace Engine.Tests.Crash.Child;

/// <summary>A process that runs engines as it is told, a line at a time; what each says carries its number.</summary>
internal static class HostProgram
{
    private const int MinThreads = 32;
    private const char Separator = '\t';

    internal static string Encode(ChildOptions options) => string.Join(Separator, options.ToArguments());

    internal static int Run()
    {
        // Several engines start, and end, with calls that block: none must wait for threads because of the others.
        ThreadPool.SetMinThreads(MinThreads, MinThreads);
        var lanes = new Dictionary<int, ChildControl>();
        while (Console.In.ReadLine() is { } line)
        {
            int end = line.IndexOf(' ', StringComparison.Ordinal);
            int lane = int.Parse(line.AsSpan(0, end), CultureInfo.InvariantCulture);
            string[] words = line[(end + 1)..].Split(Separator);
            if (words[0] != "start")
            {
                lanes[lane].Obey(words[0]);
                continue;
            }

            var control = lanes[lane] = new ChildControl();
            var ledger = new Ledger(string.Create(CultureInfo.InvariantCulture, $"{lane} "));
            _ = Task.Run(() => ChildProgram.RunAsync(ChildOptions.Parse(words.AsSpan(1)), ledger, control));
        }

        // Nothing outlives the test: without a parent there is no child.
        Signals.Send(Environment.ProcessId, Signals.Kill);
        return 0;
    }
}
