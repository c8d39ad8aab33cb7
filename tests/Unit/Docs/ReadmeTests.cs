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

    private static string Root([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "../../.."));

    [GeneratedRegex(@"^## Embedding$.*?^```csharp\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex EmbeddingBlock();

    [GeneratedRegex(@"\]\((?<path>[^)]+)\)")]
    private static partial Regex Link();
}
