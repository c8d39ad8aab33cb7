using Engine.Storage;
using Engine.Tests.Support;

namespace Engine.Tests.Faster;

/// <summary>EIO and ENOSPC on the n-th write and on the n-th sync, for n = 1 to 200, once each: the disk is well again
/// at once, and nobody may believe it (F4, F5).</summary>
public sealed class FasterNthErrorTests : IDisposable
{
    private const int InputOutputError = 5;
    private const int NoSpace = 28;
    private const int Errors = 200;
    private const int AppendsAfterwards = 20;

    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Theory]
    [InlineData("write", InputOutputError)]
    [InlineData("write", NoSpace)]
    [InlineData("sync", InputOutputError)]
    [InlineData("sync", NoSpace)]
    public async Task F5_one_error_is_the_end_of_acknowledgements_and_of_nothing_else(string call, int error)
    {
        int latched = 0;
        for (int n = 1; n <= Errors; n++)
        {
            string directory = _directory[$"{n}"];
            var (acknowledged, unknown) = await LiveAsync(directory, call, n, error);
            latched += unknown ? 1 : 0;

            await using (var journal = FasterImage.Open(directory, options => options.Files = new FaultyFileSystem { Syncs = false }))
            {
                var writer = await JournalWriter.AcquireAsync(journal);
                var found = await journal.ReadTextsAsync();

                Assert.True(found.Count >= acknowledged, $"{call} {n}: {found.Count} of {acknowledged} frames are left");
                Assert.Equal(Enumerable.Range(1, found.Count).Select(Payload), found);
                await writer.AppendAsync("next");
            }

            Directory.Delete(directory, recursive: true);
        }

        // A full disk met while a segment is made ahead is no doubt about anything: then it goes on.
        Assert.True(error == NoSpace ? latched > Errors / 2 : latched == Errors, $"{latched} of {Errors} were final");
    }

    private static async Task<(int Acknowledged, bool Unknown)> LiveAsync(string directory, string call, int n, int error)
    {
        int count = 0;
        var files = new FaultyFileSystem { Syncs = false };
        files.Fault = (name, _, _) => name == call && Interlocked.Increment(ref count) == n
            ? new IOException($"injected {call} {n}", error)
            : null;
        int acknowledged = 0;
        bool unknown = false;
        var journal = FasterImage.Open(directory, options => options.Files = files);
        try
        {
            var writer = await JournalWriter.AcquireAsync(journal);
            for (int left = AppendsAfterwards; left > 0; left -= Volatile.Read(ref count) >= n ? 1 : 0)
            {
                var result = await writer.Start(Payload((int)writer.Sequence + 1));
                Assert.True(result == AppendResult.Durable || result.Status == AppendStatus.Unknown);
                Assert.False(unknown && result == AppendResult.Durable, $"{call} {n}: acknowledged after a failure");
                unknown |= result.Status == AppendStatus.Unknown;
                acknowledged += result == AppendResult.Durable ? 1 : 0;
            }
        }
        catch (IOException)
        {
            // It struck before the journal was anybody's: it was not acquired.
            unknown = true;
        }

        try
        {
            await journal.DisposeAsync();
        }
        catch (IOException)
        {
            // Or after the last append, in what was to be a clean end.
            unknown = true;
        }

        return (acknowledged, unknown);
    }

    private static string Payload(int i) => $"{i:D6}" + new string('p', 3_000);
}
