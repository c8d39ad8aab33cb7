using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Log;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>A journal in memory that a test damages, and what it held when it was whole.</summary>
internal sealed class DamagedJournal : ILogObserver
{
    internal const string Segment = "segment-0000000000.log";
    internal const string SpareSegment = "segment-0000000001.log";
    internal const string Superblocks = "superblock";

    private readonly List<JournalFrame> _frames = [];
    private readonly List<int> _offsets = [];
    private int _read;
    private bool _differs;

    private DamagedJournal(string directory)
    {
        Files = new MemoryFiles(directory, FasterImage.Bytes(directory));
        Original = FasterImage.Bytes(directory);
        using var file = new SuperblockFile(Files, directory);
        var superblock = file.Read()!;
        var (_, log, _) = LogOpening.Examine(superblock, Files, directory, default, new Recorder(this));
        LogEnd = log.End.Address;
        ProvenCount = (int)Math.Max(superblock.DurableSequence, LastMark(superblock).FirstSequence - 1);
    }

    internal MemoryFiles Files { get; }

    internal SortedDictionary<string, byte[]> Original { get; }

    /// <summary>The frames of the whole journal.</summary>
    internal IReadOnlyList<JournalFrame> Frames => _frames;

    /// <summary>Where each of them lies in the segment's file.</summary>
    internal IReadOnlyList<int> Offsets => _offsets;

    /// <summary>How many frames something that is stored elsewhere proves to have been durable.</summary>
    internal int ProvenCount { get; }

    internal long LogEnd { get; }

    internal static DamagedJournal Load(string directory) => new(directory);

    /// <summary>Damages one file in every way given.</summary>
    internal DamageTally Run(string file, IEnumerable<DamageCase> cases, Func<DamageOutcome>? judge = null)
    {
        var tally = DamageTally.Run(Original[file], Files[file], cases, length =>
        {
            Files.SetLength(file, length);
            return (judge ?? Judge)();
        });
        Files.SetLength(file, Original[file].Length);
        return tally;
    }

    /// <summary>What opening makes of the journal as it is now.</summary>
    internal DamageOutcome Judge()
    {
        (_read, _differs) = (0, false);
        try
        {
            using var file = new SuperblockFile(Files, Files.Directory);
            if (file.Read() is not { } superblock)
            {
                // Not refused here, it would become a new journal, which is empty.
                LogOpening.RefuseOrphans(Files, Files.Directory);
                return DamageOutcome.Different;
            }

            LogOpening.Examine(superblock, Files, Files.Directory, default, this);
        }
        catch (JournalDamagedException)
        {
            return DamageOutcome.Refused;
        }

        return Outcome();
    }

    /// <summary>What an opening with a bug would make of it: one that cuts the log at the first doubt.</summary>
    internal DamageOutcome JudgeWithoutLookingBehind()
    {
        (_read, _differs) = (0, false);
        using var file = new SuperblockFile(Files, Files.Directory);
        var superblock = file.Read()!;
        var segments = new SegmentFiles(
            Files, Files.Directory, superblock.SegmentSizeBytes, superblock.JournalId);
        using var reader = new LogReader(segments, superblock.EndSegment * segments.SizeBytes);
        using var cursor = new LogCursor(reader, superblock.Begin);
        while (cursor.TryRead(out var frame))
        {
            FrameRead(frame, cursor.FrameAddress);
        }

        return Outcome();
    }

    public void CommitStarts(LogPosition position)
    {
    }

    public void FrameRead(in JournalFrame frame, long address)
    {
        _differs |= _read >= _frames.Count
            || frame with { Payload = default } != _frames[_read] with { Payload = default }
            || !frame.Payload.Span.SequenceEqual(_frames[_read].Payload.Span);
        _read++;
    }

    private DamageOutcome Outcome() =>
        _differs || _read < ProvenCount ? DamageOutcome.Different
        : _read == _frames.Count ? DamageOutcome.Identical
        : DamageOutcome.TornTail;

    private CommitMark LastMark(Superblock superblock)
    {
        var last = default(CommitMark);
        byte[] log = Original[Segment];
        for (int offset = Block.Size; offset < log.Length; offset += Block.Size)
        {
            if (CommitMark.TryRead(log.AsSpan(offset), out var mark, out _) && mark.Nonce == superblock.Nonce)
            {
                last = mark;
            }
        }

        return last;
    }

    private sealed class Recorder(DamagedJournal journal) : ILogObserver
    {
        public void CommitStarts(LogPosition position)
        {
        }

        public void FrameRead(in JournalFrame frame, long address)
        {
            journal._frames.Add(frame with { Payload = frame.Payload.ToArray() });
            journal._offsets.Add((int)address + Block.Size);
        }
    }
}
