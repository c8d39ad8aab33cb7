using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Engine.Host.Processes;

/// <summary>How payloads are written for their handlers.</summary>
internal static class PayloadJson
{
    /// <summary>Text stays as it is. No page shows it; escaped as if one did it would take up to three times the room, and
    /// break the limit of a payload where what was sent keeps that of a request.</summary>
    internal static JsonWriterOptions Options { get; } = new() { Encoder = new PlainEncoder() };

    /// <summary>Escapes what JSON must have escaped, and nothing else.</summary>
    private sealed unsafe class PlainEncoder : JavaScriptEncoder
    {
        public override int MaxOutputCharactersPerInputCharacter => UnsafeRelaxedJsonEscaping.MaxOutputCharactersPerInputCharacter;

        public override bool WillEncode(int unicodeScalar) => unicodeScalar is < ' ' or '"' or '\\';

        public override int FindFirstCharacterToEncode(char* text, int textLength)
        {
            var rest = new ReadOnlySpan<char>(text, textLength);
            while (!rest.IsEmpty)
            {
                // Half a surrogate pair is no text, and is replaced.
                if (Rune.DecodeFromUtf16(rest, out var rune, out int length) != System.Buffers.OperationStatus.Done
                    || WillEncode(rune.Value))
                {
                    return textLength - rest.Length;
                }

                rest = rest[length..];
            }

            return -1;
        }

        public override bool TryEncodeUnicodeScalar(
            int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten) =>
            UnsafeRelaxedJsonEscaping.TryEncodeUnicodeScalar(
                unicodeScalar, buffer, bufferLength, out numberOfCharactersWritten);
    }
}
