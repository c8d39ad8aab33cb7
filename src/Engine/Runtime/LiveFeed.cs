using System.Threading.Channels;
using Engine.Core;

namespace Engine.Runtime;

/// <summary>Tells those who watch what has become durable. Owned by the loop; readers only touch their own channel.</summary>
/// <remarks>Keeps the last updates of all jobs in a ring, so that a reader that was away for a moment can resume; one that
/// was away for longer is told so. A reader that falls behind never holds the loop up: it loses updates, and knows.</remarks>
internal sealed class LiveFeed
{
    internal const int RingSize = UpdateRing.Size;
    internal const int WatcherCapacity = 256;

    private readonly UpdateRing _ring = new();
    private readonly Dictionary<JobId, List<Watcher>> _byJob = [];
    private readonly List<Watcher> _all = [];
    private bool _isClosed;

    /// <summary>How many watch.</summary>
    internal int WatcherCount => _all.Count + _byJob.Values.Sum(watchers => watchers.Count);

    /// <summary>Events up to this one were never in the ring: they are older than this process.</summary>
    internal void StartAfter(long eventId) => _ring.StartAfter(eventId);

    /// <summary>Starts a watch of one job.</summary>
    /// <param name="snapshot">The job as it is decided now; updates up to it may still be on their way.</param>
    /// <param name="afterEventId">Resume after this event, or null to start with the snapshot.</param>
    /// <param name="mustResync">Whether updates between the two are no longer known.</param>
    internal Watcher Watch(JobView snapshot, long? afterEventId, out bool mustResync)
    {
        mustResync = false;
        var watcher = new Watcher(snapshot.Id, afterEventId ?? snapshot.LastEventId);
        if (afterEventId is { } after)
        {
            mustResync = (after < _ring.ForgottenUpTo && snapshot.LastEventId > after) || after > snapshot.LastEventId;
            if (mustResync)
            {
                watcher.AfterEventId = snapshot.LastEventId;
            }
            else
            {
                Replay(watcher);
            }
        }

        // When its end has been told there is nothing more to come, ever (DA-24).
        if (_isClosed || (snapshot.State.IsFinal && snapshot.LastEventId <= _ring.LastEventId))
        {
            watcher.Channel.Writer.TryComplete();
            return watcher;
        }

        if (!_byJob.TryGetValue(snapshot.Id, out var watchers))
        {
            _byJob[snapshot.Id] = watchers = [];
        }

        watchers.Add(watcher);
        return watcher;
    }

    /// <summary>Starts a watch of all jobs, from the next update on.</summary>
    internal Watcher WatchAll(long afterEventId)
    {
        var watcher = new Watcher(default, afterEventId);
        if (_isClosed)
        {
            watcher.Channel.Writer.TryComplete();
        }
        else
        {
            _all.Add(watcher);
        }

        return watcher;
    }

    internal void Remove(Watcher watcher)
    {
        watcher.Channel.Writer.TryComplete();
        if (!_all.Remove(watcher) && _byJob.TryGetValue(watcher.JobId, out var watchers))
        {
            watchers.Remove(watcher);
            if (watchers.Count == 0)
            {
                _byJob.Remove(watcher.JobId);
            }
        }
    }

    /// <summary>Tells what became durable.</summary>
    /// <param name="updates">The updates of one batch.</param>
    /// <param name="at">When it was decided.</param>
    /// <param name="statuses">What the numbers of their statuses mean; the same book each time.</param>
    internal void Publish(RecordedUpdates updates, DateTimeOffset at, StatusBook statuses)
    {
        long atMs = at.ToUnixTimeMilliseconds();
        int message = 0;
        for (int taken = 0; taken < updates.Updates.Length;)
        {
            // A batch may be larger than the ring: what was taken in is told before it can be written over.
            long place = _ring.End;
            taken += _ring.Take(updates, taken, ref message, atMs, statuses);
            for (; place < _ring.End && (_all.Count > 0 || _byJob.Count > 0); place++)
            {
                Tell(place);
            }
        }
    }

    private void Tell(long place)
    {
        bool isWatched = _byJob.TryGetValue(_ring[place].JobId, out var watchers);
        if (!isWatched && _all.Count == 0)
        {
            return;
        }

        var update = _ring.Read(place);
        foreach (var watcher in _all)
        {
            watcher.Offer(update);
        }

        if (!isWatched)
        {
            return;
        }

        foreach (var watcher in watchers!)
        {
            watcher.Offer(update);
        }

        if (update.State.IsFinal)
        {
            watchers.ForEach(watcher => watcher.Channel.Writer.TryComplete());
            _byJob.Remove(update.JobId);
        }
    }

    internal void Close()
    {
        _isClosed = true;
        foreach (var watcher in _all.Concat(_byJob.Values.SelectMany(watchers => watchers)))
        {
            watcher.Channel.Writer.TryComplete();
        }

        _all.Clear();
        _byJob.Clear();
    }

    private void Replay(Watcher watcher)
    {
        for (long place = _ring.Start; place < _ring.End; place++)
        {
            if (_ring[place].JobId == watcher.JobId)
            {
                watcher.Offer(_ring.Read(place));
            }
        }
    }
}

/// <summary>One reader's share of the updates: bounded, and it knows when it lost some.</summary>
internal sealed class Watcher(JobId jobId, long afterEventId)
{
    private int _lagged;

    internal JobId JobId { get; } = jobId;

    /// <summary>Updates up to this event are known to the reader already.</summary>
    internal long AfterEventId { get; set; } = afterEventId;

    internal Channel<JobUpdate> Channel { get; } = System.Threading.Channels.Channel.CreateBounded<JobUpdate>(
        new BoundedChannelOptions(LiveFeed.WatcherCapacity) { SingleWriter = true, FullMode = BoundedChannelFullMode.Wait });

    internal void Offer(in JobUpdate update)
    {
        if (update.EventId > AfterEventId && !Channel.Writer.TryWrite(update))
        {
            Volatile.Write(ref _lagged, 1);
        }
    }

    /// <summary>Whether updates were lost since the last call.</summary>
    internal bool TakeLagged() => Interlocked.Exchange(ref _lagged, 0) == 1;
}
