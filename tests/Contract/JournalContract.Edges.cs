using System.Text;
using Engine.Storage;
using Engine.Tests.Support;

namespace Engine.Tests;

/// <content>What is under way when an owner comes, goes, or looks away.</content>
public abstract partial class JournalContract
{
    [ContractFact]
    public async Task The_memory_of_an_append_is_the_callers_again_once_it_has_ended()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        byte[] buffer = new byte[10_000];
        for (int i = 1; i <= 20; i++)
        {
            byte[] frame = writer.Seal(Encoding.UTF8.GetBytes($"{i} {new string('x', i * 400)}"));
            frame.CopyTo(buffer, 0);
            var append = Journal.AppendAsync(writer.Epoch, i - 1, buffer.AsMemory(0, frame.Length));
            Assert.Equal(AppendResult.Durable, await append);
            buffer.AsSpan().Fill(0xEE);
        }

        byte[] state = "state"u8.ToArray();
        await Journal.SaveSnapshotAsync(writer.Epoch, 20, state);
        state.AsSpan().Clear();

        Assert.Equal((20, "state"), Show(await Journal.LoadSnapshotAsync()));
        Assert.Equal(
            Enumerable.Range(1, 20).Select(i => $"{i} {new string('x', i * 400)}"), await Journal.ReadTextsAsync());
    }

    /// <summary>Whoever comes next is told of every frame that the one before will hear to be durable.</summary>
    [ContractFact]
    public async Task D7_Appends_under_way_when_another_takes_over_are_there_or_fenced()
    {
        for (int round = 0; round < 5; round++)
        {
            var first = await JournalWriter.AcquireAsync(Journal);
            long before = first.Sequence;
            Task<AppendResult>[] appends = [.. Enumerable.Range(0, 40).Select(i => first.Start($"{i}").AsTask())];

            var second = await JournalWriter.AcquireAsync(Journal);

            long found = second.Sequence;
            await second.AppendAsync("second");
            var results = await Task.WhenAll(appends);
            long durable = results.TakeWhile(result => result.Status == AppendStatus.Durable).LongCount();
            Assert.All(results.Skip((int)durable), static result =>
                Assert.True(result.Status is AppendStatus.Fenced or AppendStatus.Unknown, $"{result}"));
            Assert.True(before + durable <= found, $"{durable} were durable after {before}; the next found {found}.");
            var texts = await Journal.ReadTextsAsync(before + 1);
            Assert.Equal([.. Enumerable.Range(0, (int)(found - before)).Select(i => $"{i}"), "second"], texts);
        }

        var all = await Journal.ReadHeadsAsync();
        await ReopenAsync();
        Assert.Equal(all.Count, (await Journal.AcquireAsync()).LastSequence);
        Assert.Equal(all, await Journal.ReadHeadsAsync());
    }

    [ContractFact]
    public async Task D1_Appends_under_way_when_a_journal_is_closed_end_and_are_there_if_they_say_so()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        Task<AppendResult>[] appends = [.. Enumerable.Range(0, 200).Select(i => writer.Start($"{i}").AsTask())];

        await ReopenAsync();

        var results = await Task.WhenAll(appends);
        int durable = results.TakeWhile(result => result.Status == AppendStatus.Durable).Count();
        Assert.All(results.Skip(durable), static result => Assert.NotEqual(AppendStatus.Durable, result.Status));
        var next = await JournalWriter.AcquireAsync(Journal);
        Assert.InRange(next.Sequence, durable, 200);
        Assert.Equal(Enumerable.Range(0, (int)next.Sequence).Select(i => $"{i}"), await Journal.ReadTextsAsync());
    }

    [ContractFact]
    public async Task A_log_that_a_snapshot_replaces_to_its_very_end_goes_on_behind_it()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        byte[] payload = new byte[20_000];
        for (int i = 0; i < 20; i++)
        {
            Assert.Equal(AppendResult.Durable, await writer.Start(payload));
        }

        await Journal.SaveSnapshotAsync(writer.Epoch, 20, "all"u8.ToArray());
        await Journal.TruncateAsync(writer.Epoch, 21);
        await ReopenAsync();

        var next = await JournalWriter.AcquireAsync(Journal);
        Assert.Equal(20, next.Sequence);
        Assert.Equal((20, "all"), Show(await Journal.LoadSnapshotAsync()));
        await next.AppendAsync("21", "22");
        await ReopenAsync();
        Assert.Equal(22, (await Journal.AcquireAsync()).LastSequence);
        Assert.Equal(["21", "22"], await Journal.ReadTextsAsync(21));
    }

    [ContractFact]
    public async Task An_older_snapshot_that_is_saved_late_does_not_become_the_newest()
    {
        var writer = await JournalWriter.AcquireAsync(Journal);
        await writer.AppendAsync("1", "2", "3");
        await Journal.SaveSnapshotAsync(writer.Epoch, 3, "after three"u8.ToArray());
        await Journal.SaveSnapshotAsync(writer.Epoch, 2, "after two"u8.ToArray());

        Assert.Equal((3, "after three"), Show(await Journal.LoadSnapshotAsync()));
        await ReopenAsync();
        await Journal.AcquireAsync();
        Assert.Equal((3, "after three"), Show(await Journal.LoadSnapshotAsync()));
    }
}
