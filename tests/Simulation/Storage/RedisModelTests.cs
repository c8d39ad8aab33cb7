using System.Globalization;
using Engine.Simulation;
using Engine.Simulation.Storage.Redis;
using Engine.Storage;
using Engine.Storage.Redis;
using Engine.Storage.Redis.Connections;
using Engine.Storage.Redis.Owning;
using Engine.Tests.Redis;

namespace Engine.Tests.Storage;

/// <summary>The same tape of random calls to the model of the scripts and to a real Redis with the real ones: every
/// answer
/// and everything stored must be equal.</summary>
public sealed class RedisModelTests
{
    private const int Calls = 2_500;
    private const long HourMs = 3_600_000;
    private const long ToleranceMs = 60_000;

    private static readonly RedisScript Dump = new("dump", """
        local answer = {}
        if redis.call('TYPE', KEYS[1]).ok == 'hash' then
            return redis.call('HGETALL', KEYS[1])
        end
        for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
            answer[#answer + 1] = entry[1]
            answer[#answer + 1] = entry[2][2]
        end
        return answer
        """);

    [RedisFact]
    public async Task The_model_answers_and_stores_what_a_real_Redis_does()
    {
        await using var server = await RedisServer.StartAsync("--appendfsync", "no");
        using var connection = await new StackExchangeConnector(
            server.Address, TimeSpan.FromSeconds(30), TimeProvider.System).ConnectAsync();
        var tape = new Tape(connection);
        for (int call = 0; call < Calls; call++)
        {
            await tape.PlayAsync(call);
        }

        string[] all =
        [
            "look OK", "acquire OK", "acquire CHANGED", "acquire LOCKED", "append OK", "append DUPLICATE", "append GAP",
            "append FENCED", "renew OK", "renew FENCED", "release OK", "release FENCED", "read OK", "truncate OK",
            "truncate FENCED", "truncate DAMAGED", "begin-snapshot OK", "begin-snapshot CHANGED", "begin-snapshot FENCED",
            "put-snapshot-part OK", "put-snapshot-part CHANGED", "commit-snapshot OK", "commit-snapshot CHANGED",
            "commit-snapshot DUPLICATE",
        ];
        Assert.Empty(all.Except(tape.Seen));
    }

    private sealed class Tape(IRedisConnection real)
    {
        private readonly JournalKeys _keys = new("tape");
        private readonly RandomStream _random = new(7);
        private readonly RedisData _model = new();

        internal HashSet<string> Seen { get; } = [];

        internal async Task PlayAsync(int call)
        {
            if (_random.Chance(0.01))
            {
                // The server's clock went back.
                await real.ExecuteAsync("HSET", _keys.Meta, "until", "99999999999999");
                _model.Set(_keys.Meta, "until", "99999999999999");
            }

            var (script, keys, arguments) = Next();
            var expected = await AnswerAsync(script, keys, arguments);
            string[] actual = ModelAnswer(script.Name, keys, arguments);
            string where = $"call {call}: {script.Name}({string.Join(", ", arguments.Select(Short))})";
            Same(expected, actual, where, script.Name == "look" ? [1, 14] : []);
            Seen.Add($"{script.Name} {actual[0]}");
            foreach (string key in keys)
            {
                var stored = await AnswerAsync(Dump, [key], []);
                var hash = key == _keys.Log ? stored : Sorted(stored);
                var modelled = _model.Dump(key);
                int until = key == _keys.Meta ? modelled.IndexOf("until") + 1 : 0;
                Same(hash, [.. modelled], $"{where}, {key}", until > 0 ? [until] : []);
            }
        }

        private (RedisScript Script, string[] Keys, string[] Arguments) Next()
        {
            string epoch = _random.Chance(0.1) ? "999" : Meta("epoch");
            string nonce = _random.Chance(0.1) ? "stranger" : Meta("nonce");
            string sequence = Meta("sequence");
            long last = sequence.Length > 0 ? long.Parse(sequence, CultureInfo.InvariantCulture) : 0;
            string first = Meta("first") is { Length: > 0 } kept ? kept : "1";
            int slot = _random.Below(3);
            string draft = _random.Chance(0.1) ? "other" : Meta("draft") is { Length: > 0 } begun ? begun : "draft";
            switch (_random.Below(20))
            {
                case 0:
                    return (JournalScripts.Look, _keys.MetaAndLog, []);
                case 1 or 2:
                    string seen = _random.Chance(0.1) ? "12345" : sequence;
                    long next = epoch.Length > 0 ? long.Parse(epoch, CultureInfo.InvariantCulture) + 1 : 1;
                    string lease = _random.Chance(0.7) ? "0" : $"{HourMs}";
                    string former = _random.Chance(0.5) ? nonce : "";
                    return (JournalScripts.Acquire, _keys.MetaAndLog,
                    [
                        epoch, nonce, seen, former, $"{next}", $"nonce{_random.Next()}", lease, "http://owner", "id",
                    ]);
                case 3:
                    return (JournalScripts.Renew, _keys.MetaOnly, [epoch, nonce, "1000"]);
                case 4:
                    return _random.Chance(0.8)
                        ? (JournalScripts.Renew, _keys.MetaOnly, [epoch, nonce, "0"])
                        : (JournalScripts.Release, _keys.MetaOnly, [epoch, nonce]);
                case 5 or 6:
                    return (JournalScripts.Read, _keys.MetaAndLog,
                        [$"{_random.Between(0, last + 1)}", $"{_random.Between(0, last + 2)}", $"{_random.Below(5) + 1}"]);
                case 7:
                    long keep = _random.Chance(0.1)
                        ? _random.Between(1, last + 3)
                        : long.Parse(first, CultureInfo.InvariantCulture) + _random.Below(8);
                    return (JournalScripts.Truncate, _keys.MetaAndLog, [epoch, nonce, $"{keep}", $"{keep - 1}"]);
                case 8:
                    return (JournalScripts.BeginSnapshot, _keys.MetaAndSnapshot(slot),
                        [epoch, nonce, _random.Chance(0.2) ? draft : $"draft{_random.Next()}", $"{slot}"]);
                case 9 or 10:
                    return (JournalScripts.PutSnapshotPart, _keys.MetaAndSnapshot(slot),
                        [epoch, nonce, draft, $"{_random.Below(4)}", $"part \0\xff {_random.Next()}"]);
                case 11:
                    string descriptor = _random.Chance(0.3) && Meta("snapshot") is { Length: > 0 } newest
                        ? newest
                        : $"{slot} {_random.Next()}";
                    return (JournalScripts.CommitSnapshot, _keys.MetaOnly,
                        [epoch, nonce, draft, descriptor, $"{_random.Between(0, last + 1)}",
                            _random.Chance(0.8) ? Meta("snapshot") : Meta("previous"), _random.Chance(0.5) ? "2" : ""]);
                default:
                    return (JournalScripts.Append, _keys.MetaAndLog, Frames(epoch, nonce, last));
            }
        }

        private string[] Frames(string epoch, string nonce, long last)
        {
            if (_random.Chance(0.1))
            {
                // The last one once more, as after an answer that was lost.
                return [epoch, nonce, "0", $"{last - 1}", $"{last}", Meta("checksum"), "the same"];
            }

            long start = _random.Chance(0.1) ? last + _random.Between(-2, 2) : last;
            int count = _random.Below(4) + 1;
            uint checksum = RedisText.TryReadHex(Meta("checksum"), out uint end) ? end : 0;
            var frames = new List<string>();
            for (int i = 1; i <= count; i++)
            {
                byte[] frame = new byte[FrameCodec.HeaderSize + _random.Below(60)];
                checksum = FrameCodec.Seal(frame, Math.Max(1, start + i), 1, 1, 1, checksum);
                frames.Add(RedisData.TextOf(frame));
            }

            if (_random.Chance(0.03))
            {
                // A chain that is broken, for truncation to find.
                frames[0] = frames[0][..40] + "\x1\x2\x3\x4" + frames[0][44..];
            }

            string lease = _random.Chance(0.5) ? "0" : $"{HourMs}";
            return [epoch, nonce, lease, $"{start}", $"{start + count}", RedisText.Hex(checksum), .. frames];
        }

        private string Meta(string field) => _model.Get(_keys.Meta, field) ?? "";

        private async Task<string[]> AnswerAsync(RedisScript script, string[] keys, string[] arguments)
        {
            try
            {
                var answer = await real.EvaluateAsync(script, keys, Array.ConvertAll(arguments, RedisData.BytesOf));
                return Array.ConvertAll(answer, static text => RedisData.TextOf(text!));
            }
            catch (RedisRefusedException)
            {
                return ["an error"];
            }
        }

        private string[] ModelAnswer(string script, string[] keys, string[] arguments)
        {
            try
            {
                long now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
                return ScriptModel.Run(_model, script, keys, arguments, now);
            }
            catch (RedisErrorException)
            {
                return ["an error"];
            }
        }

        private static string[] Sorted(string[] hash) =>
            [.. hash.Chunk(2).OrderBy(static pair => pair[0], StringComparer.Ordinal).SelectMany(static pair => pair)];

        /// <summary>Equal but for the places that hold a time, which must be near each other.</summary>
        private static void Same(string[] expected, string[] actual, string where, int[] times)
        {
            Assert.True(
                expected.Length == actual.Length,
                $"{where}: Redis gives {expected.Length} texts, the model {actual.Length}");
            for (int i = 0; i < expected.Length; i++)
            {
                bool same = expected[i] == actual[i] || (times.Contains(i) &&
                    long.TryParse(expected[i], CultureInfo.InvariantCulture, out long left) &&
                    long.TryParse(actual[i], CultureInfo.InvariantCulture, out long right) &&
                    Math.Abs(left - right) < ToleranceMs);
                Assert.True(
                    same, $"{where}: text {i} is '{Short(expected[i])}' in Redis, '{Short(actual[i])}' in the model");
            }
        }

        private static string Short(string text) => text.Length > 40 ? text[..40] + "..." : text;
    }
}
