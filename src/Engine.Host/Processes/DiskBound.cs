using System.Globalization;

namespace Engine.Host.Processes;

/// <summary>Keeps one run from filling the disk: looks at its directories now and then while it works, and once more when
/// it has ended.</summary>
/// <remarks>It notices and does not prevent: between two looks a program may write what it can. Files are counted as
/// <see cref="DiskUse"/> says; what is deleted and still held open is not seen. It is for mistakes: what is not trusted
/// needs a container or a file system of its own.</remarks>
internal sealed class DiskBound(ProcessSettings settings, RunDirectory directory, TimeProvider time)
{
    // Looking takes a tenth of a processor's time at most, however many files there are.
    private const int PausePerLook = 9;
    private static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(1);

    private volatile string? _problem;

    /// <summary>Which limit the run was found to exceed, or null.</summary>
    internal string? Problem => _problem;

    /// <summary>Looks again and again until told to stop, or more is taken than may be.</summary>
    /// <param name="exceeded">Set when more is taken than may be.</param>
    /// <param name="enough">Ends the looks.</param>
    internal async Task WatchAsync(CancellationTokenSource exceeded, CancellationToken enough)
    {
        while (!enough.IsCancellationRequested)
        {
            long began = time.GetTimestamp();
            try
            {
                Look();
            }
            catch (IOException)
            {
                // The last look, when the run has ended, tells what stays in the way.
            }

            if (_problem is not null)
            {
                await exceeded.CancelAsync().ConfigureAwait(false);
                return;
            }

            var pause = time.GetElapsedTime(began) * PausePerLook;
            await Task.Delay(pause > ShortestPause ? pause : ShortestPause, time, enough)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>Looks once. What was exceeded once stays so; what cannot be looked at counts as too much.</summary>
    /// <returns><see cref="Problem"/>.</returns>
    /// <exception cref="IOException">The disk failed.</exception>
    internal string? Look()
    {
        _problem ??= Find();
        return _problem;
    }

    private string? Find()
    {
        try
        {
            var use = DiskUse.Of([directory.Work, directory.Scratch], settings.MaxDiskBytes, settings.MaxFiles);
            return use.Bytes > settings.MaxDiskBytes
                ? Message("bytes on disk", settings.MaxDiskBytes, "MaxDiskBytes")
                : use.Files > settings.MaxFiles
                    ? Message("files and directories", settings.MaxFiles, "MaxFiles")
                    : null;
        }
        catch (PathTooLongException)
        {
            // A program goes there step by step. What nobody can name, nobody can count or list.
            return "The run made directories within directories until their path was longer than the system allows: it was "
                + "ended, and its files are not kept.";
        }
    }

    private static string Message(string what, long limit, string key) => string.Create(
        CultureInfo.InvariantCulture,
        $"The run took more than {limit:N0} {what} (Engine:Processes:{key}): it was ended, and its files are not kept.");
}
