using System.Numerics;
using Engine.Core.Rules;

namespace Engine.Core.Scheduling;

/// <summary>The lanes that submissions went to: who asks for the same again is spared the search for its user, type,
/// tier, project, resources and lane.</summary>
/// <remarks>
/// Callers look on their own threads, before they send, so that the loop compares two references where it would read
/// a handful of names; the loop alone writes. A memo, no state: what it says counts only while the settings it was made
/// under are in force and the lane has jobs, and what it has lost is found the long way.
/// </remarks>
internal sealed class LaneMemo
{
    private const int SmallestSize = 1024;
    private const int LargestSize = 1 << 22;

    // Pairs of places, so that two lanes of one hash do not push each other out; mostly one in four is taken.
    private Lane?[] _places = new Lane?[SmallestSize];
    private int _count;

    /// <summary>Where a submission like this one went. Any thread.</summary>
    internal LaneGuess Find(in Submission submission)
    {
        var places = Volatile.Read(ref _places);
        int first = FirstOf(submission.NamesHash, places);
        var guess = GuessOf(Volatile.Read(ref places[first]), submission);
        return guess.Lane is null ? GuessOf(Volatile.Read(ref places[first + 1]), submission) : guess;
    }

    /// <summary>The lane that was guessed, if it is right to put the submission there now; else null. The loop's
    /// thread.</summary>
    internal static Lane? Check(in LaneGuess guess, EngineSettings settings) =>
        guess.Lane is { References: > 0 } lane
        && ReferenceEquals(lane.LastAsked, guess.Asked)
        && ReferenceEquals(guess.Settings, settings)
            ? lane
            : null;

    /// <summary>Remembers where a submission went. The loop's thread.</summary>
    /// <param name="settings">The settings under which it was found right.</param>
    /// <param name="lane">The lane.</param>
    /// <param name="submission">The submission, with the names of that lane.</param>
    internal void Remember(EngineSettings settings, Lane lane, in Submission submission)
    {
        if (lane.LastAsked is not { } asked || !ReferenceEquals(asked.Settings, settings) || !asked.Fits(submission))
        {
            lane.LastAsked = new AskedNames(settings, submission.Tier, submission.Resources);
        }

        if (lane.MemoHash != submission.NamesHash)
        {
            Forget(lane);
            lane.MemoHash = submission.NamesHash;
        }

        if (_count >= _places.Length / 4 && _places.Length < LargestSize)
        {
            Grow();
        }

        Put(_places, lane);
    }

    /// <summary>Forgets a lane. The loop's thread.</summary>
    internal void Forget(Lane lane)
    {
        int first = FirstOf(lane.MemoHash, _places);
        foreach (ref var place in _places.AsSpan(first, 2))
        {
            if (ReferenceEquals(place, lane))
            {
                Volatile.Write(ref place, null);
                _count--;
            }
        }
    }

    private void Grow()
    {
        var places = new Lane?[_places.Length * 2];
        _count = 0;
        foreach (var lane in _places)
        {
            if (lane is not null)
            {
                Put(places, lane);
            }
        }

        Volatile.Write(ref _places, places);
    }

    private void Put(Lane?[] places, Lane lane)
    {
        int first = FirstOf(lane.MemoHash, places);
        if (ReferenceEquals(places[first], lane) || ReferenceEquals(places[first + 1], lane))
        {
            return;
        }

        if (places[first] is { } older)
        {
            _count -= places[first + 1] is null ? 0 : 1;
            Volatile.Write(ref places[first + 1], older);
        }

        Volatile.Write(ref places[first], lane);
        _count++;
    }

    private static LaneGuess GuessOf(Lane? lane, in Submission submission) =>
        lane is not null
        && lane.LastAsked is { } asked
        && lane.Owner.Id == submission.UserId
        && lane.Project?.Id == submission.ProjectId
        && lane.Type.Name == submission.Type
        && asked.Fits(submission)
            ? new LaneGuess(lane, asked, asked.Settings)
            : default;

    private static int FirstOf(ulong hash, Lane?[] places) =>
        (int)(hash >> (64 - BitOperations.Log2((uint)places.Length))) & ~1;
}

/// <summary>The lane that a submission may go to, what that was last asked for when its names were compared, and
/// under which settings: copied, so that the loop need not look there.</summary>
internal readonly record struct LaneGuess(Lane? Lane, AskedNames? Asked, EngineSettings? Settings);

/// <summary>What cannot be seen from a lane: the settings under which a submission to it was found right, and the
/// tier (unknown ones fall back to another) and the resources (types have some of their own) that it asked
/// for.</summary>
internal sealed class AskedNames(EngineSettings settings, string? tier, string[]? resources)
{
    internal EngineSettings Settings { get; } = settings;

    internal bool Fits(in Submission submission) =>
        tier == submission.Tier && resources.AsSpan().SequenceEqual(submission.Resources);
}
