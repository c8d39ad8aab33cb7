using System.Diagnostics;
using System.Runtime.InteropServices;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Tests.Support;
using Microsoft.Win32.SafeHandles;

namespace Engine.Tests.Faster;

/// <summary>One directory, one owner.</summary>
public sealed partial class FasterLockTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    private string Journal => _directory["journal"];

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_second_journal_is_refused_and_told_by_whom_until_the_first_is_closed()
    {
        await using var second = FasterImage.Open(Journal);
        await using (var first = FasterImage.Open(Journal))
        {
            await (await JournalWriter.AcquireAsync(first)).AppendAsync("1");

            var refusal = await Assert.ThrowsAsync<JournalLockedException>(() => second.AcquireAsync().AsTask());
            Assert.Contains($"pid {Environment.ProcessId} ", refusal.Message, StringComparison.Ordinal);
        }

        await (await JournalWriter.AcquireAsync(second)).AppendAsync("2");
        Assert.Equal(["1", "2"], await second.ReadTextsAsync());
    }

    [Fact]
    public async Task A_refused_journal_is_told_the_address_that_the_owner_published()
    {
        string? address = "http://10.0.0.7:5080";
        var options = new FasterJournalOptions
        {
            Directory = Journal,
            SegmentSizeBytes = 64 * 1024,
            OwnerAddress = () => address,
        };
        await using var second = FasterImage.Open(Journal);
        await using (var first = new FasterJournal(options))
        {
            await first.AcquireAsync();
            var refusal = await Assert.ThrowsAsync<JournalLockedException>(() => second.AcquireAsync().AsTask());
            Assert.Equal((address, null), (refusal.Owner, refusal.RetryAfter));

            // Asked anew by every owner; one that publishes nothing leaves nothing of the one before.
            address = null;
            await first.AcquireAsync();
            refusal = await Assert.ThrowsAsync<JournalLockedException>(() => second.AcquireAsync().AsTask());
            Assert.Null(refusal.Owner);

            foreach (string wrong in new[] { "", "two words", "http://\u00fc", new string('x', 513) })
            {
                address = wrong;
                await Assert.ThrowsAsync<JournalException>(() => first.AcquireAsync().AsTask());
            }
        }

        await second.AcquireAsync();
    }

    [Fact]
    public async Task Of_ten_that_start_at_once_exactly_one_owns()
    {
        var journals = Enumerable.Range(0, 10).Select(_ => FasterImage.Open(Journal)).ToList();

        bool[] owns = await Task.WhenAll(journals.Select(async journal =>
        {
            try
            {
                await journal.AcquireAsync();
                return true;
            }
            catch (JournalLockedException)
            {
                return false;
            }
        }));

        Assert.Equal(1, owns.Count(owned => owned));
        foreach (var journal in journals)
        {
            await journal.DisposeAsync();
        }
    }

    [Fact]
    public async Task Another_process_that_holds_the_lock_keeps_the_journal_out_until_it_ends()
    {
        Directory.CreateDirectory(Journal);
        using var other = Process.Start(new ProcessStartInfo("flock", ["--nonblock", Journal, "cat"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        await other.StandardInput.WriteLineAsync("locked");
        await other.StandardInput.FlushAsync();
        Assert.Equal("locked", await other.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(30)));
        await using var journal = FasterImage.Open(Journal);

        await Assert.ThrowsAsync<JournalLockedException>(() => journal.AcquireAsync().AsTask());

        other.StandardInput.Close();
        await other.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        await journal.AcquireAsync();
    }

    [Fact]
    public async Task The_owner_keeps_other_processes_out()
    {
        await using var journal = FasterImage.Open(Journal);
        await journal.AcquireAsync();

        using var other = Process.Start("flock", ["--nonblock", Journal, "true"]);
        await other.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));

        Assert.Equal(1, other.ExitCode);
    }

    [Fact]
    public async Task An_owner_whose_directory_was_taken_over_stops_at_the_next_segment()
    {
        await using var journal = FasterImage.Open(Journal);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");
        await File.WriteAllTextAsync(Path.Combine(Journal, "owner"), "pid 1 boot ? epoch 9 nonce ?\n");

        AppendResult result;
        int acknowledged = 1;
        while ((result = await writer.Start(new string('x', 3000))) == AppendResult.Durable)
        {
            Assert.True(++acknowledged < 20, "more than a segment was acknowledged");
        }

        Assert.Equal(AppendStatus.Unknown, result.Status);
        Assert.Contains("no longer this owner's", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_closed_journal_is_free_at_once_though_a_copy_of_its_handle_is_open_elsewhere()
    {
        var files = new FaultyFileSystem();
        var first = FasterImage.Open(Journal, options => options.Files = files);
        await first.AcquireAsync();

        // As a process has it that is being started at this moment, and does not run its own program yet.
        int copy = Duplicate(files.Lock!);
        Assert.True(copy >= 0);
        try
        {
            await first.DisposeAsync();
            await using var second = FasterImage.Open(Journal);

            await (await JournalWriter.AcquireAsync(second)).AppendAsync("1");
        }
        finally
        {
            Assert.Equal(0, Close(copy));
        }
    }

    [LibraryImport("libc", EntryPoint = "dup", SetLastError = true)]
    private static partial int Duplicate(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int file);
}
