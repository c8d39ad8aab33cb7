using System.Globalization;
using System.Text;

namespace Engine.Simulation.Storage.Redis;

/// <summary>What a simulated Redis holds: hashes of texts, and streams whose entries have a number and one
/// field.</summary>
/// <remarks>Texts are bytes, one a character.</remarks>
internal sealed class RedisData
{
    private readonly Dictionary<string, Dictionary<string, string>> _hashes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, SortedList<long, string>> _streams = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _lastIds = new(StringComparer.Ordinal);

    internal RedisData Copy()
    {
        var copy = new RedisData();
        foreach (var (key, hash) in _hashes)
        {
            copy._hashes.Add(key, new(hash, StringComparer.Ordinal));
        }

        foreach (var (key, stream) in _streams)
        {
            copy._streams.Add(key, new(stream));
            copy._lastIds.Add(key, _lastIds[key]);
        }

        return copy;
    }

    internal bool Exists(string key) => _hashes.ContainsKey(key) || _streams.ContainsKey(key);

    /// <summary>A field of a hash; null when it is not there.</summary>
    internal string? Get(string key, string field) =>
        _hashes.TryGetValue(key, out var hash) && hash.TryGetValue(field, out string? value) ? value : null;

    internal void Set(string key, params ReadOnlySpan<string> fields)
    {
        if (!_hashes.TryGetValue(key, out var hash))
        {
            _hashes.Add(key, hash = new(StringComparer.Ordinal));
        }

        for (int i = 0; i < fields.Length; i += 2)
        {
            hash[fields[i]] = fields[i + 1];
        }
    }

    internal void Remove(string key)
    {
        _hashes.Remove(key);
        _streams.Remove(key);
        _lastIds.Remove(key);
    }

    internal int StreamLength(string key) => _streams.TryGetValue(key, out var stream) ? stream.Count : 0;

    /// <exception cref="RedisErrorException">The id is not above every earlier one.</exception>
    internal void Add(string key, long id, string value)
    {
        if (id <= _lastIds.GetValueOrDefault(key))
        {
            throw new RedisErrorException(
                "ERR The ID specified in XADD is equal or smaller than the target stream top item");
        }

        if (!_streams.TryGetValue(key, out var stream))
        {
            _streams.Add(key, stream = []);
        }

        stream.Add(id, value);
        _lastIds[key] = id;
    }

    /// <summary>The entries from <paramref name="first"/> to <paramref name="last"/>, ascending.</summary>
    internal IEnumerable<(long Id, string Value)> Range(string key, long first, long last)
    {
        if (!_streams.TryGetValue(key, out var stream))
        {
            yield break;
        }

        int low = 0;
        for (int high = stream.Count; low < high;)
        {
            int middle = (low + high) / 2;
            (low, high) = stream.GetKeyAtIndex(middle) < first ? (middle + 1, high) : (low, middle);
        }

        for (; low < stream.Count && stream.GetKeyAtIndex(low) <= last; low++)
        {
            yield return (stream.GetKeyAtIndex(low), stream.GetValueAtIndex(low));
        }
    }

    internal (long Id, string Value)? First(string key) => StreamLength(key) > 0
        ? (_streams[key].GetKeyAtIndex(0), _streams[key].GetValueAtIndex(0))
        : null;

    internal (long Id, string Value)? Last(string key) => StreamLength(key) > 0
        ? (_streams[key].GetKeyAtIndex(_streams[key].Count - 1), _streams[key].GetValueAtIndex(_streams[key].Count - 1))
        : null;

    /// <summary>Drops the entries below an id; the stream stays, even without entries.</summary>
    internal void Trim(string key, long below)
    {
        if (_streams.TryGetValue(key, out var stream))
        {
            int count = Range(key, 0, below - 1).Count();
            for (int i = count - 1; i >= 0; i--)
            {
                stream.RemoveAt(i);
            }
        }
    }

    /// <summary>Everything under a key as a list of texts: a hash's fields in order, or a stream's entries.</summary>
    internal List<string> Dump(string key) => _hashes.TryGetValue(key, out var hash)
        ? [.. hash.OrderBy(static pair => pair.Key, StringComparer.Ordinal).SelectMany(
            static pair => new[] { pair.Key, pair.Value })]
        : [.. Range(key, 0, long.MaxValue).SelectMany(static entry => new[] { IdOf(entry.Id), entry.Value })];

    internal static string IdOf(long id) => string.Create(CultureInfo.InvariantCulture, $"{id}-0");

    internal static string TextOf(byte[] bytes) => Encoding.Latin1.GetString(bytes);

    internal static byte[] BytesOf(string text) => Encoding.Latin1.GetBytes(text);
}

/// <summary>An error that Redis answers.</summary>
internal sealed class RedisErrorException(string message) : Exception(message);
