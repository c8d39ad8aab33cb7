using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Engine.Tests.Docs;

/// <summary>Every test that a document names, for a promise or a figure, is there to be run.</summary>
public sealed partial class NamedTestsTests
{
    [Fact]
    public void Every_test_that_a_document_names_exists()
    {
        var tests = Tests();
        var missing = new List<string>();
        int named = 0;
        foreach (string document in Documents())
        {
            foreach (Match name in Named().Matches(File.ReadAllText(document)))
            {
                named++;
                string type = name.Groups["type"].Value;
                string method = name.Groups["method"].Value;
                if (!tests.Any(test => (type.Length == 0 || test.Type == type) && Matches(test.Name, method)))
                {
                    missing.Add($"{Path.GetFileName(document)}: {name.Value}");
                }
            }
        }

        Assert.True(named > 60, $"Only {named} names of tests were found in the documents.");
        Assert.True(missing.Count == 0, string.Join("; ", missing));
    }

    /// <summary>A promise whose row names no test is no promise.</summary>
    [Fact]
    public void Every_promise_of_durability_names_a_test()
    {
        string text = File.ReadAllText(Path.Combine(Root(), "docs/durability.md"));
        string promises = text[text.IndexOf("## Promises", StringComparison.Ordinal)..];
        promises = promises[..promises.IndexOf("\n## ", 3, StringComparison.Ordinal)];
        var rows = promises.Split('\n').Where(static line => line.StartsWith('|')).Skip(2).ToList();

        Assert.True(rows.Count >= 15, $"{rows.Count} promises were found.");
        Assert.All(rows, static row => Assert.True(Named().IsMatch(row) || Rigs().IsMatch(row), row));
    }

    private static bool Matches(string name, string pattern) =>
        pattern.Length == 0 || (pattern.EndsWith('*')
            ? name.StartsWith(pattern[..^1], StringComparison.Ordinal)
            : name == pattern);

    /// <summary>The tests in the sources, by the class that a file begins with.</summary>
    private static List<(string Type, string Name)> Tests()
    {
        var tests = new List<(string Type, string Name)>();
        foreach (string path in Directory.EnumerateFiles(
            Path.Combine(Root(), "tests"), "*.cs", SearchOption.AllDirectories))
        {
            string source = File.ReadAllText(path);
            if (Class().Match(source) is { Success: true } type)
            {
                tests.AddRange(Test().Matches(source).Select(
                    test => (type.Groups["name"].Value, test.Groups["name"].Value)));
            }
        }

        return tests;
    }

    private static IEnumerable<string> Documents() =>
    [
        .. Directory.EnumerateFiles(Path.Combine(Root(), "docs"), "*.md", SearchOption.AllDirectories),
        Path.Combine(Root(), "README.md"), Path.Combine(Root(), "ARCHITECTURE.md"),
    ];

    private static string Root([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../.."));

    /// <summary>A class of tests, or one of its methods, or a method by its number alone: F3_*.</summary>
    [GeneratedRegex(
        @"`(?:(?<type>[A-Z]\w+(?:Tests|Properties))(?:\.(?<method>\w+\*?))?|(?<method>[A-Z]{1,2}-?\d+_\w*\*?))`")]
    private static partial Regex Named();

    [GeneratedRegex("the ledger of every rig")]
    private static partial Regex Rigs();

    [GeneratedRegex(@"^(?:public|internal) (?:\w+ )*class (?<name>\w+)", RegexOptions.Multiline)]
    private static partial Regex Class();

    [GeneratedRegex(
        @"\[\w*(?:Fact|Theory|Property)\b[^\n]*\n(?:\s*(?:\[[^\n]*|//[^\n]*)\n)*" +
        @"\s+public (?:async )?[\w<>]+ (?<name>\w+)\(")]
    private static partial Regex Test();
}
