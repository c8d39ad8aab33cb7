namespace Engine.Host.Run;

/// <summary>One line of a file.</summary>
/// <param name="Number">From 1.</param>
/// <param name="Bytes">Without its end; empty when it is too long.</param>
/// <param name="IsTooLong">It has more than <see cref="LineReader.MaxLineBytes"/>.</param>
internal readonly record struct TextLine(long Number, ReadOnlyMemory<byte> Bytes, bool IsTooLong);

/// <summary>Reads lines in bounded memory. LF and CRLF end a line, the last may go without; a byte order mark at the start
/// is skipped, and so are lines of blanks, which count all the same.</summary>
internal static class LineReader
{
    internal const int MaxLineBytes = 1024 * 1024;

    private const int ReadSize = 64 * 1024;

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    internal static async IAsyncEnumerable<TextLine> ReadAsync(Stream stream)
    {
        byte[] buffer = new byte[ReadSize];
        var line = new MemoryStream();
        bool isTooLong = false;
        long number = 1;
        while (await stream.ReadAsync(buffer).ConfigureAwait(false) is > 0 and int read)
        {
            for (int start = 0; start < read;)
            {
                int length = buffer.AsSpan(start, read - start).IndexOf((byte)'\n');
                int part = length < 0 ? read - start : length;
                isTooLong |= line.Length + part > MaxLineBytes + 1;
                if (!isTooLong)
                {
                    line.Write(buffer, start, part);
                }

                start += part + 1;
                if (length >= 0)
                {
                    if (Finish(line, number++, isTooLong) is { } done)
                    {
                        yield return done;
                    }

                    line.SetLength(0);
                    isTooLong = false;
                }
            }
        }

        if (Finish(line, number, isTooLong) is { } last)
        {
            yield return last;
        }
    }

    private static TextLine? Finish(MemoryStream line, long number, bool isTooLong)
    {
        ReadOnlyMemory<byte> bytes = line.GetBuffer().AsMemory(0, (int)line.Length);
        if (number == 1 && bytes.Span.StartsWith(ByteOrderMark))
        {
            bytes = bytes[ByteOrderMark.Length..];
        }

        if (bytes.Span is [.., (byte)'\r'])
        {
            bytes = bytes[..^1];
        }

        if (isTooLong || bytes.Length > MaxLineBytes)
        {
            return new TextLine(number, default, IsTooLong: true);
        }

        return bytes.Span.ContainsAnyExcept((byte)' ', (byte)'\t')
            ? new TextLine(number, bytes.ToArray(), IsTooLong: false)
            : null;
    }
}
