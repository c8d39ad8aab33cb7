using System.Buffers;
using System.Text;
using System.Text.Json;
using Engine.Host.Processes;

namespace Engine.Tests.Processes;

/// <summary>Payloads as their handlers get them.</summary>
public sealed class PayloadJsonTests
{
    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("<a href='x'>&+", "<a href='x'>&+")]
    [InlineData("grün 漢字 😀 \u2028\u00ad\uFFFF", "grün 漢字 😀 \u2028\u00ad\uFFFF")]
    [InlineData("\"\\/\u0000\u001f\u007f\r\n\t", "\\\"\\\\/\\u0000\\u001F\u007f\\r\\n\\t")]
    [InlineData("before \" and 😀 after", "before \\\" and 😀 after")]
    public void Only_what_must_be_is_escaped_and_all_of_it_is_read_back(string text, string written)
    {
        // From text, and from JSON that says the same with escapes.
        foreach (string json in new[] { Write(json => json.WriteStringValue(text)), Write(Copied) })
        {
            Assert.Equal($"\"{written}\"", json);
            Assert.Equal(text, JsonSerializer.Deserialize<string>(json));
        }

        void Copied(Utf8JsonWriter json)
        {
            using var document = JsonDocument.Parse(JsonSerializer.Serialize(text));
            document.RootElement.WriteTo(json);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Every_character_of_the_language_is_read_back(int planes)
    {
        var all = new StringBuilder();
        for (int scalar = planes * 0x10000; scalar < (planes + 1) * 0x10000; scalar++)
        {
            if (Rune.IsValid(scalar))
            {
                all.Append(new Rune(scalar).ToString());
            }
        }

        Assert.Equal(all.ToString(), JsonSerializer.Deserialize<string>(Write(json => json.WriteStringValue(all.ToString()))));
    }

    private static string Write(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, PayloadJson.Options))
        {
            write(json);
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
