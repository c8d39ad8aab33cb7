using System.Globalization;
using System.Text;

namespace Engine.Storage.Redis.Connections;

/// <summary>A script and its name.</summary>
/// <param name="Name">What it does, for logs and simulations.</param>
/// <param name="Text">Lua.</param>
internal sealed record RedisScript(string Name, string Text);

/// <summary>Turns values into the texts that Redis is given, and back.</summary>
internal static class RedisText
{
    internal static byte[] Of(long value)
    {
        Span<byte> text = stackalloc byte[20];
        value.TryFormat(text, out int length, provider: CultureInfo.InvariantCulture);
        return text[..length].ToArray();
    }

    internal static byte[] Of(string value) => Encoding.UTF8.GetBytes(value);

    /// <summary>A checksum, as it stands in the journal.</summary>
    internal static string Hex(uint checksum) => checksum.ToString("x8", CultureInfo.InvariantCulture);

    internal static string Read(byte[]? value) => value is null ? "" : Encoding.UTF8.GetString(value);

    /// <summary>A number as <see cref="Of(long)"/> writes it, and nothing else.</summary>
    internal static bool TryRead(byte[]? value, out long number)
    {
        number = 0;
        return value is not null
            && long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number)
            && Of(number).AsSpan().SequenceEqual(value);
    }

    /// <summary>A checksum as <see cref="Hex"/> writes it, and nothing else.</summary>
    internal static bool TryReadHex(string text, out uint checksum) =>
        uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out checksum)
        && Hex(checksum) == text;
}
