using Engine.Core;

namespace Engine.Storage;

/// <summary>A job in a snapshot.</summary>
/// <remarks>
/// First what every job has: id lane state parts, then as differences to the job submitted before it sequence, time of
/// submission and latest event, then priority boost grant payload. <see cref="SnapshotParts"/> says what follows, in
/// this order:
/// <code>
/// Entry         entrySequence enteredAt, as differences to the submission's
/// Due           instant
/// Why           kind of wait
/// Runs          count startedAt runStartedAt epoch
/// Finish        instant
/// OtherDay      charged day, as the difference to the day of submission
/// Deferral      day
/// Iterations    used lastGrant
/// Attempts      retries lostRuns
/// Stage         index
/// Progress      percent
/// CancelRequest
/// Details       message error debugId result checkpoint
/// </code>
/// </remarks>
internal static class SnapshotJobCodec
{
    internal static void Write(Job job, int lane, Job? previous, ref ByteWriter target)
    {
        var parts = PartsOf(job);
        target.Id(job.Id);
        target.Unsigned((ulong)lane);
        target.Byte((byte)job.State);
        target.Unsigned((uint)parts);
        target.Unsigned((ulong)(job.Sequence - (previous?.Sequence ?? 0)));
        target.Signed(job.SubmittedAt.Ms - (previous?.SubmittedAt.Ms ?? 0));
        target.Signed(job.LastEventId - (previous?.LastEventId ?? 0));
        target.Byte(job.Priority);
        target.Unsigned(job.Boost);
        target.Unsigned((ulong)job.IterationsGranted);
        target.Bytes(job.Payload.Span);
        if (parts != SnapshotParts.None)
        {
            WriteParts(job, parts, ref target);
        }
    }

    /// <summary>Fills a new job; its user, project and lane are the caller's business.</summary>
    /// <returns>The place of its lane.</returns>
    internal static int Read(Job job, Job? previous, ref ByteReader source, ByteArena payloads)
    {
        job.Id = source.Id();
        int lane = source.Count();
        job.State = (JobState)source.Byte();
        var parts = (SnapshotParts)source.Unsigned();
        job.Sequence = job.EntrySequence = (previous?.Sequence ?? 0) + (long)source.Unsigned();
        job.SubmittedAt = job.EnteredAt = new Instant((previous?.SubmittedAt.Ms ?? 0) + source.Signed());
        job.LastEventId = (previous?.LastEventId ?? 0) + source.Signed();
        job.Priority = source.Byte();
        ulong boost = source.Unsigned();
        Invariant.Holds(boost <= ushort.MaxValue);
        job.Boost = (ushort)boost;
        job.IterationsGranted = source.Count();
        job.Payload = payloads.Keep(source.Span());
        job.ChargedDay = job.SubmittedAt.Day;
        if (parts != SnapshotParts.None)
        {
            ReadParts(job, parts, ref source);
        }

        return lane;
    }

    private static SnapshotParts PartsOf(Job job)
    {
        var parts = SnapshotParts.None;
        Add(job.EntrySequence != job.Sequence || job.EnteredAt != job.SubmittedAt, SnapshotParts.Entry);
        Add(job.DueAt != default, SnapshotParts.Due);
        Add(job.ScheduledWhy != default, SnapshotParts.Why);
        Add(job.Runs != 0, SnapshotParts.Runs);
        Add(job.FinishedAt != default, SnapshotParts.Finish);
        Add(job.ChargedDay != job.SubmittedAt.Day, SnapshotParts.OtherDay);
        Add(job.DeferredOnDay != Job.NeverDeferred, SnapshotParts.Deferral);
        Add(job.IterationsUsed != 0 || job.LastGrant != 0, SnapshotParts.Iterations);
        Add(job.Retries != 0 || job.LostRuns != 0, SnapshotParts.Attempts);
        Add(job.StageIndex != Job.NoStage, SnapshotParts.Stage);
        Add(job.Progress != -1, SnapshotParts.Progress);
        Add(job.CancelRequested, SnapshotParts.CancelRequest);
        Add(job.Details is not null, SnapshotParts.Details);
        return parts;

        void Add(bool has, SnapshotParts part)
        {
            if (has)
            {
                parts |= part;
            }
        }
    }

    private static void WriteParts(Job job, SnapshotParts parts, ref ByteWriter target)
    {
        if (parts.HasFlag(SnapshotParts.Entry))
        {
            target.Signed(job.EntrySequence - job.Sequence);
            target.Signed(job.EnteredAt.Ms - job.SubmittedAt.Ms);
        }

        if (parts.HasFlag(SnapshotParts.Due))
        {
            target.Signed(job.DueAt.Ms);
        }

        if (parts.HasFlag(SnapshotParts.Why))
        {
            target.Byte((byte)job.ScheduledWhy);
        }

        if (parts.HasFlag(SnapshotParts.Runs))
        {
            target.Unsigned((ulong)job.Runs);
            target.Signed(job.StartedAt.Ms - job.SubmittedAt.Ms);
            target.Signed(job.RunStartedAt.Ms - job.StartedAt.Ms);
            target.Signed(job.RunEpoch);
        }

        if (parts.HasFlag(SnapshotParts.Finish))
        {
            target.Signed(job.FinishedAt.Ms - job.SubmittedAt.Ms);
        }

        if (parts.HasFlag(SnapshotParts.OtherDay))
        {
            target.Signed((long)job.ChargedDay - job.SubmittedAt.Day);
        }

        if (parts.HasFlag(SnapshotParts.Deferral))
        {
            target.Signed(job.DeferredOnDay);
        }

        if (parts.HasFlag(SnapshotParts.Iterations))
        {
            target.Unsigned((ulong)job.IterationsUsed);
            target.Unsigned((ulong)job.LastGrant);
        }

        if (parts.HasFlag(SnapshotParts.Attempts))
        {
            target.Byte(job.Retries);
            target.Byte(job.LostRuns);
        }

        if (parts.HasFlag(SnapshotParts.Stage))
        {
            target.Byte((byte)job.StageIndex);
        }

        if (parts.HasFlag(SnapshotParts.Progress))
        {
            target.Byte((byte)job.Progress);
        }

        if (job.Details is { } details)
        {
            target.Text(details.Message);
            target.Text(details.Error);
            target.Text(details.DebugId);
            target.Bytes(details.Result.Span);
            target.Bytes(details.Checkpoint.Span);
        }
    }

    private static void ReadParts(Job job, SnapshotParts parts, ref ByteReader source)
    {
        const SnapshotParts Known = (SnapshotParts)(((uint)SnapshotParts.Details << 1) - 1);
        Invariant.Holds((parts & ~Known) == 0);
        if (parts.HasFlag(SnapshotParts.Entry))
        {
            job.EntrySequence = job.Sequence + source.Signed();
            job.EnteredAt = new Instant(job.SubmittedAt.Ms + source.Signed());
        }

        if (parts.HasFlag(SnapshotParts.Due))
        {
            job.DueAt = new Instant(source.Signed());
        }

        if (parts.HasFlag(SnapshotParts.Why))
        {
            job.ScheduledWhy = (WaitKind)source.Byte();
        }

        if (parts.HasFlag(SnapshotParts.Runs))
        {
            job.Runs = source.Count();
            job.StartedAt = new Instant(job.SubmittedAt.Ms + source.Signed());
            job.RunStartedAt = new Instant(job.StartedAt.Ms + source.Signed());
            job.RunEpoch = source.Signed();
        }

        if (parts.HasFlag(SnapshotParts.Finish))
        {
            job.FinishedAt = new Instant(job.SubmittedAt.Ms + source.Signed());
        }

        if (parts.HasFlag(SnapshotParts.OtherDay))
        {
            job.ChargedDay = job.SubmittedAt.Day + source.Int();
        }

        if (parts.HasFlag(SnapshotParts.Deferral))
        {
            job.DeferredOnDay = source.Int();
        }

        if (parts.HasFlag(SnapshotParts.Iterations))
        {
            job.IterationsUsed = source.Count();
            job.LastGrant = source.Count();
        }

        if (parts.HasFlag(SnapshotParts.Attempts))
        {
            job.Retries = source.Byte();
            job.LostRuns = source.Byte();
        }

        if (parts.HasFlag(SnapshotParts.Stage))
        {
            job.StageIndex = (sbyte)source.Byte();
        }

        if (parts.HasFlag(SnapshotParts.Progress))
        {
            job.Progress = (sbyte)source.Byte();
        }

        job.CancelRequested = parts.HasFlag(SnapshotParts.CancelRequest);
        if (parts.HasFlag(SnapshotParts.Details))
        {
            job.Details = new JobDetails
            {
                Message = source.Text() ?? "",
                Error = source.Text(),
                DebugId = source.Text(),
                Result = source.Bytes(),
                Checkpoint = source.Bytes(),
            };
        }
    }
}

/// <summary>Keeps many short pieces in few arrays, so that a million payloads are not a million objects.</summary>
/// <remarks>An array stays as long as any of its pieces does: at worst as many bytes as there were in all.</remarks>
internal sealed class ByteArena
{
    private const int BlockSize = 64 * 1024;
    private const int MaxShort = BlockSize / 16;

    private byte[] _block = [];
    private int _used;

    internal ReadOnlyMemory<byte> Keep(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length is 0 or > MaxShort)
        {
            return bytes.ToArray();
        }

        if (bytes.Length > _block.Length - _used)
        {
            (_block, _used) = (new byte[BlockSize], 0);
        }

        var kept = _block.AsMemory(_used, bytes.Length);
        bytes.CopyTo(kept.Span);
        _used += bytes.Length;
        return kept;
    }
}
