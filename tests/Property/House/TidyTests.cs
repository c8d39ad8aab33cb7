using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Engine.Tests.House;

/// <summary>The house rules that a compiler does not know, as tests over the sources.</summary>
public sealed partial class TidyTests
{
    private const int MaxFileLines = 500;
    private const int MaxLineColumns = 120;

    [Fact]
    public void The_core_is_deterministic_and_synchronous() =>
        AssertNone(CodeIn("src/Engine/Core"), static line =>
            ForbiddenInCore().Match(line) is { Success: true } match ? $"'{match.Value}' in the core" : null);

    [Fact]
    public void Nothing_locks_in_core_and_runtime() =>
        AssertNone(CodeIn("src/Engine/Core").Concat(CodeIn("src/Engine/Runtime")), static line =>
            Locks().Match(line) is { Success: true } match ? $"'{match.Value}': the loop owns all state" : null);

    /// <summary>Model ← Core ← Storage ← Runtime ← Hosting: nobody names what stands further out.</summary>
    [Theory]
    [InlineData("Model", "Core|Storage|Runtime|Hosting|Diagnostics|RunLogs")]
    [InlineData("Estimation", "Core|Storage|Runtime|Hosting|Diagnostics|RunLogs")]
    [InlineData("Core", "Storage|Runtime|Hosting|Diagnostics|RunLogs")]
    [InlineData("Storage", "Runtime|Hosting|Diagnostics|RunLogs")]
    [InlineData("RunLogs", "Core|Runtime")]
    [InlineData("Runtime", "Hosting")]
    public void Dependencies_point_inwards(string folder, string forbidden)
    {
        var files = Code(Files($"src/Engine/{folder}"));
        AssertNone(files, line => Regex.Match(line, $@"\bEngine\.({forbidden})\b") is { Success: true } match
            ? $"{folder} names {match.Value}"
            : null);
    }

    [Theory]
    [InlineData("src/Engine.Storage.Faster")]
    [InlineData("src/Engine.Storage.Redis")]
    [InlineData("src/Engine.Host")]
    public void Other_projects_see_only_what_is_public(string project) =>
        AssertNone(CodeIn(project), static line =>
            Regex.Match(line, @"^\s*(using|global using) (static )?Engine\.(Core|Runtime)\b") is { Success: true } match
                ? $"'{match.Value.Trim()}' reaches into the engine"
                : null);

    /// <summary>Only the processes that the crash tests kill may: they wait for nothing but their end.</summary>
    [Fact]
    public void Tests_never_sleep()
    {
        var files = Files("tests").Where(static file =>
            !file.EndsWith("TidyTests.cs", StringComparison.Ordinal)
            && !Relative(file).StartsWith("tests/Crash/Child", StringComparison.Ordinal));
        AssertNone(Code(files), static line =>
            line.Contains("Thread.Sleep(", StringComparison.Ordinal) ? "await a signal instead" : null);
    }

    [Fact]
    public void Lines_fit_the_measure() =>
        AssertNone(
            Files("src/Engine/Core").Concat(Files("tests/Property")).Select(file => (file, File.ReadAllLines(file))),
            static line => line.Length > MaxLineColumns ? $"{line.Length} columns" : null);

    /// <summary>The compiler then refuses what trimming and native compilation would break.</summary>
    [Theory]
    [InlineData("Engine")]
    [InlineData("Engine.Storage.Faster")]
    [InlineData("Engine.Storage.Redis")]
    [InlineData("Engine.Simulation")]
    public void Libraries_are_clean_for_trimming_and_native_compilation(string project)
    {
        string text = File.ReadAllText(Path.Combine(Root(), "src", project, project + ".csproj"));
        Assert.Contains("<IsAotCompatible>true</IsAotCompatible>", text, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"\bIL\d{4}\b", text);
    }

    [Fact]
    public void Files_fit_the_head()
    {
        var tooLong = Files("src").Concat(Files("tests"))
            .Select(file => (Name: Relative(file), Lines: File.ReadLines(file).Count()))
            .Where(file => file.Lines > MaxFileLines)
            .Select(file => $"{file.Name}: {file.Lines} lines");
        Assert.Empty(tooLong);
    }

    [Fact]
    public void Every_event_kind_has_a_number_that_was_never_another_kinds()
    {
        // On disk for ever. Add lines; never change one.
        string approved =
            "None=0 JobSubmitted=1 JobReleased=2 JobDeferred=3 RunStarted=4 StageEntered=5 ProgressReported=6 " +
            "IterationStarted=7 RunEnded=8 CancelRequested=9 JobEnded=10 JobConfirmed=11 JobsPurged=12 " +
            "OrderingChanged=13 AnswerKept=14";
        Assert.Equal(approved,
            string.Join(' ', Enum.GetValues<Engine.Core.EventKind>().Select(kind => $"{kind}={(byte)kind}")));
    }

    private static void AssertNone(IEnumerable<(string File, string[] Lines)> files, Func<string, string?> objection)
    {
        var sources = files.ToList();
        Assert.NotEmpty(sources);
        var objections = sources.SelectMany(source => source.Lines.Select((line, i) =>
            objection(line) is { } what ? $"{Relative(source.File)}:{i + 1}: {what}" : null));
        Assert.Empty(objections.OfType<string>());
    }

    private static IEnumerable<(string File, string[] Lines)> CodeIn(string folder) => Code(Files(folder));

    /// <summary>Without comments, which may speak of anything.</summary>
    private static IEnumerable<(string File, string[] Lines)> Code(IEnumerable<string> files) =>
        files.Select(file => (file, File.ReadAllLines(file).Select(line => Comment().Replace(line, "")).ToArray()));

    private static IEnumerable<string> Files(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root(), folder), "*.cs", SearchOption.AllDirectories)
            .Where(static file => !Built().IsMatch(file))
            .Order(StringComparer.Ordinal);

    private static string Relative(string file) => Path.GetRelativePath(Root(), file);

    internal static string Root([CallerFilePath] string here = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "../../.."));

    [GeneratedRegex(@"\b(async|await|Task|ValueTask|Thread|ILogger|TimeProvider|DateTime|float|double|Random|"
        + @"CultureInfo\.CurrentCulture|GetHashCode|Environment)\b")]
    private static partial Regex ForbiddenInCore();

    [GeneratedRegex(@"\block \(|\bMonitor\.|\bLock\b|\bMutex\b|ReaderWriterLock")]
    private static partial Regex Locks();

    [GeneratedRegex(@"//.*$")]
    private static partial Regex Comment();

    [GeneratedRegex(@"[/\\](bin|obj)[/\\]")]
    private static partial Regex Built();
}
