using System.Text.Json.Serialization;
using Engine.Host.Streams;

namespace Engine.Host.Endpoints;

/// <summary>Everything that crosses the wire, generated: snake_case, no reflection.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DictionaryKeyPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(ProblemBody))]
[JsonSerializable(typeof(SubscriptionProblemBody))]
[JsonSerializable(typeof(SubmittedBody))]
[JsonSerializable(typeof(JobBody))]
[JsonSerializable(typeof(JobListBody))]
[JsonSerializable(typeof(ConfirmedBody))]
[JsonSerializable(typeof(CancelledBody))]
[JsonSerializable(typeof(LogPageBody))]
[JsonSerializable(typeof(LogLineBody))]
[JsonSerializable(typeof(QueueBody))]
[JsonSerializable(typeof(UsageAnswer))]
[JsonSerializable(typeof(HealthBody))]
[JsonSerializable(typeof(SnapshotFrame))]
[JsonSerializable(typeof(UpdateFrame))]
[JsonSerializable(typeof(DoneFrame))]
[JsonSerializable(typeof(string))]
internal sealed partial class HostJson : JsonSerializerContext;
