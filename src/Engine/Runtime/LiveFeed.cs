using System.Threading.Channels;

namespace Engine.Runtime;

/// <summary>Tells those who watch what has become durable. Owned by the loop; readers only touch their own channel.</summary>
/// <remarks>Keeps the last updates of all jobs in a ring, so that a reader that was away for a moment can resume; one that
/// was away for longer is told so. A reader that falls behind never holds the loop up: it loses updates, and knows.</remarks>
internal sealed class LiveFeed
{
    internal const int RingSize = 16_384;
    internal const int WatcherCapacity = 256;

    private readonly JobUpdate[] _ring = new JobUpdate[RingSize];
    private readonly Dictionary<JobId, List<Watcher>> _byJob = [];
    private readonly List<Watcher> _all = [];
    private long _published;
    private long _lastPublishedId;
    private long _forgottenUpTo;
    private bool _isClosed;

    /// <summary>How many watch.</summary>
    internal int WatcherCount => _all.Count + _byJob.Values.Sum(watchers => watchers.Count);

    /// <summary>Events up to this one were never in the ring: they are older than this process.</summary>
    internal void StartAfter(long eventId) => _forgottenUpTo = _lastPublishedId = eventId;

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
            mustResync = (after < _forgottenUpTo && snapshot.LastEventId > after) || after > snapshot.LastEventId;
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
        if (_isClosed || (snapshot.State.IsFinal && snapshot.LastEventId <= _lastPublishedId))
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

    internal void Publish(List<JobUpdate> updates)
    {
        foreach (ref readonly var update in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(updates))
        {
            ref var slot = ref _ring[_published++ % RingSize];
            if (_published > RingSize)
            {
                _forgottenUpTo = slot.EventId;
            }

            slot = update;
            _lastPublishedId = update.EventId;
            foreach (var watcher in _all)
            {
                watcher.Offer(update);
            }

            if (_byJob.Count > 0 && _byJob.TryGetValue(update.JobId, out var watchers))
            {
                foreach (var watcher in watchers)
                {
                    watcher.Offer(update);
                }

                if (update.State.IsFinal)
                {
                    watchers.ForEach(watcher => watcher.Channel.Writer.TryComplete());
                    _byJob.Remove(update.JobId);
                }
            }
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
        for (long i = Math.Max(0, _published - RingSize); i < _published; i++)
        {
            ref readonly var update = ref _ring[i % RingSize];
            if (update.JobId == watcher.JobId)
            {
                watcher.Offer(update);
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
