using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Faster.Platform;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>The n-th thing asked of the disk fails, for every n: nothing is acknowledged after it, nothing acknowledged
/// before it is lost.</summary>
public sealed class FasterFailureTests : IDisposable
{
    private const int NoSpace = 28;
    private const int InputOutputError = 5;

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("write", Durability.Synced)]
    [InlineData("sync", Durability.Synced)]
    [InlineData("rename", Durability.Synced)]
    [InlineData("create", Durability.Synced)]
    [InlineData("delete", Durability.Synced)]
    [InlineData("write", Durability.Logged)]
    [InlineData("sync", Durability.Logged)]
    public async Task The_nth_failure_is_final_and_loses_nothing_acknowledged(string call, Durability durability)
    {
        bool failed = true;
        int n = 0;
        while (failed)
        {
            n++;
            var files = new FaultyFileSystem();
            int count = 0;
            files.Fault = (name, _, _) => name == call && Interlocked.Increment(ref count) == n
                ? new IOException($"injected {call} {n}", InputOutputError)
                : null;
            string directory = _directory[$"{call}{n}"];

            var (acknowledged, snapshot) = await LiveAsync(directory, files, durability);

            failed = count >= n;
            await using (var journal = FasterImage.Open(directory))
            {
                var writer = await JournalWriter.AcquireAsync(journal);
                var state = await journal.LoadSnapshotAsync();
                long first = (state?.Sequence ?? 0) + 1;
                var found = await journal.ReadTextsAsync(first);

                Assert.True(writer.Sequence >= acknowledged, $"{call} {n}: {writer.Sequence} of {acknowledged} frames");
                Assert.Equal(writer.Sequence, first - 1 + found.Count);
                Assert.Equal(Enumerable.Range((int)first, found.Count).Select(Payload), found);
                Assert.True(state?.Sequence >= snapshot || snapshot == 0, $"{call} {n}: snapshot {snapshot} is gone");
                await writer.AppendAsync("next");
            }

            Directory.Delete(directory, recursive: true);
        }

        int least = call is "write" or "sync" && durability == Durability.Synced ? 30 : 2;
        Assert.True(n > least, $"only {n - 1} times {call}");
    }

    [Fact]
    public async Task After_a_failed_sync_nothing_is_acknowledged_even_though_the_disk_is_well_again()
    {
        var files = new FaultyFileSystem();
        bool fail = false;
        files.Fault = (call, _, _) => fail && call == "sync" ? new IOException("injected", InputOutputError) : null;
        await using var journal = FasterImage.Open(_directory["latch"], options => options.Files = files);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");

        fail = true;
        Assert.Equal(AppendStatus.Unknown, (await writer.Start("2")).Status);
        fail = false;
        int changes = files.Changes;

        for (int i = 3; i < 10; i++)
        {
            var result = await writer.Start($"{i}");
            Assert.Equal(AppendStatus.Unknown, result.Status);
            Assert.Contains("injected", result.Error, StringComparison.Ordinal);
        }

        await Assert.ThrowsAsync<JournalException>(() => journal.AcquireAsync().AsTask());
        await Assert.ThrowsAsync<JournalException>(
            () => journal.SaveSnapshotAsync(writer.Epoch, 1, "s"u8.ToArray()).AsTask());
        Assert.Equal(changes, files.Changes);
    }

    /// <summary>Its directory is somebody else's by then.</summary>
    [Fact]
    public async Task A_journal_whose_closing_failed_is_closed_all_the_same()
    {
        var files = new FaultyFileSystem();
        bool fail = false;
        files.Fault = (call, _, _) => fail && call == "sync" ? new IOException("injected", InputOutputError) : null;
        var journal = FasterImage.Open(_directory["closing"], options => options.Files = files);
        var ownership = await journal.AcquireAsync();

        // Nothing was appended, so that no segment is being made ahead: closing it is the one thing that syncs.
        fail = true;
        await Assert.ThrowsAsync<IOException>(() => journal.DisposeAsync().AsTask());
        fail = false;

        await journal.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => journal.SaveSnapshotAsync(ownership.Epoch, 1, "s"u8.ToArray()).AsTask());
        Assert.Empty((await FasterImage.RecoverAsync(_directory["closing"]))!);
    }

    /// <summary>The runtime has several exceptions for what an operating system refuses.</summary>
    [Fact]
    public async Task D5_A_superblock_that_cannot_be_written_for_any_reason_ends_all_acknowledgements()
    {
        var files = new FaultyFileSystem();
        bool snapshotIsNamed = false;
        files.Fault = (call, _, path) =>
        {
            snapshotIsNamed |= call == "rename" && path!.EndsWith(".snap", StringComparison.Ordinal);
            return snapshotIsNamed && call == "write" ? new UnauthorizedAccessException("injected") : null;
        };
        await using var journal = FasterImage.Open(_directory["superblock"], options => options.Files = files);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");

        await Assert.ThrowsAsync<UnauthorizedAccessException>(
            () => journal.SaveSnapshotAsync(writer.Epoch, 1, "s"u8.ToArray()).AsTask());
        files.Fault = static (_, _, _) => null;

        var result = await writer.Start("2");
        Assert.Equal(AppendStatus.Unknown, result.Status);
        Assert.Contains("injected", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_append_waits_for_its_sync_and_those_behind_a_failed_one_are_unknown_too()
    {
        var files = new FaultyFileSystem();
        using var syncing = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        await using var journal = FasterImage.Open(_directory["queue"], options => options.Files = files);
        var writer = await JournalWriter.AcquireAsync(journal);
        await writer.AppendAsync("1");
        files.Fault = (call, _, path) =>
        {
            if (call != "sync" || path is not null)
            {
                return null;
            }

            syncing.Set();
            goOn.Wait(TimeSpan.FromSeconds(30));
            return new IOException("injected", InputOutputError);
        };

        var first = writer.Start("2").AsTask();
        Assert.True(syncing.Wait(TimeSpan.FromSeconds(30)));
        Assert.False(first.IsCompleted, "acknowledged before its sync");
        var behind = Enumerable.Range(3, 10).Select(i => writer.Start($"{i}").AsTask()).ToList();
        goOn.Set();

        Assert.Equal(AppendStatus.Unknown, (await first).Status);
        Assert.All(await Task.WhenAll(behind), result => Assert.Equal(AppendStatus.Unknown, result.Status));
    }

    [Fact]
    public async Task A_full_disk_is_told_before_it_matters_and_is_forgotten_when_there_is_room_again()
    {
        var files = new FaultyFileSystem();
        bool full = false;
        files.Fault = (call, _, path) => full && call == "create" && path!.Contains("segment", StringComparison.Ordinal)
            ? new IOException("No space left on device", NoSpace)
            : null;
        const int SpaceRunsOut = 2002;
        using var log = new TestLog<FasterJournal>();
        await using var journal = new FasterJournal(
            new FasterJournalOptions
            {
                Directory = _directory["full"],
                SegmentSizeBytes = FasterImage.SegmentSize,
                Files = files,
            },
            log);
        var writer = await JournalWriter.AcquireAsync(journal);
        full = true;
        await writer.AppendAsync(Payload(1));
        Assert.Contains("the disk is full", await log.NextAsync(SpaceRunsOut), StringComparison.Ordinal);

        full = false;
        for (int i = 2; i < 40; i++)
        {
            await writer.AppendAsync(Payload(i));
        }

        Assert.Equal(39, (await journal.ReadTextsAsync()).Count);
    }

    [SharedMemoryFact]
    public void F4_a_file_for_which_there_is_no_room_is_known_as_such()
    {
        // In memory, where asking for more than there is takes nothing: a disk is filled up first, for all other tests too.
        const long TooLarge = 8L << 40;
        string path = Path.Combine(SharedMemoryFactAttribute.Path, $"engine-tests-{Guid.NewGuid():N}");

        var error = Assert.Throws<IOException>(
            () => FileSystemCalls.Current.Open(path, FileMode.Create, TooLarge).Dispose());

        Assert.True(FileSystemCalls.IsNoSpace(error), $"{error.HResult:x8}: {error.Message}");
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task A_disk_that_stays_full_ends_with_a_clear_answer_and_loses_nothing_acknowledged()
    {
        var files = new FaultyFileSystem();
        files.Fault = (call, _, path) =>
            call == "create" && path!.Contains("segment-0000000002", StringComparison.Ordinal)
            ? new IOException("No space left on device", NoSpace)
            : null;
        string directory = _directory["full"];
        int acknowledged = 0;
        await using (var journal = FasterImage.Open(directory, options => options.Files = files))
        {
            var writer = await JournalWriter.AcquireAsync(journal);
            AppendResult result;
            while ((result = await writer.Start(Payload(acknowledged + 1))) == AppendResult.Durable)
            {
                acknowledged++;
            }

            Assert.Equal(AppendStatus.Unknown, result.Status);
            Assert.Contains("no space left for", result.Error, StringComparison.Ordinal);
            Assert.Contains("segment-0000000002", result.Error, StringComparison.Ordinal);
        }

        Assert.True(acknowledged > 10);
        Assert.Equal(acknowledged, (await FasterImage.RecoverAsync(directory))!.Count);
    }

    [Fact]
    public async Task A_crash_at_any_named_point_keeps_what_was_acknowledged_then()
    {
        var images = new List<(JournalPoint Point, string Path, int Acknowledged)>();
        int acknowledged = 0;
        int life;
        string live = _directory["live"];
        var files = new FaultyFileSystem();
        void Reached(JournalPoint point) => files.Frozen(() =>
        {
            // Some of each kind from each life.
            int seen = images.Count(image => image.Point == point);
            if (seen < 4 * life)
            {
                images.Add((point, _directory.Copy(live, $"{point}{seen}"), Volatile.Read(ref acknowledged)));
            }
        });

        for (life = 1; life <= 3; life++)
        {
            await using var journal = FasterImage.Open(live, options =>
            {
                options.Files = files;
                options.Reached = Reached;
            });
            var writer = await JournalWriter.AcquireAsync(journal);
            for (int i = 0; i < 25; i++)
            {
                await writer.AppendAsync(Payload((int)writer.Sequence + 1));
                Volatile.Write(ref acknowledged, (int)writer.Sequence);
            }

            await journal.SaveSnapshotAsync(writer.Epoch, writer.Sequence - 5, "state"u8.ToArray());
            await journal.TruncateAsync(writer.Epoch, writer.Sequence - 5);
        }

        Assert.Equal(Enum.GetValues<JournalPoint>(), images.Select(image => image.Point).Distinct().Order());
        foreach (var (point, path, expected) in images)
        {
            await using var journal = FasterImage.Open(path);
            var ownership = await journal.AcquireAsync();
            var snapshot = await journal.LoadSnapshotAsync();

            Assert.True(ownership.LastSequence >= expected, $"{path}: {ownership.LastSequence} of {expected}");
            var heads = await journal.ReadHeadsAsync((snapshot?.Sequence ?? 0) + 1);
            Assert.Equal(ownership.LastSequence, heads.Count == 0 ? snapshot?.Sequence ?? 0 : heads[^1].Sequence);
            Assert.True(point > 0);
        }
    }

    private static string Payload(int i) => $"{i:D6}" + new string('p', 3_000);

    /// <summary>One life with everything in it: appends over three segments, a snapshot, a truncation, a clean
    /// end.</summary>
    private static async Task<(int Acknowledged, long Snapshot)> LiveAsync(
        string directory, FaultyFileSystem files, Durability durability)
    {
        int acknowledged = 0;
        long snapshot = 0;
        var journal = FasterImage.Open(directory, options =>
        {
            options.Files = files;
            options.Durability = durability;
        });
        try
        {
            var writer = await JournalWriter.AcquireAsync(journal);
            bool unknown = false;
            for (int i = 1; i <= 40; i++)
            {
                var result = await writer.Start(Payload(i));
                Assert.True(result == AppendResult.Durable || result.Status == AppendStatus.Unknown);
                Assert.False(unknown && result == AppendResult.Durable, "acknowledged after a failure");
                unknown |= result.Status == AppendStatus.Unknown;
                acknowledged += result == AppendResult.Durable ? 1 : 0;
            }

            foreach (long sequence in new long[] { 10, 20, 38 })
            {
                await journal.SaveSnapshotAsync(writer.Epoch, sequence, "state"u8.ToArray());
                snapshot = sequence;
                await journal.TruncateAsync(writer.Epoch, sequence - 2);
            }
        }
        catch (IOException)
        {
            // The failure showed in a call that throws.
        }

        try
        {
            await journal.DisposeAsync();
        }
        catch (IOException)
        {
            // Or in the clean end, which then was none.
        }

        return (acknowledged, snapshot);
    }
}

/// <summary>A test that needs a file system in memory: it is not run, and says why, where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SharedMemoryFactAttribute : FactAttribute
{
    internal const string Path = "/dev/shm";

    public SharedMemoryFactAttribute() =>
        Skip = Directory.Exists(Path) ? null : $"SKIP no room for a file: there is no {Path}";
}
