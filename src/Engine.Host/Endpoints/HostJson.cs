using System.Text.Json;
using System.Text.Json.Serialization;
using Engine.Host.Json;
using Engine.Host.Streams;

namespace Engine.Host.Endpoints;

/// <summary>Everything that crosses the wire, generated: snake_case, no reflection. Answers are written by
/// <see cref="Wire"/>; what is generated as the default escapes every letter that is not English.</summary>
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

/// <summary>How every answer is written.</summary>
internal static class Wire
{
    private static readonly AnswerEncoder Encoder = new();

    internal static HostJson Json { get; } = new(new JsonSerializerOptions(HostJson.Default.Options)
    {
        Encoder = Encoder,

        // A result may be as deep as JSON is read, and stands one level down.
        MaxDepth = 128,
    });

    /// <summary>The same for a writer of its own, which does not ask the type that it writes.</summary>
    internal static JsonWriterOptions WriterOptions { get; } = new() { Encoder = Encoder };
}
