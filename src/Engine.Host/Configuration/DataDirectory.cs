using Engine.Host.Cli;
using Engine.Host.Serve;

namespace Engine.Host.Configuration;

/// <summary>Makes the data directory before anything is started that needs it, and sees that files can be made there.</summary>
internal static class DataDirectory
{
    // What a start would find one by one, each with words of its own; or, of logs, only when the first line is lost.
    private static readonly string[] Parts = ["", "journal", "logs", "runs"];

    // EROFS, on every Unix.
    private const int ReadOnly = 30;

    /// <exception cref="SettingsException">There can be none of that name, or none that can be used.</exception>
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
        catch (Exception e) when (IsDenied(e))
        {
            throw NotAllowed(settings.DataDirectory, e);
        }
        catch (IOException e)
        {
            throw Unusable("a directory, or be free to become one", settings.DataDirectory, e);
        }

        foreach (string part in Parts.Select(part => Path.Combine(settings.DataDirectory, part)).Where(Directory.Exists))
        {
            try
            {
                MakeFileIn(part);
            }
            catch (Exception e) when (IsDenied(e))
            {
                throw NotAllowed(part, e);
            }
            catch (IOException)
            {
                // A full or broken disk is no matter of settings: who needs it says so, and with what to do.
            }
        }
    }

    private static void MakeFileIn(string directory)
    {
        var nothing = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Options = FileOptions.DeleteOnClose,
            BufferSize = 0,
        };
        new FileStream(Path.Combine(directory, $".may-write-{Guid.NewGuid():N}"), nothing).Dispose();
    }

    private static bool IsDenied(Exception e) =>
        e is UnauthorizedAccessException || (e is IOException { HResult: ReadOnly } && !OperatingSystem.IsWindows());

    private static SettingsException NotAllowed(string found, Exception e) =>
        Unusable("a directory in which the user of this program may make files", found, e);

    private static SettingsException Unusable(string rule, string found, Exception e) =>
        new([$"Engine:DataDirectory: must be {rule}; found '{found}': {Printer.ReasonOf(e)}."]);
}
