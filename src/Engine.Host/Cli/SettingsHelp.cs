using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Engine.Host.Cli;

/// <summary>The help of the library, but for what it says of words that a command does not know by itself: here they are
/// settings, and no program is run that they could be passed to.</summary>
internal sealed class SettingsHelp(SynchronousCommandLineAction standard) : SynchronousCommandLineAction
{
    private const string Words = " [[--] <additional arguments>...]]";
    private const string Settings = " [--Engine:KEY=VALUE...]";

    public override bool ClearsParseErrors => standard.ClearsParseErrors;

    /// <summary>Puts it in the place of the standard one.</summary>
    internal static void AddTo(RootCommand root)
    {
        foreach (var option in root.Options.OfType<HelpOption>())
        {
            option.Action = new SettingsHelp((SynchronousCommandLineAction)option.Action!);
        }
    }

    public override int Invoke(ParseResult parseResult)
    {
        var configuration = parseResult.InvocationConfiguration;
        var output = configuration.Output;
        using var text = new StringWriter();
        int code;
        try
        {
            configuration.Output = text;
            code = standard.Invoke(parseResult);
        }
        finally
        {
            configuration.Output = output;
        }

        output.Write(WithSettings(text.ToString()));
        return code;
    }

    private static string WithSettings(string help)
    {
        if (!help.Contains(Words, StringComparison.Ordinal))
        {
            return help;
        }

        int end = help.IndexOf("Additional Arguments:", StringComparison.Ordinal);
        string rest = end < 0 ? help : help[..end];
        return rest.Replace(Words, Settings, StringComparison.Ordinal)
            + "Settings:\n  Any setting may be given as --Engine:KEY=VALUE; docs/configuration.md lists them.\n\n";
    }
}
