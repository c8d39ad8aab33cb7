namespace Engine.RunLogs;

/// <summary>Where the output of runs is kept: outside the journal, readable while the run works, as long as its job.</summary>
public interface IRunLogStore
{
    /// <summary>Opens the log of a run for writing. Lines of all runs of a job form one sequence.</summary>
    IRunLog Open(JobId jobId, int run);

    /// <summary>The newest lines of a job's log, oldest first.</summary>
    /// <param name="jobId">Which job.</param>
    /// <param name="beforeId">Only lines with a lower id, or null for the newest (A-H17).</param>
    /// <param name="limit">How many at most, 1 to 500.</param>
    /// <param name="cancellationToken">Gives up.</param>
    ValueTask<RunLogPage> ReadAsync(
        JobId jobId, long? beforeId, int limit, CancellationToken cancellationToken = default);

    /// <summary>The lines of a job's log after one of them, oldest first, and then each new one as it is written, until
    /// cancelled. No line between the call and the first result is missed (DA-24).</summary>
    /// <param name="jobId">Which job; its log need not exist yet.</param>
    /// <param name="afterId">Only lines with a higher id; 0 for all, null for new ones only.</param>
    /// <param name="cancellationToken">Ends the sequence.</param>
    IAsyncEnumerable<RunLogLine> FollowAsync(JobId jobId, long? afterId, CancellationToken cancellationToken);

    /// <summary>Forgets the logs of a job. Nothing happens when there are none.</summary>
    ValueTask DeleteAsync(JobId jobId, CancellationToken cancellationToken = default);
}

/// <summary>The log of one run, open for writing. Safe to use from several threads.</summary>
public interface IRunLog : IAsyncDisposable
{
    /// <summary>Adds a line. Blank lines are dropped, ANSI codes and secrets are taken out, long lines are cut
    /// (seed-semantics 1.6, "Log lines"). Never blocks for long and never fails the run: a store that cannot keep up or
    /// is full says so in the log itself.</summary>
    /// <param name="source">Where it comes from, for example "stdout", "stderr" or "engine".</param>
    /// <param name="text">One line.</param>
    /// <param name="phase">The stage the run was in, if any.</param>
    void Write(string source, string text, string? phase = null);
}

/// <summary>One line.</summary>
/// <param name="Id">Increases within a job, from 1, over all its runs.</param>
/// <param name="Timestamp">When it was written.</param>
/// <param name="Source">Where it comes from.</param>
/// <param name="Text">The line, redacted and cut.</param>
/// <param name="Phase">The stage the run was in, if any.</param>
public sealed record RunLogLine(long Id, DateTimeOffset Timestamp, string Source, string Text, string? Phase);

/// <summary>Part of a log.</summary>
/// <param name="Lines">Oldest first.</param>
/// <param name="HasMore">Whether there are older lines.</param>
public sealed record RunLogPage(IReadOnlyList<RunLogLine> Lines, bool HasMore);
