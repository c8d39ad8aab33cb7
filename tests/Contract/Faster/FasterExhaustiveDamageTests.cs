using Engine.Storage;
using Engine.Storage.Faster.Log;
using Engine.Tests.Support;
using Xunit.Abstractions;

namespace Engine.Tests.Faster;

/// <summary>F8 and D6 to the last bit: a journal of 64 KiB is damaged in every single way, and judged by the very code
/// that opens journals, in memory.</summary>
/// <remarks>
/// The answer must be the same frames or a refusal. One exception has a precise border: the newest commit. A commit is
/// written only when the one before is synced, so a later mark of the same owner proves that everything before it was
/// durable; so does the superblock, up to the frame that it names. What neither covers is the last commit since the
/// last superblock, and to a reader a damaged one looks exactly like one that the loss of power tore. The journal that
/// was closed has no such commit; the one whose owner was killed has one.
/// </remarks>
public sealed class FasterExhaustiveDamageTests(ITestOutputHelper output) : IAsyncLifetime, IDisposable
{
    private const int LogBytes = 64 * 1024;
    private const int HeaderBytes = 4096;
    private const int LogStart = HeaderBytes;
    private const int LogEnd = HeaderBytes + LogBytes;

    private readonly TestDirectory _directory = new();
    private DamagedJournal _killed = null!;
    private DamagedJournal _closed = null!;

    public async Task InitializeAsync()
    {
        string live = _directory["live"];
        await using (var first = FasterImage.Open(live))
        {
            var writer = await JournalWriter.AcquireAsync(first);
            await writer.AppendAsync("a", new string('b', 700));

            // To the last byte of a sector, and of a block: a neighbour's sector takes something away.
            await AppendAsync(writer, Exactly(writer, 4096));
            await writer.AppendAsync(new string('c', 12_000));
            _directory.Copy(live, "torn");
            await AppendAsync(writer, "torn 1"u8.ToArray(), Noise(6_000, 1), "torn 3"u8.ToArray());
            _directory.Copy(live, "whole");
        }

        // The first life ends in a torn commit, in the middle of which the second life's log goes on.
        var torn = FasterImage.Bytes(_directory["torn"]);
        var whole = FasterImage.Bytes(_directory["whole"]);
        int difference = torn[DamagedJournal.Segment].AsSpan().CommonPrefixLength(whole[DamagedJournal.Segment]);
        whole[DamagedJournal.Segment].AsSpan(difference, 512).CopyTo(torn[DamagedJournal.Segment].AsSpan(difference));
        FasterImage.Write(live, torn);
        await using var second = FasterImage.Open(live);
        var next = await JournalWriter.AcquireAsync(second);
        for (int i = 0; i < 4; i++)
        {
            await AppendAsync(next, Noise(1_700, 2 + i), "small"u8.ToArray(), Noise(2_000, 6 + i));
        }

        await AppendAsync(next, Exactly(next, 1_024));
        await AppendAsync(next, Exactly(next, 8_192));
        await AppendAsync(next, Noise(2_000, 20), "last but one"u8.ToArray(), Noise(1_700, 21));
        _killed = DamagedJournal.Load(_directory.Copy(live, "killed"));
        await second.DisposeAsync();
        _closed = DamagedJournal.Load(live);
        Assert.Equal(DamageOutcome.Identical, _killed.Judge());
        Assert.Equal(DamageOutcome.Identical, _closed.Judge());
    }

    public Task DisposeAsync() => Task.CompletedTask;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_journal_has_what_could_go_wrong()
    {
        Assert.InRange(_killed.LogEnd, LogBytes - 4096, LogBytes);
        Assert.Equal(3, _killed.Frames.Count - _killed.ProvenCount);
        Assert.Equal(_closed.Frames.Count, _closed.ProvenCount);
    }

    [Fact]
    public void F8_every_bit_of_a_killed_owners_journal_flipped_is_the_same_state_or_refused()
    {
        var tally = _killed.Run(DamagedJournal.Segment, DamageCase.BitFlips(LogStart, LogEnd));
        Figures.Report(output, tally.Line("bit flips of a killed owner's log"));

        Assert.Equal(LogBytes * 8, tally.Count);
        AssertNoOtherState(tally);

        // What is not proven is the last commit: its mark and its three frames, and not one bit more.
        int lastCommitBits = (CommitMark.Size + (3 * FrameCodec.HeaderSize) + 3_712) * 8;
        Assert.InRange(tally.TornTails, lastCommitBits - 64, lastCommitBits);
    }

    [Fact]
    public void F8_every_bit_of_a_closed_journal_flipped_is_the_same_state_or_refused()
    {
        var tally = _closed.Run(DamagedJournal.Segment, DamageCase.BitFlips(LogStart, LogEnd));
        Figures.Report(output, tally.Line("bit flips of a closed journal's log"));

        Assert.Equal(LogBytes * 8, tally.Count);
        AssertNoOtherState(tally);
        Assert.Equal(0, tally.TornTails);
    }

    [Fact]
    public void F8_every_bit_of_headers_and_superblock_flipped_is_the_same_state_or_refused()
    {
        var header = _killed.Run(DamagedJournal.Segment, DamageCase.BitFlips(0, HeaderBytes));
        var spare = _killed.Run(DamagedJournal.SpareSegment, DamageCase.BitFlips(0, HeaderBytes));
        var superblock = _killed.Run(DamagedJournal.Superblocks, DamageCase.BitFlips(0, 2 * HeaderBytes));
        Figures.Report(output, header.Line("bit flips of a segment's header"));
        Figures.Report(output, superblock.Line("bit flips of the superblock"));

        Assert.Equal(HeaderBytes * 8, header.Refused);
        Assert.Equal(HeaderBytes * 8, spare.Refused);
        Assert.Equal(2 * HeaderBytes * 8, superblock.Identical);
    }

    [Theory]
    [InlineData(512)]
    [InlineData(4096)]
    public void F8_sectors_zeroed_swapped_or_written_over_their_neighbours_are_the_same_state_or_refused(int size)
    {
        foreach (var (what, journal) in new[] { ("a killed owner's", _killed), ("a closed", _closed) })
        {
            var log = journal.Run(
                DamagedJournal.Segment, DamageCase.Sectors(0, LogEnd, size));
            var superblock = journal.Run(DamagedJournal.Superblocks, DamageCase.Sectors(0, 2 * HeaderBytes, size));
            Figures.Report(output, log.Line($"zeroed, swapped, copied sectors of {size} B of {what} journal"));

            Assert.Equal((4 * (LogEnd / size)) - 3, log.Count);
            AssertNoOtherState(log);
            AssertNoOtherState(superblock);
            Assert.Equal(0, superblock.TornTails);
            Assert.Equal(journal == _closed, log.TornTails == 0);
        }
    }

    [Fact]
    public void F8_every_length_at_which_a_file_can_end_is_the_same_state_or_refused()
    {
        var log = _killed.Run(DamagedJournal.Segment, DamageCase.Truncations(LogEnd));
        var spare = _killed.Run(DamagedJournal.SpareSegment, DamageCase.Truncations(LogEnd));
        var superblock = _killed.Run(DamagedJournal.Superblocks, DamageCase.Truncations(2 * HeaderBytes));
        Figures.Report(output, log.Line("lengths of the log's file"));

        Assert.Equal(LogEnd, log.Refused);
        Assert.Equal(LogEnd, spare.Refused);

        // Half a superblock has one whole copy.
        Assert.Equal((HeaderBytes, HeaderBytes), (superblock.Refused, superblock.Identical));
    }

    [Theory]
    [InlineData(DamagedJournal.Segment, DamageOutcome.Refused)]
    [InlineData(DamagedJournal.SpareSegment, DamageOutcome.Refused)]
    [InlineData(DamagedJournal.Superblocks, DamageOutcome.Refused)]
    [InlineData("owner", DamageOutcome.Identical)]
    public void F8_a_missing_file_is_refused_where_it_is_needed(string name, object expected)
    {
        _killed.Files.Remove(name);

        Assert.Equal((DamageOutcome)expected, _killed.Judge());
    }

    [Fact]
    public void A_reader_that_does_not_check_checksums_is_caught()
    {
        // The planted bug: every header says what its payload looks like now.
        _killed.Files.Bug = (name, offset, bytes) =>
        {
            if (name == DamagedJournal.Segment && offset == 2 * HeaderBytes)
            {
                Reseal(bytes);
            }
        };

        var tally = _killed.Run(
            DamagedJournal.Segment, DamageCase.BitFlips(2 * HeaderBytes, 3 * HeaderBytes));

        Assert.Equal(_killed.Frames[0].Payload.Length * 8, tally.Different);
        Assert.Contains("flipped", tally.Examples, StringComparison.Ordinal);
    }

    [Fact]
    public void An_opening_that_cuts_the_log_at_the_first_doubt_is_caught()
    {
        var cases = DamageCase.Sectors(HeaderBytes, HeaderBytes + LogBytes, 512);

        var tally = _closed.Run(DamagedJournal.Segment, cases, _closed.JudgeWithoutLookingBehind);

        Assert.InRange(tally.Different, 100, tally.Count);
    }

    private static void AssertNoOtherState(DamageTally tally) =>
        Assert.True(tally.Different == 0, $"{tally.Different} came out different: {tally.Examples}");

    private static async Task AppendAsync(JournalWriter writer, params byte[][] payloads) =>
        Assert.Equal(AppendResult.Durable, await writer.Start(payloads));

    private void Reseal(Span<byte> log)
    {
        uint checksum = 0;
        for (int i = 0; i < _killed.Frames.Count; i++)
        {
            var frame = _killed.Frames[i];
            checksum = FrameCodec.Seal(
                log.Slice(_killed.Offsets[i] - (2 * HeaderBytes), FrameCodec.HeaderSize + frame.Payload.Length),
                frame.Sequence,
                frame.Epoch,
                frame.InstantMs,
                frame.EventCount,
                checksum);
        }
    }

    private static byte[] Noise(int size, int seed)
    {
        byte[] bytes = new byte[size];
        uint state = (uint)seed * 2654435761;
        for (int i = 0; i < size; i++)
        {
            state = (state * 1664525) + 1013904223;
            bytes[i] = (byte)(state >> 24);
        }

        return bytes;
    }

    /// <summary>A payload that makes a commit of one frame so many bytes long, mark included.</summary>
    private static byte[] Exactly(JournalWriter writer, int commitBytes) =>
        Noise(commitBytes - CommitMark.Size - FrameCodec.HeaderSize, (int)writer.Sequence);
}
