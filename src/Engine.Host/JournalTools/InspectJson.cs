using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Engine.Storage;

namespace Engine.Host.JournalTools;

/// <summary>A frame as <c>journal inspect</c> prints it.</summary>
internal sealed record FrameLine(
    long Sequence,
    long Epoch,
    DateTimeOffset Instant,
    string File,
    long Offset,
    int Bytes,
    IReadOnlyList<JournalEventView> Events);

/// <summary>The lines of <c>journal inspect</c>, generated: snake_case, what an event does not have is left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    Converters = [typeof(JobIdConverter), typeof(PayloadConverter)])]
[JsonSerializable(typeof(FrameLine))]
internal sealed partial class InspectJson : JsonSerializerContext
{
    /// <summary>How to write a line, with payloads or without.</summary>
    internal static JsonTypeInfo<FrameLine> Lines(bool payloads)
    {
        var options = new JsonSerializerOptions(Default.Options)
        {
            // For terminals and tools, not for web pages: letters stay letters. Control characters are escaped anyway.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            TypeInfoResolver = Default.WithAddedModifier(type => ShowPayloads(type, payloads)),
        };
        return (JsonTypeInfo<FrameLine>)options.GetTypeInfo(typeof(FrameLine));
    }

    private static void ShowPayloads(JsonTypeInfo type, bool payloads)
    {
        if (type.Type == typeof(JournalEventView))
        {
            type.Properties.Single(property => property.Name == "payload").ShouldSerialize =
                (_, value) => payloads && !((ReadOnlyMemory<byte>)value!).IsEmpty;
        }
    }

    internal sealed class JobIdConverter : JsonConverter<JobId>
    {
        public override JobId Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            global::Engine.JobId.Parse(reader.GetString()!);

        public override void Write(Utf8JsonWriter writer, JobId value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.Value);
    }

    /// <summary>Text as text, anything else as <c>{"base64": "..."}</c>.</summary>
    internal sealed class PayloadConverter : JsonConverter<ReadOnlyMemory<byte>>
    {
        public override ReadOnlyMemory<byte> Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            Encoding.UTF8.GetBytes(reader.GetString()!);

        public override void Write(Utf8JsonWriter writer, ReadOnlyMemory<byte> value, JsonSerializerOptions options)
        {
            if (Utf8.IsValid(value.Span))
            {
                writer.WriteStringValue(value.Span);
                return;
            }

            writer.WriteStartObject();
            writer.WriteBase64String("base64", value.Span);
            writer.WriteEndObject();
        }
    }
}
