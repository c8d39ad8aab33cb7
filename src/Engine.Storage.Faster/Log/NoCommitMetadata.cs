using FASTER.core;

namespace Engine.Storage.Faster.Log;

/// <summary>FasterLog's own record of its commits goes nowhere: nothing here is ever believed.</summary>
/// <remarks>The stock manager reports success when its write failed, and its reader takes an unreadable record for an
/// empty log. What counts is in the frames, the marks and the superblock.</remarks>
internal sealed class NoCommitMetadata : ILogCommitManager
{
    public void Commit(
        long beginAddress, long untilAddress, byte[] commitMetadata, long commitNum, bool forceWriteMetadata)
    {
    }

    public byte[]? GetCommitMetadata(long commitNum) => null;

    public IEnumerable<long> ListCommits() => [];

    public void RemoveCommit(long commitNum)
    {
    }

    public void RemoveAllCommits()
    {
    }

    public void OnRecovery(long commitNum)
    {
    }

    public void Dispose()
    {
    }
}
