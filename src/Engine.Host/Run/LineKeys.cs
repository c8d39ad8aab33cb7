using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Engine.Host.Run;

/// <summary>Gives each line the key by which the journal knows it again when the same file is run once more.</summary>
/// <remarks>
/// The key of a line is made of the batch (by default the file's name), the line's text, and how many lines with the same
/// text came before it: not of its number, and not of the rest of the file. So a file may be corrected, sorted or added
/// to, and only what is new or changed is run.
/// </remarks>
internal sealed class LineKeys(string batch)
{
    private readonly Dictionary<UInt128, int> _seen = [];
    private readonly byte[] _batch = SHA256.HashData(Encoding.UTF8.GetBytes(batch));

    internal string Next(ReadOnlySpan<byte> line)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(_batch);
        hash.AppendData(line);
        var text = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(hash.GetHashAndReset());
        int occurrence = _seen[text] = _seen.GetValueOrDefault(text) + 1;
        return string.Create(CultureInfo.InvariantCulture, $"line-{text:x32}-{occurrence}");
    }
}
