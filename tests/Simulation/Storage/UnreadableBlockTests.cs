using Engine.Core;
using Engine.Simulation;
using Engine.Simulation.Storage.Disk;
using Engine.Simulation.Storage.Faster;
using Engine.Storage;

namespace Engine.Tests.Storage;

/// <summary>Every block that a start reads, unreadable once: what the embedded journal makes of it, and what it would
/// cost to take zeros for it.</summary>
public sealed class UnreadableBlockTests
{
    private const int BlockBytes = 4096;

    [Fact]
    public async Task F6_a_start_that_cannot_read_a_block_is_refused_or_finds_everything_and_the_next_one_does()
    {
        var lab = await WriteAsync();
        int refused = 0;
        foreach (var (disk, where) in Cases(lab))
        {
            if (Start(disk) is { } found)
            {
                Assert.True(found == lab.Now.Acknowledged, $"{where}: {found} of {lab.Now.Acknowledged} frames");
            }
            else
            {
                refused++;
            }

            disk.Unreadable = null;
            await CrashLab.CheckAsync(disk, lab.Now, where);
        }

        Assert.True(refused > 50, $"only {refused} were refused");
    }

    /// <summary>Nearly all of such a bug is covered up: the superblock, the commits behind the block, and whoever needs
    /// a frame refuse the zeros. What is left is the newest commit, which looks like a torn tail; so that is where the
    /// simulator's disk must fail, or it will hardly ever see the bug (<see cref="PlantedBug.FailedReadAsZeros"/>).
    /// </summary>
    [Fact]
    public async Task A_block_that_is_taken_for_zeros_costs_the_newest_commit_and_is_refused_anywhere_else()
    {
        var lab = await WriteAsync();
        int refused = 0;
        int lost = 0;
        Planted.Bug = PlantedBug.FailedReadAsZeros;
        try
        {
            foreach (var (disk, where) in Cases(lab))
            {
                long? found = Start(disk);
                refused += found is null ? 1 : 0;
                lost += found < lab.Now.Acknowledged ? 1 : 0;
                Assert.True(found is null || found >= lab.Now.Acknowledged - 1, $"{where}: {found} frames");
            }
        }
        finally
        {
            Planted.Bug = PlantedBug.None;
        }

        Assert.InRange(lost, 1, 8);
        Assert.True(refused > 10 * lost, $"{refused} refused, {lost} lost");
    }

    /// <summary>Some segments with a snapshot, left by a process that was killed: nothing proves its newest commit.</summary>
    private static async Task<CrashLab> WriteAsync()
    {
        var lab = new CrashLab();
        await lab.AcquireAsync();
        for (int i = 1; i <= 60; i++)
        {
            Assert.Equal(AppendStatus.Durable, await lab.AppendAsync(3000 + (i * 50)));
            if (i == 40)
            {
                await lab.SaveSnapshotAsync(30, 10_000);
            }
        }

        return lab;
    }

    /// <summary>The disk again and again, each time with another block that cannot be read once.</summary>
    private static IEnumerable<(SimDisk Disk, string Where)> Cases(CrashLab lab)
    {
        // Which reads a start makes, of how many bytes each.
        var reads = new List<int>();
        var probe = lab.Disk.Copy(new Timeline(null));
        probe.Unreadable = count =>
        {
            reads.Add(count);
            return null;
        };
        Assert.Equal(lab.Now.Acknowledged, Start(probe));

        for (int read = 0; read < reads.Count; read++)
        {
            for (int offset = 0; offset < reads[read]; offset += BlockBytes)
            {
                var disk = lab.Disk.Copy(new Timeline(null));
                int left = read;
                var block = offset..Math.Min(offset + BlockBytes, reads[read]);
                disk.Unreadable = _ => left-- == 0 ? block : null;
                yield return (disk, $"read {read} of {reads.Count}, block {block}");
            }
        }
    }

    /// <summary>All that a start reads; the last frame, or null when it is refused.</summary>
    private static long? Start(SimDisk disk) => StartAsync(disk).GetAwaiter().GetResult();

    private static async Task<long?> StartAsync(SimDisk disk)
    {
        var journal = new SimulatedFasterStore(disk, new RandomStream(2)).Open();
        try
        {
            var owner = await journal.AcquireAsync();
            long last = (await journal.LoadSnapshotAsync())?.Sequence ?? 0;
            await foreach (var frame in journal.ReadAsync(last + 1))
            {
                Assert.Equal(++last, frame.Sequence);
            }

            Assert.Equal(owner.LastSequence, last);
            return last;
        }
        catch (IOException)
        {
            return null;
        }
    }
}
