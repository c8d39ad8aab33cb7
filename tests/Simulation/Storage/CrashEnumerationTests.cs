using System.Numerics;
using Engine.Simulation;
using Engine.Simulation.Storage.Disk;
using Engine.Storage;
using Engine.Storage.Faster.Snapshots;

namespace Engine.Tests.Storage;

/// <summary>Crashes the embedded journal everywhere: before every call to its disk, with every subset of the sectors
/// that
/// were under way.</summary>
public sealed class CrashEnumerationTests
{
    [Fact]
    public async Task F2_every_cut_point_of_200_commits_leaves_a_prefix_with_everything_acknowledged()
    {
        var lab = await WriteAsync(new CrashLab(), commits: 200);
        var random = new RandomStream(2);
        int lost = 0;
        foreach (var (call, disk) in lab.Cuts())
        {
            var promise = lab.At(call);
            string where = $"before call {call}";
            await CrashLab.CrashAndCheckAsync(disk, new PlainFate(keeps: true), promise, where + ", all kept");
            long found = await CrashLab.CrashAndCheckAsync(disk, new PlainFate(keeps: false), promise, where);
            lost += found < promise.Submitted ? 1 : 0;
            for (int i = 0; i < 3; i++)
            {
                await CrashLab.CrashAndCheckAsync(disk, new RandomFate(random), promise, $"{where}, fate {i}");
            }
        }

        Assert.True(lab.Calls.Count > 400, $"only {lab.Calls.Count} calls");
        Assert.True(lost >= 200, $"a cut lost a frame under way only {lost} times");
    }

    [Theory]
    [InlineData(512, 1)]
    [InlineData(4096, 10)]
    public async Task F2_every_subset_of_the_last_commits_sectors_leaves_it_whole_or_out(int sectorBytes, int maxBlocks)
    {
        var lab = new CrashLab(sectorBytes);
        await lab.AcquireAsync();
        for (int i = 1; i <= 60; i++)
        {
            int blocks = (i % maxBlocks) + 1;
            Assert.Equal(AppendStatus.Durable, await lab.AppendAsync((blocks * 4096) - 200));
        }

        long subsets = 0;
        int largest = 0;
        foreach (var (call, disk) in lab.Cuts().SkipLast(1))
        {
            var promise = lab.At(call);
            if (promise.Submitted == promise.Acknowledged || lab.Calls[call].Kind != DiskCallKind.Sync)
            {
                continue;
            }

            // The commit must be written; one sector more is the owner's record, which is never synced.
            var probe = new SubsetFate(-1);
            if (await CrashLab.CrashAndCheckAsync(disk, probe, promise, $"before call {call}") < promise.Submitted ||
                probe.SectorCount > 11)
            {
                continue;
            }

            // Every subset at every third commit, and at those that begin a segment or end one.
            bool atEdge = lab.Calls[call - 1].Offset is 4096 or > 61_000;
            if (promise.Submitted % 3 != 0 && (!atEdge || probe.SectorCount > 9))
            {
                continue;
            }

            largest = Math.Max(largest, probe.SectorCount);
            for (int subset = 0; subset < 1 << probe.SectorCount; subset++)
            {
                long found = await CrashLab.CrashAndCheckAsync(
                    disk, new SubsetFate(subset), promise, $"before call {call}, sectors {subset:b}");
                if (subset == (1 << probe.SectorCount) - 1)
                {
                    Assert.Equal(promise.Submitted, found);
                }

                subsets++;
            }
        }

        Assert.True(largest >= (sectorBytes == 512 ? 8 : 10), $"at most {largest} sectors");
        Assert.True(subsets >= 1_500, $"only {subsets} subsets");
    }

    [Fact]
    public async Task F28_a_crash_at_every_step_of_recovery_changes_nothing_that_counts()
    {
        var lab = await WriteAsync(new CrashLab(), commits: 40);
        var random = new RandomStream(3);
        int recoveries = 0;
        foreach (var (call, disk) in lab.Cuts())
        {
            var promise = lab.At(call);
            // The disk as the first crash left it, and every call of the recovery from it.
            var crashed = disk.Copy(new Timeline(null));
            if (random.Chance(0.5))
            {
                crashed.Crash(new RandomFate(random));
            }
            else
            {
                crashed.Kill(new RandomFate(random));
            }

            var calls = new List<DiskCall>();
            var first = crashed.Copy(new Timeline(null));
            first.Called = calls.Add;
            await CrashLab.CheckAsync(first, promise, $"before call {call}");

            // Recovery's checks append one frame more, which may be found from then on.
            var allowed = promise with { Submitted = promise.Submitted + 1 };
            foreach (var step in calls)
            {
                await CrashLab.CrashAndCheckAsync(
                    crashed, new RandomFate(random), allowed, $"before call {call}, recovering, before {step}");
                crashed.Repeat(step);
                recoveries++;
            }
        }

        Assert.True(recoveries >= 500, $"only {recoveries} crashes in recovery");
    }

    [Theory]
    [InlineData(int.MaxValue)]
    [InlineData(2_000)]
    public async Task F3_a_crash_at_every_step_of_snapshots_and_truncation_keeps_a_state_and_the_log_behind_it(
        int maxWholeBytes)
    {
        // A snapshot of 3,000 bytes is in one, or in three pieces.
        var lab = new CrashLab { Sizes = new SnapshotSizes(maxWholeBytes, PieceBytes: 1_200) };
        await lab.AcquireAsync();
        for (int round = 1; round <= 4; round++)
        {
            for (int i = 0; i < 25; i++)
            {
                Assert.Equal(AppendStatus.Durable, await lab.AppendAsync(5_000));
            }

            await lab.SaveSnapshotAsync(lab.Now.Acknowledged - 3, bytes: 3_000);
            await lab.Journal.TruncateAsync(lab.Epoch, lab.Now.Snapshot + 1);
        }

        var random = new RandomStream(4);
        int deletions = 0;
        foreach (var (call, disk) in lab.Cuts())
        {
            var promise = lab.At(call);
            deletions += call < lab.Calls.Count && lab.Calls[call].Kind == DiskCallKind.Delete ? 1 : 0;
            await CrashLab.CrashAndCheckAsync(disk, new PlainFate(keeps: false), promise, $"before call {call}");
            for (int i = 0; i < 3; i++)
            {
                await CrashLab.CrashAndCheckAsync(
                    disk, new RandomFate(random), promise, $"before call {call}, fate {i}");
            }
        }

        Assert.True(deletions >= 6, $"only {deletions} files deleted");
    }

    [Fact]
    public async Task F5_a_sync_that_fails_ends_all_acknowledgements_and_loses_none()
    {
        var random = new RandomStream(5);
        bool failed = true;
        int n = 0;
        for (; failed; n++)
        {
            var lab = new CrashLab();
            int syncs = 0;
            lab.Disk.Fault = (kind, path) => kind is DiskCallKind.Sync && syncs++ == n
                ? new IOException($"injected: sync {n} of {path}", 5)
                : null;
            bool refused = false;
            try
            {
                await lab.AcquireAsync();
            }
            catch (IOException)
            {
                refused = true;
            }

            for (int i = 0; i < 25 && !refused; i++)
            {
                bool latched = lab.Now.Submitted > lab.Now.Acknowledged;
                var status = await lab.AppendAsync(4_100);
                Assert.True(!latched || status == AppendStatus.Unknown, $"sync {n}: acknowledged after it failed");
            }

            failed = syncs > n;
            var promise = lab.Now;
            lab.Disk.Fault = null;
            await CrashLab.CrashAndCheckAsync(lab.Disk, new RandomFate(random), promise, $"sync {n}, power cut");
            var killed = lab.Disk.Copy(new Timeline(null));
            killed.Kill(new RandomFate(random));
            await CrashLab.CheckAsync(killed, promise, $"sync {n}, killed");
        }

        Assert.True(n > 40, $"only {n} syncs");
    }

    [Fact]
    public async Task F3_the_directory_of_a_new_journal_is_durable_before_anything_is_acknowledged()
    {
        var lab = await WriteAsync(new CrashLab(), commits: 1);

        long found = await CrashLab.CrashAndCheckAsync(lab.Disk, new PlainFate(keeps: false), lab.Now, "at the end");

        Assert.Equal(1, found);
    }

    [Fact]
    public async Task F3_directories_that_a_killed_owner_made_are_durable_before_the_next_acknowledges_anything()
    {
        var lab = new CrashLab();
        await lab.AcquireAsync();
        int named = 0;
        foreach (var (call, disk) in lab.Cuts())
        {
            // Each level of directories may be in the page cache only when the first owner dies.
            var killed = disk.Copy(new Timeline(null));
            killed.Kill(new PlainFate(keeps: true));
            named += call > 0 && lab.Calls[call - 1].Kind == DiskCallKind.MakeDirectory ? 1 : 0;
            var second = new CrashLab(killed);
            await second.AcquireAsync();
            Assert.Equal(AppendStatus.Durable, await second.AppendAsync());

            long found = await CrashLab.CrashAndCheckAsync(
                second.Disk, new PlainFate(keeps: false), second.Now, $"killed before call {call}");

            Assert.Equal(1, found);
        }

        Assert.Equal(2, named);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task F28_two_crashes_in_a_row_ruin_one_copy_of_the_superblock_at_most(bool killedFirst)
    {
        var lab = await WriteAsync(new CrashLab(), commits: 3);
        foreach (var (call, disk) in lab.Cuts())
        {
            var crashed = disk.Copy(new Timeline(null));
            if (killedFirst)
            {
                crashed.Kill(new RuinFate());
            }
            else
            {
                crashed.Crash(new RuinFate());
            }

            var promise = lab.At(call);
            var calls = new List<DiskCall>();
            var first = crashed.Copy(new Timeline(null));
            first.Called = calls.Add;
            await CrashLab.CheckAsync(first, promise, $"before call {call}");
            foreach (var step in calls)
            {
                await CrashLab.CrashAndCheckAsync(
                    crashed,
                    new RuinFate(),
                    promise with { Submitted = promise.Submitted + 1 },
                    $"before call {call}, recovering, before {step}");
                crashed.Repeat(step);
            }
        }
    }

    private static async Task<CrashLab> WriteAsync(CrashLab lab, int commits)
    {
        await lab.AcquireAsync();
        for (int i = 0; i < commits; i++)
        {
            Assert.Equal(AppendStatus.Durable, await lab.AppendAsync(BitOperations.Log2((uint)i + 1) * 700));
        }

        return lab;
    }

    /// <summary>Whatever is under way is ruined.</summary>
    private sealed class RuinFate : CrashFate
    {
        internal override int Length(IReadOnlyList<DiskBytes> versions) => versions.Count - 1;

        internal override void Sector(in SectorChoice sector, Span<byte> target) => target.Fill(0xA5);

        internal override bool KeepsName() => true;
    }
}
