using System.CommandLine;
using System.Text.Json;
using Engine.Host.Cli;
using Engine.Storage;
using Engine.Storage.Faster;
using static Engine.Host.JournalTools.JournalCommand;

namespace Engine.Host.JournalTools;

/// <summary><c>journal inspect DIR</c>: a line of JSON a frame. Changes nothing.</summary>
internal static class InspectCommand
{
    private const int BufferSize = 64 * 1024;

    // So often it is looked whether anybody still reads what is shown.
    private const int FramesPerLook = 64;

    private static readonly Argument<string> Directory = DirectoryArgument();

    private static readonly Option<long> From = new("--from")
    {
        Description = "The first frame.",
        HelpName = "SEQ",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<long> To = new("--to")
    {
        Description = "The last frame.",
        HelpName = "SEQ",
        DefaultValueFactory = _ => long.MaxValue,
    };

    private static readonly Option<string?> Job = new("--job")
    {
        Description = "Only events of this job, and only frames that have any.",
        HelpName = "ID",
    };

    private static readonly Option<bool> Payloads = new("--payloads")
    {
        Description = "Show payloads, results and checkpoints, which may be confidential.",
    };

    internal static Command Create()
    {
        var command = new Command("inspect", "Prints a journal's frames and their events as JSON lines. Changes nothing.")
        {
            Directory, From, To, Job, Payloads,
        };
        command.SetAction((parsed, _) =>
        {
            JobId? job = null;
            if (parsed.GetValue(Job) is { } text)
            {
                job = JobId.TryParse(text, null, out var id)
                    ? id
                    : throw new UsageException($"--job must be a job's id; found '{text}'.");
            }

            long from = parsed.GetValue(From);
            if (from < 1)
            {
                throw new UsageException($"--from must be 1 or more; found {from}.");
            }

            if (parsed.GetValue(To) < from)
            {
                throw new UsageException($"--to must be --from or more; found {parsed.GetValue(To)}, and --from is {from}.");
            }

            return RunAsync(stop => Inspect(
                Find(parsed.GetRequiredValue(Directory)), from, parsed.GetValue(To), job, parsed.GetValue(Payloads), stop));
        });
        return command;
    }

    private static int Inspect(
        string directory, long from, long to, JobId? job, bool payloads, CancellationToken cancellationToken)
    {
        var lines = InspectJson.Lines(payloads);
        var output = new BufferedStream(Console.OpenStandardOutput(), BufferSize);
        try
        {
            int read = 0;
            foreach (var entry in FasterJournalTools.Read(directory, from, cancellationToken))
            {
                if (entry.Frame.Sequence > to)
                {
                    break;
                }

                if (LineOf(entry, job) is { } line)
                {
                    CheckedWriter.Write(() =>
                    {
                        JsonSerializer.Serialize(output, line, lines);
                        output.WriteByte((byte)'\n');
                    });
                }

                // Where few lines are wanted of many frames they are shown as they are found, too.
                if (++read % FramesPerLook == 0)
                {
                    CheckedWriter.Write(output.Flush);
                    if (OutputReader.IsGone)
                    {
                        return ExitCode.Success;
                    }
                }
            }

            CheckedWriter.Write(output.Flush);
            return ExitCode.Success;
        }
        catch (Exception e) when (e is not OutputException)
        {
            ShowRest(output);
            throw;
        }
    }

    /// <summary>Shows what was read before the end came, which weighs more than that it may not be shown.</summary>
    private static void ShowRest(BufferedStream output)
    {
        try
        {
            CheckedWriter.Write(output.Flush);
        }
        catch (OutputException e)
        {
            EngineCommand.Complain(e.Message);
        }
    }

    private static FrameLine? LineOf(in JournalEntry entry, JobId? job)
    {
        var frame = entry.Frame;
        IReadOnlyList<JournalEventView> events;
        try
        {
            events = JournalEventView.ReadAll(frame);
        }
        catch (JournalDamagedException e)
        {
            throw new JournalDamagedException($"{entry.Path} at offset {entry.Offset}: frame {frame.Sequence}: {e.Message}", e);
        }

        if (job is not null)
        {
            events = [.. events.Where(e => e.JobId == job)];
        }

        return job is not null && events.Count == 0
            ? null
            : new FrameLine(
                frame.Sequence,
                frame.Epoch,
                DateTimeOffset.FromUnixTimeMilliseconds(frame.InstantMs),
                Path.GetFileName(entry.Path),
                entry.Offset,
                entry.SizeBytes,
                events);
    }
}
