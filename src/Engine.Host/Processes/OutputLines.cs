using System.Text;
using Engine.RunLogs;

namespace Engine.Host.Processes;

/// <summary>Turns what a program prints into lines, in bounded memory: of an endless line only the start is
/// kept.</summary>
internal static class OutputLines
{
    private const int BufferSize = 16 * 1024;

    /// <summary>Reads to the end of the stream. A line ends at LF or CR (a progress bar is many lines); what is not
    /// UTF-8 becomes U+FFFD.</summary>
    internal static async Task ReadAsync(Stream stream, Action<string> onLine)
    {
        var decoder = Encoding.UTF8.GetDecoder();
        byte[] bytes = new byte[BufferSize];
        char[] chars = new char[Encoding.UTF8.GetMaxCharCount(BufferSize)];
        var line = new StringBuilder();
        while (await stream.ReadAsync(bytes).ConfigureAwait(false) is > 0 and int read)
        {
            Split(chars.AsSpan(0, decoder.GetChars(bytes.AsSpan(0, read), chars, flush: false)), line, onLine);
        }

        Split(chars.AsSpan(0, decoder.GetChars([], chars, flush: true)), line, onLine);
        if (line.Length > 0)
        {
            onLine(line.ToString());
        }
    }

    private static void Split(ReadOnlySpan<char> chars, StringBuilder line, Action<string> onLine)
    {
        while (chars.Length > 0)
        {
            int end = chars.IndexOfAny('\n', '\r');
            var part = end < 0 ? chars : chars[..end];

            // One more than are looked at, so that the log can tell that the line was longer.
            line.Append(part[..Math.Min(part.Length, LogLines.MaxRawLength + 1 - line.Length)]);
            if (end < 0)
            {
                return;
            }

            if (line.Length > 0)
            {
                onLine(line.ToString());
                line.Clear();
            }

            chars = chars[(end + 1)..];
        }
    }
}

/// <summary>The last lines a run printed, for its error. Thread-safe: two streams write.</summary>
internal sealed class LastLines
{
    private const int Kept = 10;
    private const int Shown = 3;

    private readonly Lock _lock = new();
    private readonly Queue<string> _lines = new(Kept + 1);

    internal void Add(string line)
    {
        if (string.IsNullOrWhiteSpace(line))
        {
            return;
        }

        lock (_lock)
        {
            _lines.Enqueue(line);
            if (_lines.Count > Kept)
            {
                _lines.Dequeue();
            }
        }
    }

    /// <summary>The last 3 of the last 10 lines that are not blank, cleaned like the log; "" when there are none
    /// (seed-semantics 2.6).</summary>
    internal string Summary()
    {
        List<string> clean = [];
        lock (_lock)
        {
            foreach (string line in _lines)
            {
                if (LogLines.TryClean(line, out string? text))
                {
                    clean.Add(text);
                }
            }
        }

        return string.Join('\n', clean.TakeLast(Shown));
    }
}
