using Engine.Diagnostics;
using Engine.Storage;
using Microsoft.Extensions.Logging;

namespace Engine.Hosting;

/// <summary>How far an engine that was added with <c>AddEngine</c> has come: whether it serves, or stands by for the
/// process that owns the journal.</summary>
/// <remarks>All members may be called from any thread.</remarks>
public sealed class HostedEngine
{
    private readonly EngineMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly TaskCompletionSource _serving = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile Standing _standing = new(HostedEngineState.Starting, null, null);
    private long _firstRefused;
    private long? _lastRefused;

    internal HostedEngine(EngineMetrics metrics, TimeProvider time, ILogger logger) =>
        (_metrics, _time, _logger) = (metrics, time, logger);

    /// <summary>How far it has come.</summary>
    public HostedEngineState State => _standing.State;

    /// <summary>While it stands by: the address that the journal's owner published for its callers; null when it
    /// published none.</summary>
    public string? Owner => _standing.Owner;

    /// <summary>While it stands by: how long the owner's right lasts if it is not renewed, as the journal said the last
    /// time it was asked; null when that has no end of its own.</summary>
    public TimeSpan? RetryAfter => _standing.RetryAfter;

    /// <summary>Completes when the engine serves; fails with what kept it from it, and never completes when the
    /// application stops before.</summary>
    public Task Serving => _serving.Task;

    /// <summary>The journal belongs to another process.</summary>
    internal void Refused(JournalLockedException refusal)
    {
        var before = _standing;
        long now = _time.GetTimestamp();
        _lastRefused = now;
        _standing = new Standing(HostedEngineState.StandingBy, refusal.Owner, refusal.RetryAfter);
        if (before.State != HostedEngineState.StandingBy)
        {
            _firstRefused = now;
            _metrics.StandbyBegan();
        }

        if (before.State != HostedEngineState.StandingBy || before.Owner != refusal.Owner)
        {
            _logger.StandingBy(refusal.Owner ?? "another process", refusal.Message);
        }
    }

    /// <summary>The journal belongs to this process from now on.</summary>
    internal void Acquired()
    {
        var before = _standing;
        _standing = new Standing(HostedEngineState.TakingOver, null, null);
        if (before.State == HostedEngineState.StandingBy)
        {
            _metrics.StandbyEnded();
            _logger.TakingOver(before.Owner ?? "another process", _time.GetElapsedTime(_firstRefused));
        }
    }

    /// <summary>Everything is recovered, and calls may come.</summary>
    internal void Serves()
    {
        _standing = new Standing(HostedEngineState.Serving, null, null);
        if (_lastRefused is { } refused)
        {
            var duration = _time.GetElapsedTime(refused);
            _metrics.TookOver(duration);
            _logger.TookOver((long)duration.TotalMilliseconds);
        }

        _serving.TrySetResult();
    }

    /// <summary>It will not serve.</summary>
    internal void Fails(Exception reason)
    {
        if (_standing.State == HostedEngineState.StandingBy)
        {
            _metrics.StandbyEnded();
        }

        _standing = new Standing(HostedEngineState.Failed, null, null);
        _serving.TrySetException(reason);
    }

    private sealed record Standing(HostedEngineState State, string? Owner, TimeSpan? RetryAfter);
}

/// <summary>How far the start of an engine has come.</summary>
public enum HostedEngineState
{
    /// <summary>Nothing is known about the journal yet.</summary>
    Starting = 1,

    /// <summary>Another process owns the journal; this one asks for it again and again.</summary>
    StandingBy = 2,

    /// <summary>This process owns the journal and reads what is in it.</summary>
    TakingOver = 3,

    /// <summary>Calls are answered, as far as <see cref="JobEngine.Health"/> allows.</summary>
    Serving = 4,

    /// <summary>The journal could not be had for another reason than its owner; nothing will be served.</summary>
    Failed = 5,
}
