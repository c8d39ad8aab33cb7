using Engine.Core;
using Engine.Core.Rules;
using Engine.Core.Scheduling;

namespace Engine.Storage;

/// <summary>Turns events into bytes and back: the payload of a frame is its events back to back.</summary>
/// <remarks>
/// The layout is frozen with the frame's version; a change is a new kind or a new version, never an edit. Numbers are
/// LEB128, signed ones zigzag; ids are 16 bytes; text is UTF-8 and bytes are raw, each after its length, where 0 stands
/// for absent and n + 1 for n bytes. Per kind, after the kind's byte:
/// <code>
/// JobSubmitted      id state due why day type user project tier resources priority boost grant payload message
/// JobReleased       id day message
/// JobDeferred       id day due message
/// RunStarted        id run epoch stage
/// StageEntered      id stage message
/// ProgressReported  id count message
/// IterationStarted  id
/// RunEnded          id end state due why message error debugId payload
/// CancelRequested   id message
/// JobEnded          id state message error debugId
/// JobConfirmed      id state due why count message
/// JobsPurged        count
/// OrderingChanged   ordering headStart
/// AnswerKept        id key fingerprint expires position confidence (seconds lower upper) used remaining iterations reset
/// </code>
/// </remarks>
internal static class EventCodec
{
    [ThreadStatic]
    private static ByteWriter _scratch;

    internal static void Write(in JobEvent e, ref ByteWriter target)
    {
        target.Byte((byte)e.Kind);
        if (e.Kind is not (EventKind.JobsPurged or EventKind.OrderingChanged))
        {
            target.Id(e.JobId);
        }

        switch (e.Kind)
        {
            case EventKind.JobSubmitted:
                WriteSubmitted(e, ref target);
                break;
            case EventKind.JobReleased:
                target.Signed(e.Day);
                target.Text(e.Message);
                break;
            case EventKind.JobDeferred:
                target.Signed(e.Day);
                target.Signed(e.DueMs);
                target.Text(e.Message);
                break;
            case EventKind.RunStarted:
                target.Unsigned((ulong)e.Run);
                target.Unsigned((ulong)e.Epoch);
                target.Signed(e.Stage);
                break;
            case EventKind.StageEntered:
                target.Unsigned((ulong)e.Stage);
                target.Text(e.Message);
                break;
            case EventKind.ProgressReported:
                target.Unsigned((ulong)e.Count);
                target.Text(e.Message);
                break;
            case EventKind.IterationStarted:
                break;
            case EventKind.RunEnded:
                target.Byte((byte)e.End);
                WriteNext(e, ref target);
                target.Text(e.Message);
                target.Text(e.Error);
                target.Text(e.DebugId);
                target.Bytes(e.Payload.Span);
                break;
            case EventKind.CancelRequested:
                target.Text(e.Message);
                break;
            case EventKind.JobEnded:
                target.Byte((byte)e.State);
                target.Text(e.Message);
                target.Text(e.Error);
                target.Text(e.DebugId);
                break;
            case EventKind.JobConfirmed:
                WriteNext(e, ref target);
                target.Unsigned((ulong)e.Count);
                target.Text(e.Message);
                break;
            case EventKind.JobsPurged:
                target.Unsigned((ulong)e.Count);
                break;
            case EventKind.OrderingChanged:
                target.Byte((byte)e.Ordering);
                target.Unsigned((ulong)e.HeadStartMs);
                break;
            case EventKind.AnswerKept:
                WriteAnswer(e.Answer!, ref target);
                break;
            case EventKind.None:
                throw new InvariantViolationException("An event without a kind reached the codec.");
        }
    }

    /// <summary>Reads the next event.</summary>
    /// <exception cref="JournalDamagedException">The bytes are no event of a kind this build knows.</exception>
    internal static void Read(ref ByteReader source, out JobEvent e)
    {
        Read(ref source, out e, out var names);
        if (!names.IsEmpty)
        {
            ReadNames(ref e, names);
        }
    }

    /// <summary>Reads the next event, but for the names in a submission.</summary>
    /// <param name="source">The bytes.</param>
    /// <param name="e">The event.</param>
    /// <param name="names">The bytes that name the lane of a submission, for <see cref="ReadNames"/> or <see
    /// cref="LaneMemo"/>; else empty.</param>
    /// <exception cref="JournalDamagedException">The bytes are no event of a kind this build knows.</exception>
    internal static void Read(scoped ref ByteReader source, out JobEvent e, out ReadOnlySpan<byte> names)
    {
        names = default;
        e = new JobEvent { Kind = (EventKind)source.Byte() };
        if (e.Kind is not (EventKind.JobsPurged or EventKind.OrderingChanged))
        {
            e.JobId = source.Id();
        }

        switch (e.Kind)
        {
            case EventKind.JobSubmitted:
                ReadSubmitted(ref e, ref source, out names);
                break;
            case EventKind.JobReleased:
                e.Day = source.Int();
                e.Message = source.Text();
                break;
            case EventKind.JobDeferred:
                e.Day = source.Int();
                e.DueMs = source.Signed();
                e.Message = source.Text();
                break;
            case EventKind.RunStarted:
                e.Run = source.Count();
                e.Epoch = (long)source.Unsigned();
                e.Stage = source.Int();
                break;
            case EventKind.StageEntered:
                e.Stage = source.Count();
                e.Message = source.Text();
                break;
            case EventKind.ProgressReported:
                e.Count = source.Count();
                e.Message = source.Text();
                break;
            case EventKind.IterationStarted:
                break;
            case EventKind.RunEnded:
                e.End = (RunEnd)source.Byte();
                ReadNext(ref e, ref source);
                e.Message = source.Text();
                e.Error = source.Text();
                e.DebugId = source.Text();
                e.Payload = source.Bytes();
                break;
            case EventKind.CancelRequested:
                e.Message = source.Text();
                break;
            case EventKind.JobEnded:
                e.State = (JobState)source.Byte();
                e.Message = source.Text();
                e.Error = source.Text();
                e.DebugId = source.Text();
                break;
            case EventKind.JobConfirmed:
                ReadNext(ref e, ref source);
                e.Count = source.Count();
                e.Message = source.Text();
                break;
            case EventKind.JobsPurged:
                e.Count = source.Count();
                break;
            case EventKind.OrderingChanged:
                e.Ordering = (Ordering)source.Byte();
                e.HeadStartMs = (long)source.Unsigned();
                break;
            case EventKind.AnswerKept:
                e.Answer = ReadAnswer(ref source);
                break;
            case EventKind.None:
            default:
                throw new JournalDamagedException(
                    $"An event of kind {(byte)e.Kind}, which this build does not know; a newer one may have written it.");
        }
    }

    private static void WriteSubmitted(in JobEvent e, ref ByteWriter target)
    {
        WriteNext(e, ref target);
        target.Signed(e.Day);
        WriteNames(e, ref target);
        target.Unsigned((ulong)e.Priority);
        target.Unsigned((ulong)e.Boost);
        target.Unsigned((ulong)e.Count);
        target.Bytes(e.Payload.Span);
        target.Text(e.Message);
    }

    private static void WriteNames(in JobEvent e, ref ByteWriter target)
    {
        // Names are half of a submission, and a lane's are always the same bytes.
        if (e.KnownLane is { } lane)
        {
            target.Raw(lane.EncodedNames ??= NamesOf(lane));
            return;
        }

        WriteNames(e.Type, e.User, e.Project, e.Tier, e.Resources, ref target);
    }

    /// <summary>Writes the names of a submission as they stand in its event, if it goes to the lane that it names.
    /// Any thread.</summary>
    internal static void WriteNames(in Submission submission, ref LaneNames names)
    {
        const int Scratch = 256;
        ref var scratch = ref _scratch;
        if (scratch.Capacity == 0)
        {
            scratch = new ByteWriter(Scratch);
        }

        scratch.Reset(0);
        WriteNames(
            submission.Type, submission.UserId, submission.ProjectId, submission.Tier, submission.Resources,
            ref scratch);
        names.Set(scratch.Written);
    }

    private static byte[] NamesOf(Lane lane)
    {
        var target = new ByteWriter(128);
        WriteNames(
            lane.Type.Name, lane.Owner.Id, lane.Project?.Id, lane.Tier.Name, lane.ResourceNames, ref target);
        return target.Written.ToArray();
    }

    private static void WriteNames(
        string? type, string? user, string? project, string? tier, string[]? resources, ref ByteWriter target)
    {
        target.Text(type);
        target.Text(user);
        target.Text(project);
        target.Text(tier);
        target.Unsigned((ulong)(resources?.Length ?? 0));
        foreach (string resource in resources ?? [])
        {
            target.Text(resource);
        }
    }

    internal static void WriteAnswer(SubmitKey key, ref ByteWriter target)
    {
        target.Text(key.Key);
        target.Fixed64((ulong)(key.Fingerprint >> 64));
        target.Fixed64((ulong)key.Fingerprint);
        target.Signed(key.ExpiresMs);
        target.Unsigned((ulong)key.Position);
        target.Byte((byte)(key.Estimate?.Confidence ?? 0));
        if (key.Estimate is { } estimate)
        {
            target.Signed(estimate.Seconds);
            target.Signed(estimate.LowerSeconds);
            target.Signed(estimate.UpperSeconds);
        }

        target.Unsigned((ulong)key.Usage.JobsUsed);
        target.Unsigned((ulong)key.Usage.JobsRemaining);
        target.Unsigned((ulong)key.Usage.IterationsRemaining);
        target.Signed(key.Usage.DailyLimitResetsAt.ToUnixTimeMilliseconds());
    }

    private static void ReadSubmitted(
        scoped ref JobEvent e, scoped ref ByteReader source, out ReadOnlySpan<byte> names)
    {
        ReadNext(ref e, ref source);
        e.Day = source.Int();
        names = NamesIn(ref source);
        e.Priority = source.Count();
        e.Boost = source.Count();
        e.Count = source.Count();
        e.Payload = source.Bytes();
        e.Message = source.Text();
    }

    /// <summary>Reads the names in a submission.</summary>
    internal static void ReadNames(ref JobEvent e, ReadOnlySpan<byte> names)
    {
        var source = new ByteReader(names);
        e.Type = source.Text();
        e.User = source.Text();
        e.Project = source.Text();
        e.Tier = source.Text();
        int resources = source.Count();
        if (resources > 0)
        {
            e.Resources = new string[Math.Min(resources, source.Rest.Length)];
            for (int i = 0; i < e.Resources.Length; i++)
            {
                e.Resources[i] = source.Text() ?? "";
            }
        }
    }

    private static ReadOnlySpan<byte> NamesIn(scoped ref ByteReader source)
    {
        const int SingleNames = 4;
        var all = source.Rest;
        for (int i = 0; i < SingleNames; i++)
        {
            source.Span();
        }

        for (int left = source.Count(); left > 0; left--)
        {
            source.Span();
        }

        return all[..^source.Rest.Length];
    }

    internal static SubmitKey ReadAnswer(ref ByteReader source)
    {
        string key = source.Text() ?? "";
        var fingerprint = new UInt128(source.Fixed64(), source.Fixed64());
        long expires = source.Signed();
        long position = (long)source.Unsigned();
        var confidence = (EstimateConfidence)source.Byte();
        WaitEstimate? estimate = confidence == 0
            ? null
            : new WaitEstimate(source.Signed(), source.Signed(), source.Signed(), confidence);
        var usage = new UsageCounters(
            source.Count(), source.Count(), 0, source.Count(), DateTimeOffset.FromUnixTimeMilliseconds(source.Signed()));
        return new SubmitKey(key, fingerprint, expires, position, estimate, usage);
    }

    private static void WriteNext(in JobEvent e, ref ByteWriter target)
    {
        target.Byte((byte)e.State);
        target.Signed(e.DueMs);
        target.Byte((byte)e.Why);
    }

    private static void ReadNext(ref JobEvent e, ref ByteReader source)
    {
        e.State = (JobState)source.Byte();
        e.DueMs = source.Signed();
        e.Why = (WaitKind)source.Byte();
    }
}
