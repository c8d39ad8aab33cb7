using System.Security.Cryptography;

namespace Engine.Storage.Faster.Log;

/// <summary>On what the journal runs: threads and FasterLog, or the virtual time of a simulator. Nothing here decides
/// anything about the log.</summary>
internal abstract class JournalRuntime
{
    /// <summary>The threads of this process.</summary>
    internal static JournalRuntime Threads { get; } = new ThreadRuntime();

    /// <summary>Does work that blocks on the disk, away from the caller.</summary>
    internal abstract Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken);

    /// <summary>Starts work that goes on beside the committer.</summary>
    internal abstract ISideWork Start(Action work);

    /// <summary>Starts what commits appends.</summary>
    internal abstract Committer CreateCommitter(CommitWork work);

    /// <summary>Makes the pages between writer and device, empty, with <paramref name="start"/> as their first
    /// address.</summary>
    internal abstract IPageRing CreateRing(SegmentDevice device, int pageBytes, int segmentBytes, long start);

    /// <summary>A value that no other owner and no other journal has.</summary>
    internal abstract Guid NewNonce();

    /// <summary>Does work that blocks on the disk, away from the caller.</summary>
    internal Task RunAsync(Action work, CancellationToken cancellationToken) => RunAsync(
        () =>
        {
            work();
            return true;
        },
        cancellationToken);

    private sealed class ThreadRuntime : JournalRuntime
    {
        internal override Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellationToken) =>
            Task.Run(work, cancellationToken);

        internal override ISideWork Start(Action work) => new SideThread(work);

        internal override Committer CreateCommitter(CommitWork work) => new CommitterThread(work);

        internal override IPageRing CreateRing(SegmentDevice device, int pageBytes, int segmentBytes, long start) =>
            new FasterRing(device, pageBytes, segmentBytes, start);

        internal override Guid NewNonce()
        {
            Span<byte> bytes = stackalloc byte[16];
            RandomNumberGenerator.Fill(bytes);
            return new Guid(bytes);
        }
    }
}

/// <summary>Work that goes on beside the committer; it catches its own errors.</summary>
internal interface ISideWork
{
    /// <summary>Whether it has ended.</summary>
    bool IsCompleted { get; }

    /// <summary>Returns when it has ended.</summary>
    void Wait();
}

/// <summary>A thread for one piece of work.</summary>
internal sealed class SideThread(Action work) : ISideWork
{
    private readonly Task _task = Task.Factory.StartNew(
        work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    public bool IsCompleted => _task.IsCompleted;

    public void Wait() => ((IAsyncResult)_task).AsyncWaitHandle.WaitOne();
}
