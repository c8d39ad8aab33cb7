using System.Collections.Concurrent;

namespace Engine.Host.Streams;

/// <summary>Counts each user's open streams, so that one user cannot take every connection.</summary>
internal sealed class StreamLimiter(int limit)
{
    private readonly ConcurrentDictionary<string, int> _open = new(StringComparer.Ordinal);

    internal int Limit { get; } = limit;

    /// <summary>Takes a place, or answers null when the user has none left.</summary>
    internal IDisposable? TryOpen(string userId)
    {
        while (true)
        {
            int open = _open.GetValueOrDefault(userId);
            if (open >= Limit)
            {
                return null;
            }

            if (open == 0 ? _open.TryAdd(userId, 1) : _open.TryUpdate(userId, open + 1, open))
            {
                return new Place(this, userId);
            }
        }
    }

    private void Close(string userId)
    {
        while (_open.TryGetValue(userId, out int open))
        {
            // The last one takes the entry along: users come and go, memory must not remember them all.
            if (open == 1
                ? _open.TryRemove(new KeyValuePair<string, int>(userId, 1))
                : _open.TryUpdate(userId, open - 1, open))
            {
                return;
            }
        }
    }

    private sealed class Place(StreamLimiter limiter, string userId) : IDisposable
    {
        private int _closed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _closed, 1) == 0)
            {
                limiter.Close(userId);
            }
        }
    }
}
