using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash;

/// <summary>A disk that is full, and then is not (F4).</summary>
public sealed class FullDiskTests
{
    [FullDiskFact]
    public async Task F4_a_full_disk_refuses_clearly_loses_nothing_and_serves_again_when_there_is_room()
    {
        using var disk = new SmallDisk();
        using var life = new Life(seed: 4, new Tally(), journalRoot: disk.Root);
        string ballast = Path.Combine(disk.Root, "ballast");
        await using (var child = life.Start(life.Options() with { Mode = ChildMode.Endure }))
        {
            Assert.True(await child.HearAsync("up", Guards.Start) is not null, child.Complaint);
            Fill(ballast);

            // The segments at hand are written full first; then there is none for the next append.
            string? latched = await child.HearAsync("latched", Guards.Start);
            Assert.True(latched is not null, child.Complaint);
            Assert.True(latched.Contains("no space left", StringComparison.Ordinal), latched);
            await child.Exited.WaitAsync(Guards.Long);
            Assert.True(child.ExitCode == 0, child.Complaint);
        }

        var before = await life.CheckAsync();

        // Still full: what is there can be read, and the refusal says what is needed.
        await using (var child = life.Start(life.Options() with { Mode = ChildMode.Endure }))
        {
            string? latched = await child.HearAsync("latched", Guards.Start);
            Assert.True(latched is not null, child.Complaint);
            Assert.True(latched.Contains("no space left", StringComparison.Ordinal), latched);
            await child.Exited.WaitAsync(Guards.Long);
        }

        // What the last segment had room for may have been added.
        Assert.True((await life.CheckAsync()).LastSequence >= before.LastSequence);

        File.Delete(ballast);
        await life.DrainAsync();
    }

    [FullDiskFact]
    public async Task F4_a_disk_that_was_full_for_a_while_is_no_reason_to_stop()
    {
        using var disk = new SmallDisk();
        using var life = new Life(seed: 5, new Tally(), journalRoot: disk.Root);
        string ballast = Path.Combine(disk.Root, "ballast");
        await life.CycleAsync(new Kill(KillPlan.BeforeFirstBatch, "CommitWritten", 1));
        Fill(ballast);
        await using (var child = life.Start(life.Options() with { Pause = "CommitWritten", PauseAt = 1 }))
        {
            Assert.True(await child.HearAsync("at", Guards.Start) is not null, child.Complaint);

            // Not a wait for something: the time in which a segment is to be made ahead, and there is no room.
            await Task.Delay(200);
            File.Delete(ballast);
            await child.SayAsync("go");
            Assert.True(await child.HearAsync("up", Guards.Start) is not null, child.Complaint);

            // Load, until one more segment than there was room for is made.
            while (Segments(life) <= 2)
            {
                Assert.True(
                    await life.AdvanceAsync(child, answers: 20),
                    $"{Segments(life)} segments: none was made after the disk had room again. {child.Complaint}");
            }

            await life.StopAsync(child);
        }

        await life.CheckAsync();
        await life.DrainAsync();
    }

    private static int Segments(Life life) =>
        Directory.GetFiles(life.Options().JournalDirectory, "segment-*.log").Length;

    private static void Fill(string path)
    {
        using var file = File.Create(path, bufferSize: 0);
        byte[] block = new byte[4096];
        try
        {
            while (true)
            {
                file.Write(block);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    /// <summary>A file system in memory that is soon full.</summary>
    private sealed class SmallDisk : IDisposable
    {
        private const int SizeKb = 32 * 1024;

        internal SmallDisk() => Posix.Mount("tmpfs", Root, "tmpfs", $"size={SizeKb}k");

        internal string Root { get; } = Directory.CreateTempSubdirectory("engine-full-").FullName;

        public void Dispose()
        {
            Posix.Unmount(Root);
            Directory.Delete(Root);
        }
    }
}

/// <summary>A test that mounts a small file system in memory: it is not run, and says why, where it may not.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FullDiskFactAttribute : FactAttribute
{
    public FullDiskFactAttribute() => Skip = OperatingSystem.IsLinux() && Posix.IsRoot
        ? null
        : "SKIP full disk: root is needed to mount a file system";
}
