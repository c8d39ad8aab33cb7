using System.Runtime.InteropServices;
using Engine.Core.Imaging;
using Engine.Core.Scheduling;

namespace Engine.Core;

/// <summary>A digest of everything the engine knows: equal states give equal digests, on every machine.</summary>
/// <remarks>
/// Facts only: jobs with all their fields, allowances, kept answers, counts, sequences and the order in force. Left out
/// is what follows from them (lanes, heaps, positions), what the journal does not know (leases, the clock, whether a
/// due job was noticed yet) and what is configured. Lists are taken in their order; of dictionaries the digests of the
/// entries are added up, so that no order of hashing can show. Snapshots carry it: whoever changes what it takes in, or
/// how, gives snapshots another version and keeps this one for the old.
/// </remarks>
internal struct StateHash
{
    private ulong _digest;

    internal static ulong Of(StateImage image) => Of(image, DigestsOf(image.Jobs));

    /// <summary>The same for who has seen the jobs one at a time.</summary>
    /// <param name="image">All facts but the jobs.</param>
    /// <param name="live">A digest of each live job, in the order in which they were submitted.</param>
    /// <param name="ended">A digest of each ended job, in the order in which they ended.</param>
    internal static ulong Of(StateImage image, ReadOnlySpan<ulong> live, ReadOnlySpan<ulong> ended)
    {
        var hash = new StateHash();
        hash.Add(image.LastSequence);
        hash.Add(image.LastEventId);
        hash.Add((long)image.Ordering);
        hash.Add(image.HeadStartMs);
        hash.AddJobs(live);
        hash.AddJobs(ended);
        hash.AddUsers(image);
        hash.AddProjects(image);
        hash.AddTiers(image);
        hash.AddAnswers(image);
        hash.AddIdleUsers(image);
        return hash._digest;
    }

    private static ulong Of(StateImage image, ReadOnlySpan<ulong> jobs) =>
        Of(image, jobs[..image.Jobs.LiveCount], jobs[image.Jobs.LiveCount..]);

    private static ulong[] DigestsOf(ImagedJobs jobs)
    {
        var digests = new ulong[jobs.Count];
        for (int i = 0; i < digests.Length; i++)
        {
            digests[i] = DigestOf(jobs.At(i));
        }

        return digests;
    }

    private void AddJobs(ReadOnlySpan<ulong> digests)
    {
        Add(digests.Length);
        foreach (ulong digest in digests)
        {
            Add((long)digest);
        }
    }

    /// <summary>A digest of all facts about a job.</summary>
    /// <remarks>Each by itself first: a processor then works on several at a time.</remarks>
    internal static ulong DigestOf(Job job)
    {
        var hash = new StateHash();
        hash.AddJob(job);
        return hash._digest;
    }

    private void AddJob(Job job)
    {
        Add(job.Id);
        Add((long)DigestOf(job.Lane));
        Add(job.Payload.Span);
        Add(job.Sequence);
        Add(job.EntrySequence);
        Add(job.LastEventId);
        Add(job.SubmittedAt.Ms);
        Add(job.EnteredAt.Ms);
        Add(job.DueAt.Ms);
        Add(job.StartedAt.Ms);
        Add(job.RunStartedAt.Ms);
        Add(job.FinishedAt.Ms);
        Add(job.RunEpoch);
        Add(job.ChargedDay);
        Add(job.DeferredOnDay);
        Add(job.Runs);
        Add(job.IterationsUsed);
        Add(job.IterationsGranted);
        Add(job.LastGrant);
        Add(job.Boost);
        Add((long)job.State);
        Add((long)job.ScheduledWhy);
        Add(job.Priority);
        Add(job.Retries);
        Add(job.LostRuns);
        Add(job.StageIndex);
        Add(job.Progress);
        Add(job.CancelRequested ? 1 : 0);
        Add(job.Details?.Message ?? "");
        Add(job.Details?.Error);
        Add(job.Details?.DebugId);
        Add(job.Details is null ? default : job.Details.Result.Span);
        Add(job.Details is null ? default : job.Details.Checkpoint.Span);
    }

    private void AddUsers(StateImage image)
    {
        ulong sum = 0;
        foreach (var user in image.Users)
        {
            var hash = new StateHash();
            hash.Add(user.Account.Id);
            hash.Add(user.JobCount);
            foreach (var (day, charged, deferred) in user.Allowance.Days)
            {
                hash.Add(day);
                hash.Add(charged);
                hash.Add(deferred);
            }

            sum += hash._digest;
        }

        Add(image.Users.Length);
        Add((long)sum);
    }

    private void AddProjects(StateImage image)
    {
        ulong sum = 0;
        foreach (var (project, jobs) in image.Projects)
        {
            var hash = new StateHash();
            hash.Add(project.Id);
            hash.Add(project.Owner.Id);
            hash.Add(jobs);
            sum += hash._digest;
        }

        Add(image.Projects.Length);
        Add((long)sum);
    }

    private void AddTiers(StateImage image)
    {
        ulong sum = 0;
        foreach (var tier in image.Tiers)
        {
            var hash = new StateHash();
            hash.Add(tier.Entry.Name);
            foreach (long count in tier.Counts)
            {
                hash.Add(count);
            }

            foreach (long durationMs in tier.Durations)
            {
                hash.Add(durationMs);
            }

            sum += hash._digest;
        }

        Add((long)sum);
    }

    private void AddAnswers(StateImage image)
    {
        Add(image.Answers.Length);
        foreach (var answer in image.Answers)
        {
            Add(answer.User.Id);
            Add(answer.JobId);
            Add((long)answer.Outcome);
            Add(answer.ScheduledFor.Ms);
            Add(answer.Content.Key);
            Add((long)(ulong)answer.Content.Fingerprint);
            Add((long)(ulong)(answer.Content.Fingerprint >> 64));
            Add(answer.Content.ExpiresMs);
            Add(answer.Content.Position);
            Add(answer.Content.Estimate?.Seconds ?? -1);
            Add(answer.Content.Estimate?.LowerSeconds ?? -1);
            Add(answer.Content.Estimate?.UpperSeconds ?? -1);
            Add((long)(answer.Content.Estimate?.Confidence ?? 0));
            Add(answer.Content.Usage.JobsUsed);
            Add(answer.Content.Usage.JobsRemaining);
            Add(answer.Content.Usage.IterationsUsed);
            Add(answer.Content.Usage.IterationsRemaining);
            Add(answer.Content.Usage.DailyLimitResetsAt.ToUnixTimeMilliseconds());
        }
    }

    private void AddIdleUsers(StateImage image)
    {
        Add(image.IdleUsers.Length);
        foreach (var (user, day) in image.IdleUsers)
        {
            Add(user?.Id);
            Add(day);
        }
    }

    // What every job of a lane has in common. Looked at once a lane: with a million jobs, most of the digest's work.
    private static ulong DigestOf(Lane lane)
    {
        if (lane.Digest == 0)
        {
            var hash = new StateHash();
            hash.Add(lane.Owner.Id);
            hash.Add(lane.Project?.Id);
            hash.Add(lane.Type.Name);
            hash.Add(lane.Tier.Name);
            foreach (var limit in lane.Limits)
            {
                hash.Add((long)limit.Kind);
                hash.Add(limit.Name);
            }

            lane.Digest = hash._digest;
        }

        return lane.Digest;
    }

    private void Add(JobId id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.Value.TryWriteBytes(bytes);
        Add(bytes);
    }

    private void Add(string? text)
    {
        Add(text?.Length ?? -1);
        AddContent(MemoryMarshal.AsBytes(text.AsSpan()));
    }

    private void Add(ReadOnlySpan<byte> bytes)
    {
        Add(bytes.Length);
        AddContent(bytes);
    }

    private void AddContent(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= sizeof(ulong))
        {
            Add((long)BitConverter.ToUInt64(bytes));
            bytes = bytes[sizeof(ulong)..];
        }

        if (!bytes.IsEmpty)
        {
            ulong last = 0;
            for (int i = 0; i < bytes.Length; i++)
            {
                last |= (ulong)bytes[i] << (8 * i);
            }

            Add((long)last);
        }
    }

    private void Add(long value)
    {
        // Both halves of a product: any bit of any fact changes half of the digest.
        ulong high = Math.BigMul((_digest ^ (ulong)value) + 0x9E3779B97F4A7C15, 0xD1342543DE82EF95, out ulong low);
        _digest = high ^ low;
    }
}
