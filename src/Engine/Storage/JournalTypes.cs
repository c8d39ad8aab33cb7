using System.Buffers;

namespace Engine.Storage;

/// <summary>What an acknowledged append survives, from weakest to strongest.</summary>
public enum Durability
{
    /// <summary>Nothing: gone with the process.</summary>
    Memory = 1,

    /// <summary>The end of the process (kill -9), not the loss of power.</summary>
    Logged = 2,

    /// <summary>The loss of power.</summary>
    Synced = 3,

    /// <summary>The loss of the machine, as far as the replicas that acknowledged it survive.</summary>
    Replicated = 4,
}

/// <summary>The right to append, and where the log ends.</summary>
/// <param name="Epoch">Higher than every earlier owner's; at least 1.</param>
/// <param name="Nonce">Tells this ownership from any other, even one with an equal epoch in a restored copy.</param>
/// <param name="LastSequence">The sequence of the last frame, 0 in an empty log.</param>
/// <param name="LastChecksum">The checksum of the last frame, 0 in an empty log: what the next frame chains to.</param>
public sealed record JournalOwnership(long Epoch, Guid Nonce, long LastSequence, uint LastChecksum);

/// <summary>What became of an append.</summary>
public enum AppendStatus
{
    /// <summary>The frames are as durable as the journal promises.</summary>
    Durable = 1,

    /// <summary>Another owner has taken over: nothing was written.</summary>
    Fenced = 2,

    /// <summary>The log does not end where the caller thinks: nothing was written.</summary>
    Gap = 3,

    /// <summary>The storage failed: the frames may be there after a restart, or not.</summary>
    Unknown = 4,
}

/// <summary>The answer to an append.</summary>
/// <param name="Status">What became of it.</param>
/// <param name="Error">Why, when it is not <see cref="AppendStatus.Durable"/>; without secrets, for the
/// operator.</param>
public readonly record struct AppendResult(AppendStatus Status, string? Error = null)
{
    /// <summary>The frames are durable.</summary>
    public static AppendResult Durable => new(AppendStatus.Durable);
}

/// <summary>One frame read back.</summary>
/// <param name="Sequence">1 for the first frame of a log, then without gaps.</param>
/// <param name="Epoch">The epoch of the owner that wrote it.</param>
/// <param name="InstantMs">The logical instant of its batch, in milliseconds since 1970-01-01T00:00Z.</param>
/// <param name="EventCount">How many events the payload holds.</param>
/// <param name="Checksum">The frame's CRC32C, which the next frame repeats.</param>
/// <param name="Payload">The encoded events. Valid until the reader moves on.</param>
public readonly record struct JournalFrame(
    long Sequence, long Epoch, long InstantMs, int EventCount, uint Checksum, ReadOnlyMemory<byte> Payload);

/// <summary>The state after a frame.</summary>
/// <param name="Sequence">The last frame that the state includes.</param>
/// <param name="Checksum">That frame's checksum: what frame <paramref name="Sequence"/> + 1 must chain to.</param>
/// <param name="State">The encoded state, in pieces: it may be larger than one array can be.</param>
public sealed record JournalSnapshot(long Sequence, uint Checksum, ReadOnlySequence<byte> State);

/// <summary>The journal could not do what was asked; the message says what was found and what to do.</summary>
public class JournalException : IOException
{
    /// <summary>Creates the exception without details.</summary>
    public JournalException()
    {
    }

    /// <summary>Creates the exception with what was found, what was expected, and what to do.</summary>
    public JournalException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public JournalException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>What is stored is damaged, unreadable or of an unknown version. The bytes are left as they are.</summary>
public sealed class JournalDamagedException : JournalException
{
    /// <summary>Creates the exception without details.</summary>
    public JournalDamagedException()
    {
    }

    /// <summary>Creates the exception with the place and the kind of the damage.</summary>
    public JournalDamagedException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public JournalDamagedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Another live process owns the journal.</summary>
public sealed class JournalLockedException : JournalException
{
    /// <summary>Creates the exception without details.</summary>
    public JournalLockedException()
    {
    }

    /// <summary>Creates the exception with who owns the journal, as far as known.</summary>
    public JournalLockedException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with what a standby needs: whom to send callers to, and when to try
    /// again.</summary>
    /// <param name="message">Who owns the journal, for the operator.</param>
    /// <param name="owner">See <see cref="Owner"/>.</param>
    /// <param name="retryAfter">See <see cref="RetryAfter"/>.</param>
    public JournalLockedException(string message, string? owner, TimeSpan? retryAfter)
        : base(message)
    {
        Owner = owner;
        RetryAfter = retryAfter;
    }

    /// <summary>Creates the exception with its cause.</summary>
    public JournalLockedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>The address that the owner published for its callers, as it was configured there; null when it
    /// published none or the journal keeps none.</summary>
    public string? Owner { get; }

    /// <summary>How long the owner's right lasts if it is not renewed: nobody can take over earlier, unless the owner
    /// gives it back. Null when the right has no end of its own, as with the lock of a file.</summary>
    public TimeSpan? RetryAfter { get; }
}

/// <summary>Another owner has taken over; this one may not write any more.</summary>
public sealed class JournalFencedException : JournalException
{
    /// <summary>Creates the exception without details.</summary>
    public JournalFencedException()
    {
    }

    /// <summary>Creates the exception with both epochs.</summary>
    public JournalFencedException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public JournalFencedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
