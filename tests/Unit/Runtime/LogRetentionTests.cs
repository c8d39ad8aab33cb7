using Engine.RunLogs;
using Engine.Runtime;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Tests.Runtime;

public class LogRetentionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Deletes_every_forgotten_jobs_logs_once_and_in_order_though_some_cannot_be_deleted()
    {
        const int Count = 20_000;
        var store = new DeletedLogs(Count, failsAt: index => index % 7 == 0);
        var retention = new LogRetention(store, NullLogger.Instance);
        JobId[] ids = [.. Enumerable.Range(1, Count).Select(i => JobId.New(i, 0, (ulong)i))];

        foreach (JobId id in ids)
        {
            retention.Forget([id]);
        }

        await store.All.WaitAsync(Patience);
        Assert.Equal(ids, store.Deleted);
    }

    [Fact]
    public async Task Goes_on_after_it_had_nothing_to_do()
    {
        var store = new DeletedLogs(2, failsAt: _ => false);
        var retention = new LogRetention(store, NullLogger.Instance);

        retention.Forget([JobId.New(1, 0, 1)]);
        await store.First.WaitAsync(Patience);
        retention.Forget([JobId.New(2, 0, 2)]);

        await store.All.WaitAsync(Patience);
    }

    [Fact]
    public async Task Does_not_delete_on_the_thread_that_forgets()
    {
        using var mayDelete = new ManualResetEventSlim();
        var store = new DeletedLogs(1, failsAt: _ => !mayDelete.Wait(Patience));
        var retention = new LogRetention(store, NullLogger.Instance);

        retention.Forget([JobId.New(1, 0, 1)]);
        mayDelete.Set();

        await store.All.WaitAsync(Patience);
        Assert.True(store.Succeeded);
    }

    private sealed class DeletedLogs(int expected, Func<int, bool> failsAt) : IRunLogStore
    {
        private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _all = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal List<JobId> Deleted { get; } = [];

        internal Task First => _first.Task;

        internal bool Succeeded { get; private set; }

        internal Task All => _all.Task;

        public ValueTask DeleteAsync(JobId jobId, CancellationToken cancellationToken = default)
        {
            Deleted.Add(jobId);
            bool fails = failsAt(Deleted.Count);
            Succeeded = !fails;
            _first.TrySetResult();
            if (Deleted.Count == expected)
            {
                _all.TrySetResult();
            }

            return fails ? throw new IOException("The disk is gone.") : ValueTask.CompletedTask;
        }

        public IRunLog Open(JobId jobId, int run) => throw new NotSupportedException();

        public ValueTask<RunLogPage> ReadAsync(
            JobId jobId, long? beforeId, int limit, CancellationToken cancellationToken = default) =>
            throw new NotSupportedException();

        public IAsyncEnumerable<RunLogLine> FollowAsync(
            JobId jobId, long? afterId, CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
