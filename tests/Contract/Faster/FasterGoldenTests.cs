using System.IO.Compression;
using Engine.Core;
using Engine.Estimation;
using Engine.Runtime;
using Engine.Storage;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>The directory of an embedded journal of a released format opens, and gives the state it always gave
/// (F29).</summary>
public sealed class FasterGoldenTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task F29_The_directory_of_version_1_recovers_to_the_state_it_always_gave()
    {
        await WriteOnceAsync();
        ZipFile.ExtractToDirectory(Golden.PathOf(Golden.Faster), _directory["journal"]);
        await using var journal = FasterImage.Open(_directory["journal"]);
        var core = new EngineCore(
            EngineSettings.From(new JobEngineOptions()), new MovingAverageEstimator(), new BatchWriter());

        var ownership = await journal.AcquireAsync();
        var report = await Recovery.ReplayAsync(core, journal, ownership, CancellationToken.None);

        Assert.Equal(Golden.FrameCount, ownership.LastSequence);
        Assert.Equal(Golden.SnapshotSequence, report.SnapshotSequence);
        Assert.Equal(Golden.FrameCount - Golden.SnapshotSequence, report.Frames);
        Assert.Equal($"{Golden.FinalHash:x16}", $"{core.State.ComputeHash():x16}");
        Assert.Equal(
            Golden.ReadFrames().Select(golden => golden.Frame.Checksum),
            (await journal.ReadHeadsAsync()).Select(head => head.Checksum));
    }

    private async Task WriteOnceAsync()
    {
        if (Environment.GetEnvironmentVariable("UPDATE_SNAPSHOTS") != "1" || File.Exists(Golden.PathOf(Golden.Faster)))
        {
            return;
        }

        await using (var journal = FasterImage.Open(_directory["new"]))
        {
            long epoch = 0;
            foreach (var (frame, bytes) in Golden.ReadFrames())
            {
                while (epoch < frame.Epoch)
                {
                    epoch = (await journal.AcquireAsync()).Epoch;
                }

                Assert.Equal(AppendResult.Durable, await journal.AppendAsync(epoch, frame.Sequence - 1, bytes));
            }

            byte[] snapshot = await File.ReadAllBytesAsync(Golden.PathOf(Golden.Snapshot));
            await journal.SaveSnapshotAsync(epoch, Golden.SnapshotSequence, snapshot);
        }

        ZipFile.CreateFromDirectory(_directory["new"], Golden.PathOf(Golden.Faster));
    }
}
