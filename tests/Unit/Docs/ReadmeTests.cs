using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Engine.Tests.Docs;

/// <summary>What the README shows is what is built and run.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public void The_embedding_sample_of_the_README_is_the_one_that_is_built()
    {
        string root = Root();
        string shown = EmbeddingBlock().Match(File.ReadAllText(Path.Combine(root, "README.md"))).Groups["code"].Value;

        Assert.NotEmpty(shown);
        Assert.Equal(File.ReadAllText(Path.Combine(root, "samples/embedding/Program.cs")), shown);
    }

    [Fact]
    public void The_quick_start_over_HTTP_is_not_held_up_by_the_tour_before_it()
    {
        // Both use the same data directory: who has used up a day, or owns a project, in one has in the other.
        string root = Root();
        string tour = File.ReadAllText(Path.Combine(root, "samples/tour.jsonl"));
        string[] shown =
        [
            .. ((string[])["README.md", "docs/http-api.md"]).SelectMany(file =>
                QuickStart().Matches(File.ReadAllText(Path.Combine(root, file))).Select(match => match.Groups["name"].Value)),
        ];

        Assert.True(shown.Length >= 4, string.Join(", ", shown));
        Assert.All(shown, name => Assert.DoesNotContain($"\"{name}\"", tour, StringComparison.Ordinal));
        Assert.Equal(shown.Length, shown.Distinct().Count());
    }

    [Fact]
    public void Every_document_that_the_README_links_to_is_there()
    {
        string root = Root();
        var links = Link().Matches(File.ReadAllText(Path.Combine(root, "README.md")))
            .Select(match => match.Groups["path"].Value)
            .Where(path => !path.StartsWith("http", StringComparison.Ordinal))
            .ToList();

        Assert.NotEmpty(links);
        Assert.All(links, path => Assert.True(Path.Exists(Path.Combine(root, path)), path));
    }

    internal static string Root([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../.."));

    [GeneratedRegex(@"^## Embedding$.*?^```csharp\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex EmbeddingBlock();

    [GeneratedRegex("""(?:Bearer dev:|-d '{"project_id":")(?<name>[a-z]+)""")]
    private static partial Regex QuickStart();

    [GeneratedRegex(@"\]\((?<path>[^)]+)\)")]
    private static partial Regex Link();
}
