using Engine.Storage;
using static Engine.Tests.Crash.Checks.Finding;

namespace Engine.Tests.Crash.Checks;

/// <summary>Every frame that was ever on its way to a journal, read as processes die: what the journal has let go of is
/// still here.</summary>
internal sealed class Archive(string directory)
{
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);
    private readonly Dictionary<long, (JournalFrame Frame, uint Previous)> _frames = [];

    /// <summary>Reads the files of processes, or engines, that have died since the last call.</summary>
    internal void ReadOn()
    {
        if (!Directory.Exists(directory))
        {
            return;
        }

        foreach (string path in Directory.EnumerateFiles(directory).Where(_read.Add))
        {
            ReadOnlyMemory<byte> rest = File.ReadAllBytes(path);
            while (FrameCodec.TryRead(rest, out var frame, out uint previous, out _))
            {
                // A later owner writes a number again only if the frame of the one before was not in its log.
                if (!_frames.TryGetValue(frame.Sequence, out var known) || known.Frame.Epoch < frame.Epoch)
                {
                    _frames[frame.Sequence] = (frame, previous);
                }

                rest = rest[(FrameCodec.HeaderSize + frame.Payload.Length)..];
            }
        }
    }

    /// <summary>The frames up to one, which the journal no longer has.</summary>
    /// <param name="last">The last frame that is gone.</param>
    /// <param name="checksum">What the journal remembers of it.</param>
    internal IEnumerable<JournalFrame> UpTo(long last, uint checksum)
    {
        uint chain = 0;
        for (long sequence = 1; sequence <= last; sequence++)
        {
            bool found = _frames.TryGetValue(sequence, out var one);
            Unless(found && one.Previous == chain, "D2", $"frame {sequence} was let go of and never written");
            chain = one.Frame.Checksum;
            yield return one.Frame;
        }

        Unless(last == 0 || chain == checksum, "D2", $"the log begins after another frame {last} than was written");
    }
}
