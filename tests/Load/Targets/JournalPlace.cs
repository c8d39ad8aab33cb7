using System.Globalization;
using System.Numerics;
using Engine.Storage;
using Engine.Storage.Faster;
using Engine.Storage.Redis;
using Engine.Tests.Redis;

namespace Engine.Tests.Load.Targets;

/// <summary>Where events go.</summary>
internal enum JournalKind
{
    /// <summary>Nowhere: they are gone with the process.</summary>
    Memory,

    /// <summary>The embedded journal, synced.</summary>
    Faster,

    /// <summary>A redis-server of our own, which syncs before it answers.</summary>
    Redis,
}

/// <summary>Where the events of what is loaded go: how an engine in this process opens it, how a host is told of it,
/// and how it is read beside either of them.</summary>
internal abstract class JournalPlace : IAsyncDisposable
{
    /// <summary>Whether it outlives the engine's process, and others can read it.</summary>
    internal abstract bool IsStored { get; }

    /// <summary>How a host is told of it: keys below <c>Engine:</c>, and their values.</summary>
    internal abstract IEnumerable<(string Key, string Value)> Settings { get; }

    /// <summary>Makes one ready.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="directory">Where its files lie.</param>
    /// <param name="snapshotBytes">How much it grows before frames may be cut off, or 0: it is kept whole.</param>
    /// <exception cref="InvalidOperationException">There is no redis-server on this machine.</exception>
    internal static async Task<JournalPlace> CreateAsync(JournalKind kind, string directory, int snapshotBytes) =>
        kind switch
        {
            JournalKind.Memory => new InMemory(),
            JournalKind.Faster => new OnDisk(directory, snapshotBytes),
            JournalKind.Redis => RedisServer.Missing is { } missing
                ? throw new InvalidOperationException(missing)
                : new InRedis(await RedisServer.StartAsync()),
        };

    /// <summary>The journal, for an engine in this process; that disposes it.</summary>
    internal abstract IJournal Open();

    /// <summary>The frames from one on, as far as they are durable; while an engine writes more, too.</summary>
    /// <exception cref="InvalidOperationException">Frames were cut off before they were read.</exception>
    internal abstract IAsyncEnumerable<JournalFrame> ReadAsync(long from);

    public abstract ValueTask DisposeAsync();

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private sealed class InMemory : JournalPlace
    {
        private readonly MemoryJournal _journal = new(keepFrames: true);

        internal override bool IsStored => false;

        internal override IEnumerable<(string Key, string Value)> Settings => [("Journal", "Memory")];

        internal override IJournal Open() => _journal;

        internal override IAsyncEnumerable<JournalFrame> ReadAsync(long from) => _journal.ReadAsync(from);

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class OnDisk(string directory, int snapshotBytes) : JournalPlace
    {
        private const uint MinSegmentBytes = 64 * 1024;
        private const uint MaxSegmentBytes = 16 * 1024 * 1024;

        // What is cut off is whole segments: several of them between two snapshots.
        private readonly int _segmentBytes = snapshotBytes == 0
            ? (int)MaxSegmentBytes
            : (int)Math.Clamp(
                BitOperations.RoundUpToPowerOf2((uint)snapshotBytes / 4), MinSegmentBytes, MaxSegmentBytes);

        internal override bool IsStored => true;

        internal override IEnumerable<(string Key, string Value)> Settings =>
        [
            ("Journal", "Faster"), ("DataDirectory", directory), ("JournalSegmentBytes", Number(_segmentBytes)),
        ];

        private string Journal => Path.Combine(directory, "journal");

        internal override IJournal Open() => new FasterJournal(
            new FasterJournalOptions { Directory = Journal, SegmentSizeBytes = _segmentBytes });

        internal override async IAsyncEnumerable<JournalFrame> ReadAsync(long from)
        {
            await Task.CompletedTask;
            long next = from;
            foreach (var entry in FasterJournalTools.Read(Journal, from))
            {
                // Reading begins with what is there.
                if (entry.Frame.Sequence > next)
                {
                    throw new InvalidOperationException(
                        $"frames {next} to {entry.Frame.Sequence - 1} were cut off before they were read: larger "
                        + "--snapshots leave more time");
                }

                next = entry.Frame.Sequence + 1;
                yield return entry.Frame;
            }
        }

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private sealed class InRedis(RedisServer server) : JournalPlace
    {
        private readonly RedisJournal _reader = new(OptionsFor(server), TimeProvider.System);

        internal override bool IsStored => true;

        // Who starts again after a kill waits for the right of the one before to end: that is what standing by is.
        internal override IEnumerable<(string Key, string Value)> Settings =>
        [
            ("Journal", "Redis"), ("DataDirectory", "data"), ("Redis:Connection", server.Address), ("Standby", "true"),
        ];

        internal override IJournal Open() => new RedisJournal(OptionsFor(server), TimeProvider.System);

        internal override IAsyncEnumerable<JournalFrame> ReadAsync(long from) => _reader.ReadAsync(from);

        public override async ValueTask DisposeAsync()
        {
            await _reader.DisposeAsync();
            await server.DisposeAsync();
        }

        private static RedisJournalOptions OptionsFor(RedisServer server) => new() { Connection = server.Address };
    }
}

/// <summary>A journal of an engine in this process that lets frames be read before they are cut off.</summary>
internal sealed class ReadBeforeCut(IJournal journal, Func<Task> readOnAsync) : ForwardingJournal(journal)
{
    public override async ValueTask TruncateAsync(
        long epoch, long belowSequence, CancellationToken cancellationToken = default)
    {
        await readOnAsync();
        await base.TruncateAsync(epoch, belowSequence, cancellationToken);
    }
}
