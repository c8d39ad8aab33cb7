using Engine.Core;
using Engine.Core.Rules;
using Engine.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Engine.Runtime;

/// <summary>Notices what nobody asks about and an operator should know: a wall clock that jumps (F14), jobs that do not
/// end (DA-19). Owned by the loop.</summary>
/// <remarks>It looks and tells; no decision depends on it.</remarks>
internal sealed class Watchman(ILogger logger)
{
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromHours(1);
    private static readonly TimeSpan LargestStepForward = TimeSpan.FromHours(1);
    private static readonly TimeSpan LargestStepBack = TimeSpan.FromSeconds(1);

    private Instant? _lastWall;
    private long _lastMonotonicMs;
    private Instant _nextLook;
    private bool _mustTell;
    private long? _leadToldMs;

    /// <summary>When there is something to look at even if nobody asks for anything.</summary>
    internal Instant NextLook(EngineCore core)
    {
        if (core.State.Live.First is not { } oldest)
        {
            return Instant.Never;
        }

        if (core.State.Live.IsCounting)
        {
            // At once.
            return default;
        }

        // Stale is what is older than the limit, so the limit itself is a moment too early.
        var stale = oldest.SubmittedAt.Add(core.Settings.StaleAfter).Add(TimeSpan.FromMilliseconds(1));
        return stale > _nextLook ? stale : _nextLook;
    }

    /// <summary>Looks at the clock, and at most once an hour at the jobs; where very many are stale at once, a part of
    /// them at a time.</summary>
    /// <param name="core">The core, at the instant of the batch under way.</param>
    /// <param name="wall">What the wall clock says.</param>
    internal void Look(EngineCore core, Instant wall)
    {
        LookAtClock(wall, core.State.MonotonicMs);
        LookAtLead(core.State.Now.Since(wall), core.State.MonotonicMs);
        if (core.State.Now >= _nextLook)
        {
            _nextLook = core.State.Now.Add(BetweenLooks);
            _mustTell = true;
        }
        else if (!core.State.Live.IsCounting)
        {
            return;
        }

        long count = Viewing.CountStale(core);
        if (_mustTell && !core.State.Live.IsCounting)
        {
            _mustTell = false;
            if (count > 0)
            {
                logger.StaleJobs(count, core.Settings.StaleAfter, core.State.Live.First!.Id);
            }
        }
    }

    /// <summary>Tells of an engine whose clock stands still because the wall clock went back: when it is noticed, which
    /// may be at a start, every hour, and when it is over.</summary>
    private void LookAtLead(TimeSpan lead, long monotonicMs)
    {
        if (lead > ClockLead.Tolerated)
        {
            if (_leadToldMs is not { } told || monotonicMs - told >= (long)BetweenLooks.TotalMilliseconds)
            {
                _leadToldMs = monotonicMs;
                logger.ClockLeads((long)lead.TotalSeconds);
            }
        }
        else if (_leadToldMs is not null && lead == TimeSpan.Zero)
        {
            _leadToldMs = null;
            logger.ClockCaughtUp();
        }
    }

    private void LookAtClock(Instant wall, long monotonicMs)
    {
        if (_lastWall is { } last)
        {
            // What the wall clock says has passed beyond what has passed: each jump shows once, in the next reading.
            var jump = wall.Since(last) - TimeSpan.FromMilliseconds(monotonicMs - _lastMonotonicMs);
            if (jump > LargestStepForward || jump < -LargestStepBack)
            {
                logger.ClockJumped((long)jump.TotalSeconds);
            }
        }

        (_lastWall, _lastMonotonicMs) = (wall, monotonicMs);
    }
}
