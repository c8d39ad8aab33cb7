using System.Globalization;

namespace Engine.Simulation.Storage.Redis;

/// <summary>The journal's Lua scripts, by name, as they work on <see cref="RedisData"/>.</summary>
/// <remarks>A second writing of them, kept honest by a test that runs the same tape of random calls against a real
/// Redis
/// with the real scripts and compares every answer and everything stored.</remarks>
internal static class ScriptModel
{
    private static readonly string[] Changed = ["CHANGED"];
    private static readonly string[] Done = ["OK"];
    private static readonly string[] Damaged = ["DAMAGED"];

    private static readonly string[] LookedAt =
    [
        "version", "id", "epoch", "nonce", "owner", "lease", "until", "sequence", "checksum", "first", "base",
        "snapshot", "previous",
    ];

    /// <summary>Whether a script only reads.</summary>
    internal static bool IsRead(string script) => script is "look" or "read";

    /// <summary>Runs a script.</summary>
    /// <param name="data">What it works on.</param>
    /// <param name="script">Its name.</param>
    /// <param name="keys">Its keys.</param>
    /// <param name="arguments">Its arguments, ARGV[1] first.</param>
    /// <param name="now">The server's clock in ms.</param>
    /// <exception cref="RedisErrorException">It fails.</exception>
    internal static string[] Run(RedisData data, string script, string[] keys, string[] arguments, long now)
    {
        if (script is not ("look" or "read" or "acquire") && Fence(data, keys[0], arguments) is { } fenced)
        {
            return fenced;
        }

        return script switch
        {
            "look" => Look(data, keys, now),
            "acquire" => Acquire(data, keys, arguments, now),
            "append" => Append(data, keys, arguments, now),
            "renew" => Renew(data, keys[0], arguments, now),
            "release" => Release(data, keys[0]),
            "read" => Read(data, keys, arguments),
            "truncate" => Truncate(data, keys, arguments),
            "begin-snapshot" => BeginSnapshot(data, keys, arguments),
            "put-snapshot-part" => PutSnapshotPart(data, keys, arguments),
            "commit-snapshot" => CommitSnapshot(data, keys[0], arguments),
            _ => throw new NotSupportedException($"The model does not know the script '{script}'."),
        };
    }

    private static string[]? Fence(RedisData data, string meta, string[] arguments)
    {
        string? epoch = data.Get(meta, "epoch");
        return epoch != arguments[0] || data.Get(meta, "nonce") != arguments[1]
            ? ["FENCED", epoch ?? "", data.Get(meta, "owner") ?? ""]
            : null;
    }

    private static string[] Look(RedisData data, string[] keys, long now) =>
    [
        "OK",
        Text(now),
        data.Exists(keys[0]) ? "1" : "0",
        Text(data.StreamLength(keys[1])),
        .. End(data.First(keys[1])),
        .. End(data.Last(keys[1])),
        .. LookedAt.Select(field => data.Get(keys[0], field) ?? ""),
    ];

    private static string[] End((long Id, string Value)? entry) => entry is { } found
        ? [RedisData.IdOf(found.Id), found.Value[..Math.Min(48, found.Value.Length)]]
        : ["", ""];

    private static string[] Acquire(RedisData data, string[] keys, string[] arguments, long now)
    {
        string meta = keys[0];
        string? epoch = data.Get(meta, "epoch");
        string? nonce = data.Get(meta, "nonce");
        if ((epoch ?? "") != arguments[0] || (nonce ?? "") != arguments[1] ||
            (data.Get(meta, "sequence") ?? "") != arguments[2] ||
            (epoch is null && data.Exists(keys[1])))
        {
            return Changed;
        }

        if (!string.IsNullOrEmpty(nonce) && nonce != arguments[3])
        {
            long left = Number(data.Get(meta, "until")) - now;
            long lease = Number(data.Get(meta, "lease"));
            if (left > lease)
            {
                data.Set(meta, "until", Text(now + lease));
            }

            if (left > 0)
            {
                return ["LOCKED"];
            }
        }

        if (epoch is null)
        {
            data.Set(
                meta, "version", "1", "id", arguments[8], "sequence", "0", "checksum", "00000000", "first", "1",
                "base", "00000000", "snapshot", "", "previous", "", "draft", "");
        }

        data.Set(
            meta, "epoch", arguments[4], "nonce", arguments[5], "lease", arguments[6], "owner", arguments[7],
            "until", Text(now + Number(arguments[6])));
        return Done;
    }

    private static string[] Append(RedisData data, string[] keys, string[] arguments, long now)
    {
        string meta = keys[0];
        string till = Text(now + Number(arguments[2]));
        string? last = data.Get(meta, "sequence");
        if (last != arguments[3])
        {
            if (last == arguments[4] && data.Get(meta, "checksum") == arguments[5])
            {
                data.Set(meta, "until", till);
                return ["DUPLICATE"];
            }

            return ["GAP", last ?? ""];
        }

        for (int i = 6; i < arguments.Length; i++)
        {
            data.Add(keys[1], Number(arguments[3]) + i - 5, arguments[i]);
        }

        data.Set(meta, "sequence", arguments[4], "checksum", arguments[5], "until", till);
        return Done;
    }

    private static string[] Renew(RedisData data, string meta, string[] arguments, long now)
    {
        data.Set(meta, "until", Text(now + Number(arguments[2])));
        return ["OK", data.Get(meta, "id") ?? "", data.Get(meta, "sequence") ?? "", data.Get(meta, "checksum") ?? ""];
    }

    private static string[] Release(RedisData data, string meta)
    {
        data.Set(meta, "nonce", "", "owner", "", "until", "0");
        return Done;
    }

    private static string[] Read(RedisData data, string[] keys, string[] arguments) =>
    [
        "OK",
        data.Get(keys[0], "first") ?? "",
        .. data.Range(keys[1], Number(arguments[0]), Number(arguments[1])).Take((int)Number(arguments[2]))
            .SelectMany(static entry => new[] { RedisData.IdOf(entry.Id), entry.Value }),
    ];

    private static string[] Truncate(RedisData data, string[] keys, string[] arguments)
    {
        string meta = keys[0];
        if (Number(data.Get(meta, "first")) >= Number(arguments[2]))
        {
            return Done;
        }

        string? goes = Entry(data, keys[1], arguments[3]);
        string? stays = Entry(data, keys[1], arguments[2]);
        if (goes is null || (stays is null) != (data.Get(meta, "sequence") == arguments[3]) ||
            (stays is not null && goes[44..48] != stays[40..44]))
        {
            return Damaged;
        }

        uint checksum = BitConverter.ToUInt32(RedisData.BytesOf(goes[44..48]));
        data.Set(
            meta, "first", arguments[2], "base", checksum.ToString("x8", CultureInfo.InvariantCulture));
        data.Trim(keys[1], Number(arguments[2]));
        return Done;
    }

    private static string[] BeginSnapshot(RedisData data, string[] keys, string[] arguments)
    {
        if (data.Get(keys[0], "draft") == arguments[2])
        {
            return Done;
        }

        if (Holds("snapshot") || Holds("previous"))
        {
            return Changed;
        }

        data.Set(keys[0], "draft", arguments[2]);
        data.Remove(keys[1]);
        return Done;

        bool Holds(string field) =>
            data.Get(keys[0], field)?.StartsWith($"{arguments[3]} ", StringComparison.Ordinal) == true;
    }

    private static string[] PutSnapshotPart(RedisData data, string[] keys, string[] arguments)
    {
        if (data.Get(keys[0], "draft") != arguments[2])
        {
            return Changed;
        }

        data.Set(keys[1], arguments[3], arguments[4]);
        return Done;
    }

    private static string[] CommitSnapshot(RedisData data, string meta, string[] arguments)
    {
        string? newest = data.Get(meta, "snapshot");
        if (newest == arguments[3])
        {
            return ["DUPLICATE"];
        }

        if (data.Get(meta, "draft") != arguments[2] || Number(data.Get(meta, "sequence")) < Number(arguments[4]))
        {
            return Changed;
        }

        data.Set(meta, "previous", arguments[5], "snapshot", arguments[3], "draft", "");
        if (arguments[6].Length > 0)
        {
            data.Set(meta, "version", arguments[6]);
        }

        return Done;
    }

    private static string? Entry(RedisData data, string log, string id) =>
        data.Range(log, Number(id), Number(id)).Select(static entry => entry.Value).FirstOrDefault();

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static long Number(string? text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
            ? number
            : throw new RedisErrorException("ERR attempt to perform arithmetic on a nil value");
}
