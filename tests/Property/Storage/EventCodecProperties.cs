using System.Reflection;
using Engine.Core;
using Engine.Storage;
using FsCheck;
using FsCheck.Fluent;
using Xunit.Abstractions;

namespace Engine.Tests.Storage;

/// <summary>Events are what they were after a trip through bytes; bytes that are none are refused.</summary>
public sealed class EventCodecProperties(ITestOutputHelper output)
{
    private static readonly FieldInfo[] Fields =
        typeof(JobEvent).GetFields(BindingFlags.Instance | BindingFlags.NonPublic);

    private static readonly Gen<string?> Text = Gen.Elements<string?>(null, "", "a", "naïve 🙂 text",
        new string('x', 300));
    private static readonly Gen<long> Long = Gen.Elements(0, 1, -1, 127, 128, 1_900_000_000_000, long.MaxValue,
        long.MinValue);
    private static readonly Gen<long> Count = Gen.Elements(0L, 1, 127, 128, 16_383, 16_384, int.MaxValue);
    private static readonly Gen<ReadOnlyMemory<byte>> Bytes =
        Gen.Elements(0, 1, 127, 128, 5000)
            .Select(length => new ReadOnlyMemory<byte>([.. Enumerable.Range(0, length).Select(i => (byte)i)]));

    private static readonly Gen<JobEvent> Any =
        from kind in Gen.Elements(Enum.GetValues<EventKind>().Where(kind => kind != EventKind.None).ToArray())
        from id in Gen.Choose(0, int.MaxValue)
        from state in Gen.Elements(Enum.GetValues<JobState>())
        from why in Gen.Elements(Enum.GetValues<WaitKind>())
        from due in Long
        from day in Gen.Elements(0, 1, -1, 22_000, int.MaxValue, int.MinValue)
        from count in Count
        from other in Count
        from message in Text
        from error in Text
        from name in Text
        from bytes in Bytes
        from answer in Answer
        from resources in Gen.Elements<string[]?>(null, ["r1"], ["a", "b", ""])
        select Make(kind, id, state, why, due, day, (int)count, (int)other, message, error, name, bytes, answer,
            resources);

    private static Gen<SubmitKey> Answer =>
        from key in Gen.Elements("k", new string('~', 255))
        from high in Long
        from low in Long
        from expires in Long
        from position in Count
        from seconds in Long
        from confidence in Gen.Elements<EstimateConfidence?>(null, EstimateConfidence.Low, EstimateConfidence.Medium)
        from used in Count
        select new SubmitKey(
            key,
            new UInt128((ulong)high, (ulong)low),
            expires,
            position,
            confidence is { } sure ? new WaitEstimate(seconds, seconds, -1, sure) : null,
            new UsageCounters((int)used, 3, 0, (int)used, DateTimeOffset.FromUnixTimeMilliseconds(1_900_000_000_123)));

    [Fact]
    public void Every_event_is_the_same_after_a_trip_through_bytes() =>
        Law.Holds(output, 3000, Any, static _ => [], e =>
        {
            byte[] bytes = Written(e);
            var reader = new ByteReader(bytes);
            EventCodec.Read(ref reader, out var read);

            Assert.Equal(0, reader.Remaining);
            Assert.Equal(Shown(e), Shown(read));
            Assert.Equal(bytes, Written(read));
        });

    [Fact]
    public void Every_cut_of_an_event_is_refused_as_damage() =>
        Law.Holds(output, 200, Any, static _ => [], e =>
        {
            byte[] bytes = Written(e);
            int step = Math.Max(1, bytes.Length / 60);
            for (int length = 0; length < bytes.Length; length += step)
            {
                byte[] cut = bytes[..length];
                Assert.Throws<JournalDamagedException>(() =>
                {
                    var reader = new ByteReader(cut);
                    EventCodec.Read(ref reader, out _);
                });
            }
        });

    [Fact]
    public void Unknown_kinds_are_refused()
    {
        for (int kind = 0; kind <= byte.MaxValue; kind++)
        {
            if (kind == 0 || !Enum.IsDefined((EventKind)kind))
            {
                byte[] bytes = [(byte)kind, .. new byte[64]];
                Assert.Throws<JournalDamagedException>(() =>
                {
                    var reader = new ByteReader(bytes);
                    EventCodec.Read(ref reader, out _);
                });
            }
        }
    }

    // Only the fields that a kind uses, as the table in the codec says.
    private static JobEvent Make(
        EventKind kind, int id, JobState state, WaitKind why, long due, int day, int count, int other,
        string? message, string? error, string? name, ReadOnlyMemory<byte> bytes, SubmitKey answer, string[]? resources)
    {
        var job = JobId.New(1_900_000_000_000, 0, (ulong)id);
        var about = new JobEvent { Kind = kind, JobId = job };
        return kind switch
        {
            EventKind.JobSubmitted => about with
            {
                State = state,
                DueMs = due,
                Why = why,
                Day = day,
                Type = name,
                User = message,
                Project = error,
                Tier = name,
                Resources = resources,
                Priority = count,
                Boost = other,
                Count = count,
                Payload = bytes,
                Message = message,
            },
            EventKind.JobReleased => about with { Day = day, Message = message },
            EventKind.JobDeferred => about with { Day = day, DueMs = due, Message = message },
            EventKind.RunStarted => about with { Run = count, Epoch = other, Stage = day < 0 ? -1 : other },
            EventKind.StageEntered => about with { Stage = count, Message = message },
            EventKind.ProgressReported => about with { Count = count, Message = message },
            EventKind.IterationStarted => about,
            EventKind.RunEnded => about with
            {
                End = (RunEnd)((count % 5) + 1),
                State = state,
                DueMs = due,
                Why = why,
                Message = message,
                Error = error,
                DebugId = name,
                Payload = bytes,
            },
            EventKind.CancelRequested => about with { Message = message },
            EventKind.JobEnded => about with { State = state, Message = message, Error = error, DebugId = name },
            EventKind.JobConfirmed =>
                about with { State = state, DueMs = due, Why = why, Count = count, Message = message },
            EventKind.JobsPurged => new JobEvent { Kind = kind, Count = count },
            EventKind.OrderingChanged =>
                new JobEvent { Kind = kind, Ordering = (Ordering)(count % 3), HeadStartMs = other },
            EventKind.AnswerKept => about with { Answer = answer },
            EventKind.None => throw new InvalidOperationException("No such event."),
        };
    }

    private static byte[] Written(in JobEvent e)
    {
        var writer = new ByteWriter(8);
        EventCodec.Write(e, ref writer);
        return writer.Written.ToArray();
    }

    private static string Shown(JobEvent e) =>
        string.Join(", ", Fields.Select(field => $"{field.Name} = {Shown(field.GetValue(e))}"));

    private static object Shown(object? value) => value switch
    {
        ReadOnlyMemory<byte> bytes => Convert.ToHexString(bytes.Span),
        string[] texts => $"[{string.Join('|', texts)}]",
        string text => $"'{text}'",
        _ => value ?? "null",
    };
}
