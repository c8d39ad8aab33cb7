using Engine.Storage.Redis.Owning;

namespace Engine.Storage.Redis;

/// <summary>The furthest that this process has seen the log go, so that it notices when the log goes back.</summary>
internal sealed class HighMark(JournalKeys keys)
{
    private readonly Lock _gate = new();
    private string _id = "";
    private long _epoch;
    private (long Sequence, uint Checksum) _end;

    /// <summary>Remembers an end of the log that was seen in Redis.</summary>
    internal void Raise(string id, long epoch, (long Sequence, uint Checksum) end)
    {
        lock (_gate)
        {
            if (id == _id && epoch >= _epoch && end.Sequence >= _end.Sequence)
            {
                (_epoch, _end) = (epoch, end);
            }
            else if (_id.Length == 0)
            {
                (_id, _epoch, _end) = (id, epoch, end);
            }
        }
    }

    /// <exception cref="JournalDamagedException">What is stored is older than what was seen, or another
    /// journal.</exception>
    internal void Require(StoredJournal? stored)
    {
        lock (_gate)
        {
            if (_id.Length == 0)
            {
                return;
            }

            if (stored is null)
            {
                throw new JournalDamagedException(
                    $"The journal in {keys.Meta} is gone; it ended with frame {_end.Sequence}. Restore it, or start " +
                    "a new process if it may be empty.");
            }

            bool isOlder = stored.Epoch < _epoch || stored.Sequence < _end.Sequence
                || (stored.Sequence == _end.Sequence && stored.Checksum != _end.Checksum);
            if (stored.Id != _id || isOlder)
            {
                throw new JournalDamagedException(
                    $"The journal in {keys.Meta} went back: this process saw epoch {_epoch} and frame " +
                    $"{_end.Sequence} ({_end.Checksum:x8}) of journal {_id}; now it is epoch {stored.Epoch} and frame " +
                    $"{stored.Sequence} ({stored.Checksum:x8}) of journal {stored.Id}. Old data was restored, or a " +
                    "replica that lacked the end was promoted. Nothing was changed. A new process takes what is there.");
            }
        }
    }
}
