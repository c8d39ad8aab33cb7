using System.Text;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Tests.Support;

namespace Engine.Tests.Faster.Tools;

/// <summary>An owner that appends as fast as it can, saves snapshots and truncates, until it is told to stop.</summary>
internal sealed class LiveLoad : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly FasterJournal _journal;
    private readonly JournalWriter _writer;
    private readonly Task _work;
    private long _acknowledged;

    private LiveLoad(FasterJournal journal, JournalWriter writer)
    {
        _journal = journal;
        _writer = writer;
        _work = Task.Run(WorkAsync);
    }

    /// <summary>The last frame whose append was answered.</summary>
    internal long Acknowledged => Volatile.Read(ref _acknowledged);

    internal int Truncations { get; private set; }

    internal static async Task<LiveLoad> StartAsync(string directory)
    {
        var journal = FasterImage.Open(directory);
        return new LiveLoad(journal, await JournalWriter.AcquireAsync(journal));
    }

    /// <summary>What frame <paramref name="sequence"/> holds.</summary>
    internal static string Text(long sequence) => $"{sequence} {new string('p', (int)(sequence % 13) * 300)}";

    internal async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _work.WaitAsync(TimeSpan.FromMinutes(1));
        await _journal.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task WorkAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            byte[][] payloads =
                [.. Enumerable.Range(1, 4).Select(i => Encoding.UTF8.GetBytes(Text(_writer.Sequence + i)))];
            Assert.Equal(AppendResult.Durable, await _writer.Start(payloads));
            Volatile.Write(ref _acknowledged, _writer.Sequence);
            if (_writer.Sequence % 100 == 0)
            {
                await _journal.SaveSnapshotAsync(
                    _writer.Epoch, _writer.Sequence, Encoding.UTF8.GetBytes($"state {_writer.Sequence}"));
                await _journal.TruncateAsync(_writer.Epoch, Math.Max(1, _writer.Sequence - 150));
                Truncations++;
            }
        }
    }
}
