namespace Engine.Host.Endpoints;

/// <summary>Bounds what the bodies of all requests take in memory together, from their arrival to the answer.</summary>
/// <remarks>What has arrived counts, and not what was announced: to announce is free.</remarks>
/// <param name="max">Bytes at most.</param>
internal sealed class BodyBudget(long max)
{
    private long _taken;

    /// <summary>Bytes at most.</summary>
    internal long Max => max;

    /// <summary>Bytes that are taken at this moment.</summary>
    internal long Taken => Interlocked.Read(ref _taken);

    /// <summary>A share of it for one request, of nothing yet.</summary>
    internal Share Open() => new(this);

    private bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref _taken, bytes) <= max)
        {
            return true;
        }

        Interlocked.Add(ref _taken, -bytes);
        return false;
    }

    /// <summary>What one request has taken; given back as a whole.</summary>
    internal sealed class Share(BodyBudget budget) : IDisposable
    {
        private long _bytes;

        /// <summary>Whether so much more could be taken at this moment; of what could never be, others say so.</summary>
        internal bool HasRoomFor(long bytes) => bytes > budget.Max || budget.Taken + bytes <= budget.Max;

        /// <summary>Takes more, or nothing when there is not so much.</summary>
        internal bool TryTake(long bytes)
        {
            bool taken = budget.TryTake(bytes);
            _bytes += taken ? bytes : 0;
            return taken;
        }

        public void Dispose()
        {
            Interlocked.Add(ref budget._taken, -_bytes);
            _bytes = 0;
        }
    }
}
