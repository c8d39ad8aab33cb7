using System.Text;
using Engine.Host.Configuration;
using Engine.Tests.Http;

namespace Engine.Tests.Configuration;

/// <summary>docs/configuration.md and the code know the same keys, defaults, rules and meanings. The tables are written
/// by UPDATE_SNAPSHOTS=1 dotnet test; everything around them by hand.</summary>
public class ConfigurationDocumentTests
{
    private const string Document = "docs/configuration.md";
    private const string Begin = "<!-- settings -->\n";
    private const string End = "<!-- end of settings -->\n";

    [Fact]
    public void Every_key_is_documented_as_it_is_read()
    {
        string text = Repository.Read(Document);
        int begin = text.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        int end = text.IndexOf(End, StringComparison.Ordinal);
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") == "1")
        {
            File.WriteAllText(Path.Combine(Repository.Root, Document), text[..begin] + Table() + text[end..]);
            return;
        }

        Assert.Equal(Table(), text[begin..end]);
    }

    [Fact]
    public void No_key_is_listed_twice() =>
        Assert.Distinct(SettingsCatalog.All.Select(setting => setting.Key), StringComparer.OrdinalIgnoreCase);

    private static string Table()
    {
        var table = new StringBuilder();
        table.Append("| Key under `Engine:` | Default | Must be | Meaning |\n| --- | --- | --- | --- |\n");
        foreach (var setting in SettingsCatalog.All)
        {
            string mark = setting.Reloads ? " ↻" : "";
            string standard = setting.Default == "-" ? "-" : $"`{setting.Default}`";
            table.Append($"| `{setting.Key}`{mark} | {standard} | {setting.Rule} | {setting.Meaning} |\n");
        }

        return table.ToString();
    }
}
