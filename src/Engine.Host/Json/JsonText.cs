using System.Text.Json;

namespace Engine.Host.Json;

/// <summary>JSON can say, by escapes, what is no text: half of a surrogate pair. Parsers let it pass; whoever reads or writes
/// it later fails.</summary>
internal static class JsonText
{
    /// <summary>Looks at every text and every name in a value.</summary>
    /// <exception cref="InvalidOperationException">One is not valid Unicode.</exception>
    internal static void Check(JsonElement element)
    {
        // Reading a text decodes it, and throws when it cannot be decoded.
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (var item in element.EnumerateArray())
                {
                    Check(item);
                }

                break;
            case JsonValueKind.Object:
                foreach (var property in element.EnumerateObject())
                {
                    _ = property.Name;
                    Check(property.Value);
                }

                break;
            case JsonValueKind.Undefined:
            case JsonValueKind.Number:
            case JsonValueKind.True:
            case JsonValueKind.False:
            case JsonValueKind.Null:
                break;
        }
    }
}
