namespace Engine.RunLogs;

/// <summary>How much of a run's output is kept. When more comes, the oldest lines go.</summary>
public sealed record RunLogLimits
{
    // A log is dropped in tenths: a larger share would forget too much at once, a smaller one make many files.
    internal const int SegmentsPerRun = 10;

    /// <summary>Lines kept per run, at most; at least nine tenths of it when there are more.</summary>
    /// <value>10 to 10,000,000. The default is 50,000.</value>
    public int MaxLines { get; init; } = 50_000;

    /// <summary>Bytes kept per run, at most; stored lines carry about 40 bytes besides their text.</summary>
    /// <value>1 MiB to 1 TiB. The default is 64 MiB.</value>
    public long MaxBytes { get; init; } = 64 << 20;

    /// <summary>Lines of one run that may wait to be stored. Too few and a burst is slowed down, too many and a program
    /// that prints faster than the disk writes takes the memory.</summary>
    /// <value>1 to 1,000,000. The default is 4,096.</value>
    public int MaxBufferedLines { get; init; } = 4_096;

    /// <summary>How long a writer waits for room before lines are dropped; after that it does not wait again until there is
    /// room.</summary>
    /// <value>0 to 10 s. The default is 250 ms.</value>
    public TimeSpan MaxWriteWait { get; init; } = TimeSpan.FromMilliseconds(250);

    internal RunLogLimits Validated()
    {
        Check(MaxLines, 10, 10_000_000, nameof(MaxLines));
        Check(MaxBytes, 1 << 20, 1L << 40, nameof(MaxBytes));
        Check(MaxBufferedLines, 1, 1_000_000, nameof(MaxBufferedLines));
        Check(MaxWriteWait.Ticks, 0, TimeSpan.FromSeconds(10).Ticks, nameof(MaxWriteWait));
        return this;

        static void Check(long value, long min, long max, string name)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, min, name);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, max, name);
        }
    }
}
