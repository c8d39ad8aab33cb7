using Engine.Host.Cli;
using Engine.Host.Serve;

namespace Engine.Host.Configuration;

/// <summary>Makes the data directory before anything is started that needs it.</summary>
internal static class DataDirectory
{
    /// <exception cref="SettingsException">There can be none of that name.</exception>
    internal static void Make(HostSettings settings)
    {
        bool isNeeded = settings.Journal != JournalKind.Memory
            || EngineSetup.ServedTypes(settings).Any(type => type.Handler == HandlerKind.Process);
        if (!isNeeded)
        {
            return;
        }

        try
        {
            Directory.CreateDirectory(settings.DataDirectory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException(
            [
                $"Engine:DataDirectory: must be a directory, or be free to become one; found '{settings.DataDirectory}': "
                + $"{Printer.ReasonOf(e)}.",
            ]);
        }
    }
}
