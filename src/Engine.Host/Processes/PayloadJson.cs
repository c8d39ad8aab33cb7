using System.Text.Json;
using Engine.Host.Json;

namespace Engine.Host.Processes;

/// <summary>How payloads are written for their handlers.</summary>
internal static class PayloadJson
{
    /// <summary>Text stays as it is. No page shows it; escaped as if one did it would take up to three times the room, and
    /// break the limit of a payload where what was sent keeps that of a request.</summary>
    internal static JsonWriterOptions Options { get; } = new() { Encoder = new PlainEncoder() };
}
