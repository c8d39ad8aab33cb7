using System.Globalization;
using Engine.Simulation.Storage.Faster;
using Engine.Storage;
using Engine.Storage.Redis.Connections;

namespace Engine.Simulation.Storage.Redis;

/// <summary>Connections of one process to a simulated Redis.</summary>
internal sealed class SimRedisConnector(SimRedis server, SimulatedProcess process, TimeSpan timeout) : IRedisConnector
{
    public string Server => "simulated:6379";

    public Task<IRedisConnection> ConnectAsync()
    {
        var connecting = new TaskCompletionSource<IRedisConnection>();
        process.At(
            server.Timeline.Now + server.Latency(100),
            () =>
            {
                if (server.IsUp)
                {
                    connecting.SetResult(new Connection(server, process, timeout));
                }
                else
                {
                    connecting.SetException(new RedisUnreachableException("Redis is not there: refused"));
                }
            });
        return connecting.Task;
    }

    private sealed class Connection(SimRedis server, SimulatedProcess process, TimeSpan timeout) : IRedisConnection
    {
        private readonly int _life = server.Life;
        private long _lastArrival;
        private long _lastAnswer;
        private bool _isCut;

        public Task<byte[]?[]> EvaluateAsync(RedisScript script, string[] keys, byte[][] arguments)
        {
            string[] texts = Array.ConvertAll(arguments, RedisData.TextOf);
            return SendAsync(() => server.Run(script.Name, keys, texts));
        }

        public Task<byte[]?[]> ExecuteAsync(string command, params string[] arguments) => SendAsync(() =>
        {
            string?[] answer = (command, arguments) switch
            {
                ("INFO", []) => ["redis_version:7.0.15\r\nrole:master\r\ncluster_enabled:0\r\n"],
                ("CONFIG", ["GET", var name]) => [name, Setting(name)],
                ("HGET", [var key, var field]) => [server.Data.Get(key, field)],
                ("WAIT", [var replicas, _]) => [replicas],
                _ => throw new NotSupportedException($"The simulated Redis does not know {command}."),
            };
            return (answer, server.Timeline.WorldNow);
        });

        /// <summary>What is under way may arrive all the same.</summary>
        public void Dispose()
        {
        }

        private string Setting(string name) => name switch
        {
            "appendonly" => "yes",
            "appendfsync" => server.Sync switch
            {
                RedisSync.Always => "always",
                RedisSync.EverySecond => "everysec",
                RedisSync.Never => "no",
            },
            "no-appendfsync-on-rewrite" => "no",
            "maxmemory-policy" => "noeviction",
            _ => "",
        };

        private Task<byte[]?[]> SendAsync(Func<(string?[] Answer, long At)> run)
        {
            var answering = new TaskCompletionSource<byte[]?[]>();
            long sent = server.Timeline.Now;
            if (Happens(server.Faults.LoseCommand, "redis: a command is lost"))
            {
                _isCut = true;
            }

            bool losesAnswer = Happens(server.Faults.LoseAnswer, "redis: an answer is lost");
            long delay = Happens(server.Faults.Delay, "redis: a command is late")
                ? server.Random!.Between(0, 5 * TimeSpan.TicksPerSecond)
                : 0;
            _lastArrival = Math.Max(_lastArrival, sent + server.Latency(50) + delay);
            if (!_isCut)
            {
                // Not the process's: what is on its way arrives even if its sender is dead.
                server.Timeline.At(_lastArrival, () => Arrive(run, answering, losesAnswer));
            }

            if (!server.Timeline.IsInstant)
            {
                string seconds = timeout.TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
                process.At(
                    sent + timeout.Ticks,
                    () => answering.TrySetException(
                        new RedisUnreachableException($"Redis did not answer within {seconds} s")));
            }

            return answering.Task;
        }

        private void Arrive(
            Func<(string?[] Answer, long At)> run, TaskCompletionSource<byte[]?[]> answering, bool losesAnswer)
        {
            if (_life == server.Life && Happens(server.Faults.KillServer, "redis: the server is killed"))
            {
                server.Kill();
            }
            else if (_life == server.Life && Happens(server.Faults.CutPower, "redis: the power fails"))
            {
                server.CutPower();
            }
            else if (_life == server.Life && Happens(server.Faults.FailOver, "redis: a replica takes over"))
            {
                server.FailOver();
            }

            if (_life != server.Life)
            {
                Answer(answering, server.Timeline.WorldNow, new RedisUnreachableException("connection reset"), null);
                return;
            }

            if (Happens(server.Faults.Refuse, "redis: a command is refused"))
            {
                string refusal = server.Random!.Pick(
                    "OOM command not allowed when used memory > 'maxmemory'.",
                    "READONLY You can't write against a read only replica.",
                    "BUSY Redis is busy running a script.");
                Answer(answering, server.Timeline.WorldNow, new RedisRefusedException(refusal), null);
                return;
            }

            try
            {
                (string?[] answer, long at) = run();
                if (!losesAnswer)
                {
                    Answer(answering, at, null, answer);
                }
            }
            catch (RedisErrorException error)
            {
                Answer(answering, server.Timeline.WorldNow, new RedisRefusedException(error.Message), null);
            }
        }

        private void Answer(
            TaskCompletionSource<byte[]?[]> answering, long at, JournalException? error, string?[]? answer)
        {
            _lastAnswer = Math.Max(_lastAnswer, at + server.Latency(50));
            process.At(
                _lastAnswer,
                () =>
                {
                    if (error is not null)
                    {
                        answering.TrySetException(error);
                    }
                    else if (_life == server.Life)
                    {
                        // Of a server that died meanwhile nothing comes any more.
                        answering.TrySetResult(Array.ConvertAll(
                            answer!, static text => text is null ? null : RedisData.BytesOf(text)));
                    }
                });
        }

        private bool Happens(double chance, string name)
        {
            if (chance == 0 || !server.Random!.Chance(chance))
            {
                return false;
            }

            server.Sometimes?.Invoke(name);
            return true;
        }
    }
}
