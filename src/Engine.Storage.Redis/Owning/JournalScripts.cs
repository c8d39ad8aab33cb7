using Engine.Storage.Redis.Connections;

namespace Engine.Storage.Redis.Owning;

/// <summary>Everything that is done to a journal in Redis, as scripts: each checks whatever can stand against it before
/// its first write, so that it happens whole or not at all.</summary>
/// <remarks>
/// <para>Every answer is an array of texts. The first says how it went; what follows depends on it.</para>
/// <para>The hash <c>meta</c>: <c>version</c> (1; 2 from the first snapshot of more than 2 GiB on) | <c>id</c> of the
/// journal | <c>epoch</c>, <c>nonce</c>, <c>owner</c>
/// (its address), <c>lease</c> (ms) and <c>until</c> (ms, the server's clock): the ownership, its nonce empty when
/// given back | <c>sequence</c>, <c>checksum</c>: the last frame | <c>first</c>, <c>base</c>: the first frame that is
/// kept, and the checksum of the one before it | <c>snapshot</c>, <c>previous</c>, <c>draft</c>: see <see
/// cref="Snapshots.SnapshotDescriptor"/>.</para>
/// <para>Numbers are compared as the texts they are stored as. Lua counts in doubles, which is exact up to 2^53
/// frames.</para>
/// </remarks>
internal static class JournalScripts
{
    internal const string Done = "OK";
    internal const string Duplicate = "DUPLICATE";
    internal const string Fenced = "FENCED";
    internal const string Gap = "GAP";
    internal const string Changed = "CHANGED";
    internal const string Locked = "LOCKED";

    // ARGV 1 and 2 are the epoch and the nonce of whoever asks.
    private const string Fence = """
        local own = redis.call('HMGET', KEYS[1], 'epoch', 'nonce')
        if own[1] ~= ARGV[1] or own[2] ~= ARGV[2] then
            return {'FENCED', own[1] or '', redis.call('HGET', KEYS[1], 'owner') or ''}
        end

        """;

    private const string Clock = """
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)

        """;

    /// <summary>Meta → what is stored, and what the two ends of the log look like.</summary>
    internal static RedisScript Look { get; } = new("look", Clock + """
        local meta = redis.call('HMGET', KEYS[1], 'version', 'id', 'epoch', 'nonce', 'owner', 'lease', 'until',
            'sequence', 'checksum', 'first', 'base', 'snapshot', 'previous')
        local answer = {'OK', string.format('%.0f', now), tostring(redis.call('EXISTS', KEYS[1])),
            tostring(redis.call('XLEN', KEYS[2]))}
        for _, range in ipairs({redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1),
                                redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)}) do
            answer[#answer + 1] = range[1] and range[1][1] or ''
            answer[#answer + 1] = range[1] and string.sub(range[1][2][2], 1, 48) or ''
        end
        for i = 1, 13 do
            answer[#answer + 1] = meta[i] or ''
        end
        return answer
        """);

    /// <summary>ARGV: epoch, nonce and sequence as they were seen ('' when there is no journal), the nonce of the
    /// asker's own ownership, then the new epoch, nonce, lease in ms, address, and id of the journal.</summary>
    internal static RedisScript Acquire { get; } = new("acquire", Clock + """
        local meta = redis.call('HMGET', KEYS[1], 'epoch', 'nonce', 'sequence', 'until', 'lease')
        if (meta[1] or '') ~= ARGV[1] or (meta[2] or '') ~= ARGV[2] or (meta[3] or '') ~= ARGV[3] then
            return {'CHANGED'}
        end
        if not meta[1] and redis.call('EXISTS', KEYS[2]) == 1 then
            return {'CHANGED'}
        end
        if meta[2] and meta[2] ~= '' and meta[2] ~= ARGV[4] then
            local left = tonumber(meta[4]) - now
            if left > tonumber(meta[5]) then
                -- The server's clock went back: from now on the lease lasts as long as it was meant to.
                redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + meta[5]))
            end
            if left > 0 then
                return {'LOCKED'}
            end
        end
        if not meta[1] then
            redis.call('HSET', KEYS[1], 'version', '1', 'id', ARGV[9], 'sequence', '0', 'checksum', '00000000',
                'first', '1', 'base', '00000000', 'snapshot', '', 'previous', '', 'draft', '')
        end
        redis.call('HSET', KEYS[1], 'epoch', ARGV[5], 'nonce', ARGV[6], 'lease', ARGV[7], 'owner', ARGV[8],
            'until', string.format('%.0f', now + ARGV[7]))
        return {'OK'}
        """);

    /// <summary>ARGV: epoch, nonce, the lease in ms, the sequence before the batch, the sequence and the checksum of
    /// its last frame, then its frames.</summary>
    internal static RedisScript Append { get; } = new("append", Fence + Clock + """
        local till = string.format('%.0f', now + ARGV[3])
        local last = redis.call('HMGET', KEYS[1], 'sequence', 'checksum')
        if last[1] ~= ARGV[4] then
            if last[1] == ARGV[5] and last[2] == ARGV[6] then
                redis.call('HSET', KEYS[1], 'until', till)
                return {'DUPLICATE'}
            end
            return {'GAP', last[1] or ''}
        end
        for i = 7, #ARGV do
            redis.call('XADD', KEYS[2], string.format('%.0f-0', ARGV[4] + i - 6), 'f', ARGV[i])
        end
        redis.call('HSET', KEYS[1], 'sequence', ARGV[5], 'checksum', ARGV[6], 'until', till)
        return {'OK'}
        """);

    /// <summary>ARGV: epoch, nonce, the lease in ms → id, sequence, checksum. A write: what it answers is as durable as
    /// itself.</summary>
    internal static RedisScript Renew { get; } = new("renew", Fence + Clock + """
        redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + ARGV[3]))
        local last = redis.call('HMGET', KEYS[1], 'id', 'sequence', 'checksum')
        return {'OK', last[1] or '', last[2] or '', last[3] or ''}
        """);

    /// <summary>ARGV: epoch, nonce. Gives the ownership back.</summary>
    internal static RedisScript Release { get; } = new("release", Fence + """
        redis.call('HSET', KEYS[1], 'nonce', '', 'owner', '', 'until', '0')
        return {'OK'}
        """);

    /// <summary>ARGV: the first sequence, the last, how many at most → first frame that is kept, then frames, each
    /// behind its id.</summary>
    internal static RedisScript Read { get; } = new("read", """
        local answer = {'OK', redis.call('HGET', KEYS[1], 'first') or ''}
        for _, entry in ipairs(redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[2], 'COUNT', ARGV[3])) do
            answer[#answer + 1] = entry[1]
            answer[#answer + 1] = entry[2][2]
        end
        return answer
        """);

    /// <summary>ARGV: epoch, nonce, the first sequence to keep, the one before it. The new base is taken from the last
    /// frame that goes, and must be what the first that stays was chained to.</summary>
    internal static RedisScript Truncate { get; } = new("truncate", Fence + """
        local meta = redis.call('HMGET', KEYS[1], 'first', 'sequence')
        if tonumber(meta[1]) >= tonumber(ARGV[3]) then
            return {'OK'}
        end
        local goes = redis.call('XRANGE', KEYS[2], ARGV[4], ARGV[4])[1]
        local stays = redis.call('XRANGE', KEYS[2], ARGV[3], ARGV[3])[1]
        if not goes or (stays == nil) ~= (meta[2] == ARGV[4]) then
            return {'DAMAGED'}
        end
        if stays and string.sub(goes[2][2], 45, 48) ~= string.sub(stays[2][2], 41, 44) then
            return {'DAMAGED'}
        end
        redis.call('HSET', KEYS[1], 'first', ARGV[3],
            'base', string.format('%08x', struct.unpack('<I4', goes[2][2], 45)))
        redis.call('XTRIM', KEYS[2], 'MINID', ARGV[3])
        return {'OK'}
        """);

    /// <summary>ARGV: epoch, nonce, the draft's token, the place. Empties a place and begins to write there, once: a copy
    /// that arrives later finds its draft begun, or the place taken by what became of it.</summary>
    /// <remarks>It empties first: what only takes memory away is allowed where memory is out, and with it what follows in
    /// the script.</remarks>
    internal static RedisScript BeginSnapshot { get; } = new("begin-snapshot", Fence + """
        local meta = redis.call('HMGET', KEYS[1], 'draft', 'snapshot', 'previous')
        if meta[1] == ARGV[3] then
            return {'OK'}
        end
        for i = 2, 3 do
            if meta[i] and string.sub(meta[i], 1, #ARGV[4] + 1) == ARGV[4] .. ' ' then
                return {'CHANGED'}
            end
        end
        redis.call('UNLINK', KEYS[2])
        redis.call('HSET', KEYS[1], 'draft', ARGV[3])
        return {'OK'}
        """);

    /// <summary>ARGV: epoch, nonce, the draft's token, a part's number, the part.</summary>
    internal static RedisScript PutSnapshotPart { get; } = new("put-snapshot-part", Fence + """
        if redis.call('HGET', KEYS[1], 'draft') ~= ARGV[3] then
            return {'CHANGED'}
        end
        redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
        return {'OK'}
        """);

    /// <summary>ARGV: epoch, nonce, the draft's token, its descriptor, the sequence it stands for, the one that is kept
    /// beside it, the version that the journal has from now on ('' for none other). The draft becomes the newest
    /// snapshot, and the one that is kept the previous.</summary>
    internal static RedisScript CommitSnapshot { get; } = new("commit-snapshot", Fence + """
        local meta = redis.call('HMGET', KEYS[1], 'draft', 'snapshot', 'sequence')
        if meta[2] == ARGV[4] then
            return {'DUPLICATE'}
        end
        if meta[1] ~= ARGV[3] or tonumber(meta[3]) < tonumber(ARGV[5]) then
            return {'CHANGED'}
        end
        redis.call('HSET', KEYS[1], 'previous', ARGV[6], 'snapshot', ARGV[4], 'draft', '')
        if ARGV[7] ~= '' then
            redis.call('HSET', KEYS[1], 'version', ARGV[7])
        end
        return {'OK'}
        """);
}
