using System.Buffers;

namespace Engine.Storage;

/// <summary>Where the engine's events are kept: an ordered log of frames with one owner at a time, and its
/// snapshots.</summary>
/// <remarks>
/// <para>The port moves bytes; what a frame holds is the engine's business (<see cref="FrameCodec"/>). An adapter
/// checks frames on the way in and on the way back, and refuses rather than guesses: damage that is not a torn tail is
/// a <see cref="JournalDamagedException"/>, never a shorter log.</para>
/// <para>Every adapter passes the same contract suite (<c>tests/Contract</c>). One owner calls the writing members, one
/// call of <see cref="AppendAsync"/> after another, but without waiting for the previous one to finish: appends are
/// pipelined and complete in order.</para>
/// </remarks>
public interface IJournal : IAsyncDisposable
{
    /// <summary>What an acknowledged append survives.</summary>
    Durability Durability { get; }

    /// <summary>Becomes the owner: raises the epoch, so that every earlier owner's appends are refused from now
    /// on.</summary>
    /// <exception cref="JournalLockedException">Another live process owns the journal.</exception>
    /// <exception cref="JournalDamagedException">What is stored is not a log this adapter can vouch for.</exception>
    ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken = default);

    /// <summary>Appends whole frames and answers when they are as durable as <see cref="Durability"/> says.</summary>
    /// <param name="epoch">The epoch that <see cref="AcquireAsync"/> gave.</param>
    /// <param name="expectedSequence">The sequence of the last frame before these; the first of these is one
    /// higher.</param>
    /// <param name="frames">One frame or several back to back. The memory stays untouched until the call
    /// completes.</param>
    /// <remarks>There is no cancellation: half an append has no meaning. After <see cref="AppendStatus.Unknown"/> every
    /// later append of this journal is <see cref="AppendStatus.Unknown"/> too.</remarks>
    ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames);

    /// <summary>Reads the frames with a sequence of at least <paramref name="fromSequence"/>, in order, without
    /// gaps.</summary>
    /// <remarks>Frames that no append acknowledged may be among them; frames that one did always are.</remarks>
    /// <exception cref="JournalDamagedException">A frame below the end of the log cannot be read, or frames from
    /// <paramref name="fromSequence"/> on were truncated.</exception>
    IAsyncEnumerable<JournalFrame> ReadAsync(long fromSequence, CancellationToken cancellationToken = default);

    /// <summary>Stores the state as it was after frame <paramref name="sequence"/>, readable again before this
    /// returns.</summary>
    /// <param name="epoch">The epoch that <see cref="AcquireAsync"/> gave.</param>
    /// <param name="sequence">The last frame that the state includes.</param>
    /// <param name="state">The encoded state, in pieces of any sizes (see <see cref="BytePieces"/>): a state of more
    /// than 2 GiB is in several. The memory stays untouched until the call completes.</param>
    /// <param name="cancellationToken">Gives up; the snapshots that were there before stand.</param>
    /// <exception cref="JournalFencedException">Another owner has taken over.</exception>
    ValueTask SaveSnapshotAsync(
        long epoch, long sequence, ReadOnlySequence<byte> state, CancellationToken cancellationToken = default);

    /// <summary>The newest snapshot that can be read whole and that the log reaches down to; null when the log itself
    /// is whole from its first frame on and no snapshot is, or none was ever saved.</summary>
    /// <exception cref="JournalDamagedException">Frames were truncated, and no snapshot that covers them can be
    /// trusted.</exception>
    ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken = default);

    /// <summary>Allows frames with a sequence below <paramref name="belowSequence"/> to be dropped.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No snapshot covers the frames that would go.</exception>
    /// <exception cref="JournalFencedException">Another owner has taken over.</exception>
    ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken = default);
}
