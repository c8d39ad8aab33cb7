using System.Buffers;
using System.Text;
using Engine.Storage;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <summary>What every journal does. An adapter's class says how to open one, and adds nothing.</summary>
public abstract partial class JournalContract : IAsyncLifetime
{
    private static readonly string[] OneToThree = ["1", "2", "3"];

    private IJournal? _journal;

    /// <summary>An empty directory for the adapters that need one.</summary>
    private protected string StorePath { get; } = Directory.CreateTempSubdirectory("engine-contract-").FullName;

    private IJournal Journal => _journal ?? throw new InvalidOperationException("Not opened.");

    public Task InitializeAsync()
    {
        _journal = Open();
        return Task.CompletedTask;
    }

    public async Task DisposeAsync()
    {
        try
        {
            await Journal.DisposeAsync();
        }
        finally
        {
            Directory.Delete(StorePath, recursive: true);
        }
    }

    [ContractFact]
    public async Task An_empty_journal_has_nothing_to_read_and_no_snapshot()
    {
        var ownership = await Journal.AcquireAsync();

        Assert.Equal((0, 0u), (ownership.LastSequence, ownership.LastChecksum));
        Assert.Empty(await Journal.ReadTextsAsync());
        Assert.Null(await Journal.LoadSnapshotAsync());
    }

    [ContractFact]
    public async Task Reads_what_was_appended_in_its_order()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);

        await writer.AppendAsync("1", "2", "3");

        Assert.Equal(OneToThree, await Journal.ReadTextsAsync());
        Assert.Equal(["3"], await Journal.ReadTextsAsync(from: 3));
        Assert.Empty(await Journal.ReadTextsAsync(from: 4));
    }

    [ContractFact]
    public async Task Reads_back_every_field_of_a_frame()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("payload");

        await foreach (var frame in Journal.ReadAsync(1))
        {
            Assert.Equal((1, writer.Epoch, 1_001, 1), (frame.Sequence, frame.Epoch, frame.InstantMs, frame.EventCount));
            return;
        }

        Assert.Fail("There was no frame.");
    }

    [ContractFact]
    public async Task One_append_may_hold_several_frames()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);

        Assert.Equal(AppendResult.Durable, await writer.Start("1"u8.ToArray(), "2"u8.ToArray(), "3"u8.ToArray()));

        Assert.Equal(OneToThree, await Journal.ReadTextsAsync());
    }

    [ContractFact]
    public async Task Appends_need_not_wait_for_one_another_and_complete_in_order()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        ValueTask<AppendResult>[] tasks = [.. Enumerable.Range(1, 500).Select(i => writer.Start($"{i}"))];

        bool allComplete = false;
        while (!allComplete)
        {
            // From the last to the first: behind a complete one that was seen, everything looked at later is complete.
            bool seen = false;
            allComplete = true;
            for (int i = tasks.Length - 1; i >= 0; i--)
            {
                bool complete = tasks[i].IsCompleted;
                Assert.True(complete || !seen, $"Append {i} is open though a later one is complete.");
                seen |= complete;
                allComplete &= complete;
            }

            await Task.Yield();
        }

        foreach (var task in tasks)
        {
            Assert.Equal(AppendResult.Durable, await task);
        }

        Assert.Equal(Enumerable.Range(1, 500).Select(i => $"{i}"), await Journal.ReadTextsAsync());
    }

    [ContractFact]
    public async Task Every_acquisition_raises_the_epoch_and_has_its_own_nonce()
    {
        var first = await Journal.AcquireAsync();
        var second = await Journal.AcquireAsync();
        await ReopenAsync();
        var third = await Journal.AcquireAsync();

        Assert.True(first.Epoch >= 1 && second.Epoch > first.Epoch && third.Epoch > second.Epoch);
        Assert.Equal(3, new[] { first.Nonce, second.Nonce, third.Nonce }.Distinct().Count());
    }

    [ContractFact]
    public async Task A_second_owner_fences_the_first()
    {
        var first = await JournalWriter.AcquireAsync(Journal);
        await first.AppendAsync("1");
        var second = await JournalWriter.AcquireAsync(Journal);

        Assert.Equal(AppendStatus.Fenced, (await first.Start("lost")).Status);
        await Assert.ThrowsAsync<JournalFencedException>(
            () => Journal.SaveSnapshotAsync(first.Epoch, 1, "s"u8.ToArray()).AsTask());
        await Assert.ThrowsAsync<JournalFencedException>(() => Journal.TruncateAsync(first.Epoch, 1).AsTask());

        await second.AppendAsync("2", "3");
        Assert.Equal(OneToThree, await Journal.ReadTextsAsync());
    }

    [ContractFact]
    public async Task Nobody_appends_before_acquiring()
    {
        var result = await Journal.AppendAsync(0, 0, Frames.First(epoch: 0));

        Assert.Equal(AppendStatus.Fenced, result.Status);
    }

    [ContractFact]
    public async Task An_append_that_does_not_start_where_the_log_ends_is_a_gap_and_changes_nothing()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("1");
        byte[] second = writer.Seal("2"u8);

        Assert.Equal(AppendStatus.Gap, (await Journal.AppendAsync(writer.Epoch, 0, second)).Status);
        Assert.Equal(AppendStatus.Gap, (await Journal.AppendAsync(writer.Epoch, 2, second)).Status);
        Assert.Equal(AppendResult.Durable, await Journal.AppendAsync(writer.Epoch, 1, second));
        Assert.Equal(["1", "2"], await Journal.ReadTextsAsync());
    }

    [ContractFact]
    public async Task Bytes_that_are_no_continuation_are_the_callers_bug()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("1");
        byte[] good = writer.Seal("2"u8);
        byte[] flipped = [.. good];
        flipped[^1] ^= 1;

        await Assert.ThrowsAsync<ArgumentException>(() => AppendAsync(flipped));
        await Assert.ThrowsAsync<ArgumentException>(() => AppendAsync(good[..^1]));
        await Assert.ThrowsAsync<ArgumentException>(() => AppendAsync([]));
        await Assert.ThrowsAsync<ArgumentException>(() => AppendAsync([.. good, 0]));
        await Assert.ThrowsAsync<ArgumentException>(() => AppendAsync(Frames.First(writer.Epoch)));
        Assert.Equal(AppendResult.Durable, await Journal.AppendAsync(writer.Epoch, 1, good));

        async Task AppendAsync(byte[] frames) => await Journal.AppendAsync(writer.Epoch, 1, frames);
    }

    [ContractFact]
    public async Task Reopening_keeps_everything_acknowledged_and_goes_on_behind_it()
    {
        for (int life = 0; life < 4; life++)
        {
            var writer = await JournalWriter.AcquireAsync(Journal);
            Assert.Equal(life * 10, writer.Sequence);
            for (int i = 1; i <= 10; i++)
            {
                await writer.AppendAsync($"{(life * 10) + i}");
            }

            await ReopenAsync();
        }

        Assert.Equal(Enumerable.Range(1, 40).Select(i => $"{i}"), await Journal.ReadTextsAsync());
        Assert.Equal(40, (await Journal.ReadHeadsAsync()).Count);
    }

    [ContractFact]
    public async Task Frames_of_every_size_up_to_the_largest_come_back_whole()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        int[] sizes = [0, 1, 15, 4_032, 4_096, 65_536, 1_000_003, FrameCodec.MaxFrameSize - FrameCodec.HeaderSize, 7];
        var random = new Random(1);
        byte[][] payloads = [.. sizes.Select(size =>
        {
            byte[] payload = new byte[size];
            random.NextBytes(payload);
            return payload;
        })];

        foreach (byte[] payload in payloads)
        {
            Assert.Equal(AppendResult.Durable, await writer.Start(payload));
        }

        await ReopenAsync();
        await Journal.AcquireAsync();
        var found = new List<byte[]>();
        await foreach (var frame in Journal.ReadAsync(1))
        {
            found.Add(frame.Payload.ToArray());
        }

        Assert.Equal(payloads, found);
    }

    [ContractFact]
    public async Task Many_small_frames_in_appends_of_every_width_come_back()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        var open = new List<Task<AppendResult>>();
        int number = 0;
        for (int width = 1; number < 5_000; width = (width % 40) + 1)
        {
            byte[][] payloads = [.. Enumerable.Range(0, width).Select(_ => BitConverter.GetBytes(number++))];
            open.Add(writer.Start(payloads).AsTask());
        }

        Assert.All(await Task.WhenAll(open), result => Assert.Equal(AppendResult.Durable, result));
        await ReopenAsync();
        int expected = 0;
        await foreach (var frame in Journal.ReadAsync(1))
        {
            Assert.Equal(expected++, BitConverter.ToInt32(frame.Payload.Span));
        }

        Assert.Equal(number, expected);
    }

    [ContractFact]
    public async Task Reading_goes_on_beside_appending_and_sees_what_was_durable_when_it_began()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("1", "2");
        await using var reading = Journal.ReadAsync(1).GetAsyncEnumerator();
        Assert.True(await reading.MoveNextAsync());

        await writer.AppendAsync("3");

        Assert.True(await reading.MoveNextAsync());
        Assert.Equal(2, reading.Current.Sequence);
        Assert.Equal(OneToThree, await Journal.ReadTextsAsync());
    }

    /// <summary>A follower's life: it reads from where it was, in whole appends or parts of them, while the owner
    /// goes on, and lets go of what it has read.</summary>
    [ContractFact]
    public async Task Following_beside_appending_meets_every_frame_once_whatever_is_cut_behind()
    {
        const int Frames = 600;
        var writer = await JournalWriter.AcquireAsync(Journal);
        long durable = 0;
        var appending = Task.Run(async () =>
        {
            for (int i = 0; i < Frames; i++)
            {
                Assert.Equal(AppendResult.Durable, await writer.Start($"{i} {new string('x', i * 7 % 2_000)}"));
                Volatile.Write(ref durable, writer.Sequence);
            }
        });
        long read = 0;
        long saved = 0;
        int looks = 0;
        while (read < Frames && !appending.IsFaulted)
        {
            long seen = Volatile.Read(ref durable);
            await foreach (var frame in Journal.ReadAsync(read + 1))
            {
                Assert.Equal(++read, frame.Sequence);
                Assert.StartsWith($"{read - 1} ", Encoding.UTF8.GetString(frame.Payload.Span), StringComparison.Ordinal);
            }

            Assert.True(read >= seen, $"Frame {seen} was durable, and reading ended with frame {read}.");
            if (++looks % 3 == 0 && read > saved)
            {
                saved = read;
                await Journal.SaveSnapshotAsync(writer.Epoch, read, new byte[100]);
                await Journal.TruncateAsync(writer.Epoch, read + 1);
            }

            await Task.Yield();
        }

        await appending;
    }

    [ContractFact]
    public async Task The_newest_snapshot_comes_back_also_after_reopening()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("1", "2", "3");
        await Journal.SaveSnapshotAsync(writer.Epoch, 1, "after one"u8.ToArray());
        await Journal.SaveSnapshotAsync(writer.Epoch, 2, "after two"u8.ToArray());

        var before = await Journal.LoadSnapshotAsync();
        await ReopenAsync();
        var after = await Journal.LoadSnapshotAsync();

        Assert.Equal((2, "after two"), Show(before));
        Assert.Equal((2, "after two"), Show(after));
        Assert.Equal((await Journal.ReadHeadsAsync())[1].Checksum, after!.Checksum);
    }

    [ContractFact]
    public async Task A_snapshot_may_be_empty_or_large()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("1", "2");
        byte[] large = new byte[5_000_000];
        new Random(2).NextBytes(large);

        await Journal.SaveSnapshotAsync(writer.Epoch, 1, ReadOnlySequence<byte>.Empty);
        Assert.Equal((1, ""), Show(await Journal.LoadSnapshotAsync()));
        await Journal.SaveSnapshotAsync(writer.Epoch, 2, large);

        await ReopenAsync();
        Assert.Equal(large, (await Journal.LoadSnapshotAsync())!.State.ToArray());
    }

    /// <summary>A state of more than 2 GiB is in several arrays: which bytes are in which means nothing.</summary>
    [ContractFact]
    public async Task A_snapshot_comes_back_whatever_pieces_it_is_saved_in()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("1", "2", "3", "4");
        byte[] state = new byte[1_100_003];
        new Random(3).NextBytes(state);
        foreach (var (sequence, size) in new[] { (1, 7_919), (2, 524_288), (3, 1_100_002), (4, 90_001) })
        {
            await Journal.SaveSnapshotAsync(writer.Epoch, sequence, state.InPieces(size));
            var found = await Journal.LoadSnapshotAsync();
            Assert.Equal(sequence, found!.Sequence);
            Assert.Equal(state, found.State.ToArray());
        }

        await ReopenAsync();
        Assert.Equal(state, (await Journal.LoadSnapshotAsync())!.State.ToArray());
    }

    [ContractFact]
    public async Task A_snapshot_of_frames_that_are_not_there_is_refused()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("1");

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => Journal.SaveSnapshotAsync(writer.Epoch, 2, "s"u8.ToArray()).AsTask());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(
            () => Journal.SaveSnapshotAsync(writer.Epoch, 0, "s"u8.ToArray()).AsTask());
    }

    [ContractFact]
    public async Task Only_what_a_snapshot_covers_is_truncated()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("1", "2", "3");

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Journal.TruncateAsync(writer.Epoch, 2).AsTask());
        await Journal.SaveSnapshotAsync(writer.Epoch, 2, "s"u8.ToArray());
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Journal.TruncateAsync(writer.Epoch, 4).AsTask());
        await Journal.TruncateAsync(writer.Epoch, 3);

        Assert.Equal(["3"], await Journal.ReadTextsAsync(from: 3));
    }

    [ContractFact]
    public async Task After_truncation_the_rest_is_read_and_appended_to_and_the_start_is_refused_not_skipped()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        byte[] payload = new byte[10_000];
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(AppendResult.Durable, await writer.Start(payload));
        }

        await Journal.SaveSnapshotAsync(writer.Epoch, 90, "s"u8.ToArray());
        await Journal.TruncateAsync(writer.Epoch, 91);
        await Journal.TruncateAsync(writer.Epoch, 91);
        await writer.AppendAsync("101");
        await ReopenAsync();
        var next = await JournalWriter.AcquireAsync(Journal);
        await next.AppendAsync("102");

        Assert.Equal((90, "s"), Show(await Journal.LoadSnapshotAsync()));
        var rest = await Journal.ReadHeadsAsync(91);
        Assert.Equal(Enumerable.Range(91, 12).Select(i => (long)i), rest.Select(head => head.Sequence));
        await Assert.ThrowsAsync<JournalDamagedException>(() => Journal.ReadTextsAsync());
    }

    private protected abstract IJournal Open();

    /// <summary>Opens the journal again as a next process would.</summary>
    private protected abstract IJournal Reopen(IJournal closed);

    private static (long Sequence, string State) Show(JournalSnapshot? snapshot) =>
        (snapshot!.Sequence, System.Text.Encoding.UTF8.GetString(snapshot.State));

    private async Task ReopenAsync()
    {
        await Journal.DisposeAsync();
        _journal = Reopen(Journal);
    }
}
