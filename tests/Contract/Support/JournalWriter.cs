using System.Text;
using Engine.Storage;

namespace Engine.Tests.Support;

/// <summary>An owner as the engine is one: seals frames onto the end of the log and appends them.</summary>
internal sealed class JournalWriter
{
    private readonly IJournal _journal;
    private uint _checksum;

    private JournalWriter(IJournal journal, JournalOwnership ownership)
    {
        _journal = journal;
        Epoch = ownership.Epoch;
        Sequence = ownership.LastSequence;
        _checksum = ownership.LastChecksum;
    }

    internal long Epoch { get; }

    /// <summary>The last frame sealed.</summary>
    internal long Sequence { get; private set; }

    internal static async Task<JournalWriter> AcquireAsync(IJournal journal) =>
        new(journal, await journal.AcquireAsync());

    /// <summary>The bytes of the next frame.</summary>
    internal byte[] Seal(ReadOnlySpan<byte> payload)
    {
        byte[] frame = new byte[FrameCodec.HeaderSize + payload.Length];
        payload.CopyTo(frame.AsSpan(FrameCodec.HeaderSize));
        _checksum = FrameCodec.Seal(frame, ++Sequence, Epoch, 1_000 + Sequence, 1, _checksum);
        return frame;
    }

    /// <summary>Appends one frame without waiting for it.</summary>
    internal ValueTask<AppendResult> Start(string payload) => Start(Encoding.UTF8.GetBytes(payload));

    internal ValueTask<AppendResult> Start(params byte[][] payloads)
    {
        long expected = Sequence;
        byte[] frames = [.. payloads.SelectMany(payload => Seal(payload))];
        return _journal.AppendAsync(Epoch, expected, frames);
    }

    /// <summary>Appends frames one after the other and expects each to become durable.</summary>
    internal async Task AppendAsync(params string[] payloads)
    {
        foreach (string payload in payloads)
        {
            Assert.Equal(AppendResult.Durable, await Start(payload));
        }
    }
}
