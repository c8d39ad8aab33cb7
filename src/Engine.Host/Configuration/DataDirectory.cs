using Engine.Host.Cli;
using Engine.Host.Serve;

namespace Engine.Host.Configuration;

/// <summary>Makes the data directory before anything is started that needs it, and sees that files can be made there.</summary>
internal static class DataDirectory
{
    private const string Directories = "a directory, or be free to become one";

    // EROFS, on every Unix.
    private const int ReadOnly = 30;

    /// <exception cref="SettingsException">There can be none of that name, or none that can be used.</exception>
    internal static void Make(HostSettings settings)
    {
        string[] parts = [.. PartsOf(settings).Select(part => Path.Combine(settings.DataDirectory, part))];
        if (parts.Length == 0)
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
            throw Unusable(Directories, settings.DataDirectory, Printer.ReasonOf(e));
        }

        // What a start would find one by one, each with words of its own; or, of logs, only when the first line is lost.
        foreach (string part in parts.Prepend(settings.DataDirectory))
        {
            Check(part);
        }
    }

    private static IEnumerable<string> PartsOf(HostSettings settings)
    {
        if (settings.Journal == JournalKind.Faster)
        {
            yield return "journal";
        }

        if (settings.Journal != JournalKind.Memory)
        {
            yield return "logs";
        }

        if (EngineSetup.ServedTypes(settings).Any(type => type.Handler == HandlerKind.Process))
        {
            yield return "runs";
        }
    }

    private static void Check(string directory)
    {
        if (!Directory.Exists(directory))
        {
            if (Path.Exists(directory) || new FileInfo(directory).LinkTarget is not null)
            {
                throw Unusable(Directories, directory, "it is something else");
            }

            return;
        }

        try
        {
            MakeFileIn(directory);
        }
        catch (Exception e) when (IsDenied(e))
        {
            throw NotAllowed(directory, e);
        }
        catch (IOException)
        {
            // A full or broken disk is no matter of settings: who needs it says so, and with what to do.
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
        Unusable("a directory in which the user of this program may make files", found, Printer.ReasonOf(e));

    private static SettingsException Unusable(string rule, string found, string reason) =>
        new([$"Engine:DataDirectory: must be {rule}; found '{found}': {reason}."]);
}
