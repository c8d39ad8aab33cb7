using System.Buffers;
using Engine.Storage;

namespace Engine.Tests;

/// <summary>States of snapshots for tests, most of which fit into one array.</summary>
internal static class SnapshotStates
{
    internal static ValueTask SaveSnapshotAsync(this IJournal journal, long epoch, long sequence, byte[] state) =>
        journal.SaveSnapshotAsync(epoch, sequence, new ReadOnlySequence<byte>(state));

    /// <summary>The same bytes in pieces of so many bytes, the last one shorter if need be.</summary>
    internal static ReadOnlySequence<byte> InPieces(this byte[] state, int size) =>
        BytePieces.Join(state.Chunk(size).Select(piece => (ReadOnlyMemory<byte>)piece));
}
