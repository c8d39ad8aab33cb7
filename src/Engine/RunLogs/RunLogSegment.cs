using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Engine.RunLogs;

/// <summary>One file of a job's log: some lines of one run, with rising ids.</summary>
/// <remarks>
/// A line is "id TAB unix-milliseconds TAB source TAB phase TAB text LF" in UTF-8, so that a person can read the file.
/// What follows the last LF is a line being written, or one that a crash cut off: it is not read.
/// </remarks>
/// <param name="Path">Where it is.</param>
/// <param name="Run">Which run.</param>
/// <param name="FirstId">The id of its first line.</param>
internal sealed record RunLogSegment(string Path, int Run, long FirstId)
{
    private const int ReadSize = 64 * 1024;

    internal static string NameOf(int run, long firstId) =>
        string.Create(CultureInfo.InvariantCulture, $"{run:D6}-{firstId:D12}.log");

    /// <summary>The segments in a job's directory, in the order of their lines. Other files there are left alone.</summary>
    internal static List<RunLogSegment> List(string directory)
    {
        var found = new List<RunLogSegment>();
        try
        {
            foreach (string path in Directory.EnumerateFiles(directory, "*.log"))
            {
                var name = System.IO.Path.GetFileNameWithoutExtension(path.AsSpan());
                int dash = name.IndexOf('-');
                if (dash > 0
                    && int.TryParse(name[..dash], NumberStyles.None, CultureInfo.InvariantCulture, out int run)
                    && long.TryParse(name[(dash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out long first))
                {
                    found.Add(new RunLogSegment(path, run, first));
                }
            }
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }

        found.Sort((a, b) => a.FirstId.CompareTo(b.FirstId));
        return found;
    }

    internal static void Encode(RunLogLine line, IBufferWriter<byte> target)
    {
        Span<byte> number = stackalloc byte[24];
        _ = Utf8Formatter.TryFormat(line.Id, number, out int written);
        target.Write(number[..written]);
        target.Write("\t"u8);
        _ = Utf8Formatter.TryFormat(line.Timestamp.ToUnixTimeMilliseconds(), number, out written);
        target.Write(number[..written]);
        target.Write("\t"u8);
        Encoding.UTF8.GetBytes(line.Source, target);
        target.Write("\t"u8);
        Encoding.UTF8.GetBytes(line.Phase ?? "", target);
        target.Write("\t"u8);
        Encoding.UTF8.GetBytes(line.Text, target);
        target.Write("\n"u8);
    }

    /// <summary>The last complete line's id, or the one before <see cref="FirstId"/> when there is none.</summary>
    internal long LastId()
    {
        var last = new List<RunLogLine>(1);
        ReadBackward(beforeId: null, 1, last);
        return last.Count == 0 ? FirstId - 1 : last[0].Id;
    }

    /// <summary>Adds up to <paramref name="count"/> lines before an id, newest first.</summary>
    internal void ReadBackward(long? beforeId, int count, List<RunLogLine> lines)
    {
        using var file = TryOpen();
        if (file is null)
        {
            return;
        }

        long length = RandomAccess.GetLength(file);
        long end = beforeId is { } id ? OffsetOf(file, id, length) : length;

        // Most pages fit the first window; lines are short, so a larger one is seldom read, and then only once or twice.
        for (long size = ReadSize; ; size *= 4)
        {
            long start = Math.Max(0, end - size);
            byte[] window = Read(file, start, (int)(end - start));
            var complete = Complete(window, skipFirst: start > 0);
            if (start > 0 && complete.Count((byte)'\n') < count)
            {
                continue;
            }

            while (count > 0 && complete.Length > 0)
            {
                int previous = complete[..^1].LastIndexOf((byte)'\n');
                if (TryDecode(complete[(previous + 1)..^1], out var line))
                {
                    lines.Add(line);
                    count--;
                }

                complete = complete[..(previous + 1)];
            }

            return;
        }
    }

    /// <summary>Adds the lines from a byte offset on, some at a time, and moves the offset past them.</summary>
    internal void ReadForward(ref long offset, long afterId, List<RunLogLine> lines)
    {
        using var file = TryOpen();
        if (file is null)
        {
            return;
        }

        long length = RandomAccess.GetLength(file);
        if (offset < 0)
        {
            offset = OffsetOf(file, afterId + 1, length);
        }

        // A window always holds a whole line: none is longer (LogLines cuts them).
        byte[] window = Read(file, offset, (int)Math.Min(ReadSize, Math.Max(0, length - offset)));
        var complete = Complete(window, skipFirst: false);
        offset += complete.Length;
        while (complete.Length > 0)
        {
            int next = complete.IndexOf((byte)'\n');
            if (TryDecode(complete[..next], out var line) && line.Id > afterId)
            {
                lines.Add(line);
            }

            complete = complete[(next + 1)..];
        }
    }

    /// <summary>Where the first line with at least this id starts: a binary search, as ids rise.</summary>
    private static long OffsetOf(SafeFileHandle file, long id, long length)
    {
        // Lines that start before low have lower ids; high only says where looking closer pays.
        long low = 0;
        for (long high = length; high - low > ReadSize;)
        {
            long middle = low + ((high - low) / 2);
            ReadOnlySpan<byte> window = Read(file, middle, (int)Math.Min(ReadSize, length - middle));
            int start = window.IndexOf((byte)'\n') + 1;
            if (start > 0 && Utf8Parser.TryParse(window[start..], out long found, out _) && found < id)
            {
                low = middle + start;
            }
            else
            {
                high = middle;
            }
        }

        while (true)
        {
            byte[] window = Read(file, low, (int)Math.Min(ReadSize, length - low));
            var complete = Complete(window, skipFirst: false);
            if (complete.Length == 0)
            {
                return low;
            }

            while (complete.Length > 0)
            {
                if (Utf8Parser.TryParse(complete, out long found, out _) && found >= id)
                {
                    return low;
                }

                int lineLength = complete.IndexOf((byte)'\n') + 1;
                low += lineLength;
                complete = complete[lineLength..];
            }
        }
    }

    private static bool TryDecode(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out RunLogLine? line)
    {
        line = null;
        if (!Utf8Parser.TryParse(bytes, out long id, out int used) || !TakeTab(ref bytes, used)
            || !Utf8Parser.TryParse(bytes, out long unixMs, out used) || !TakeTab(ref bytes, used)
            || unixMs is < 0 or > 253_402_300_799_999)
        {
            return false;
        }

        int source = bytes.IndexOf((byte)'\t');
        int phase = source < 0 ? -1 : bytes[(source + 1)..].IndexOf((byte)'\t');
        if (phase < 0)
        {
            return false;
        }

        line = new RunLogLine(
            id,
            DateTimeOffset.FromUnixTimeMilliseconds(unixMs),
            Encoding.UTF8.GetString(bytes[..source]),
            Encoding.UTF8.GetString(bytes[(source + phase + 2)..]),
            phase == 0 ? null : Encoding.UTF8.GetString(bytes.Slice(source + 1, phase)));
        return true;
    }

    private static bool TakeTab(ref ReadOnlySpan<byte> bytes, int used)
    {
        if (used >= bytes.Length || bytes[used] != (byte)'\t')
        {
            return false;
        }

        bytes = bytes[(used + 1)..];
        return true;
    }

    /// <summary>The part of a window that is whole lines, from the first start of a line to the last end of one.</summary>
    private static ReadOnlySpan<byte> Complete(ReadOnlySpan<byte> window, bool skipFirst)
    {
        int start = skipFirst ? window.IndexOf((byte)'\n') + 1 : 0;
        int end = window.LastIndexOf((byte)'\n') + 1;
        return end > start ? window[start..end] : [];
    }

    private static byte[] Read(SafeFileHandle file, long offset, int count)
    {
        byte[] bytes = new byte[count];
        int read = 0;
        while (read < count && RandomAccess.Read(file, bytes.AsSpan(read), offset + read) is > 0 and int more)
        {
            read += more;
        }

        return read == count ? bytes : bytes[..read];
    }

    /// <summary>Null when the file is gone: rotated away, or its job deleted, since the directory was listed.</summary>
    private SafeFileHandle? TryOpen()
    {
        try
        {
            return File.OpenHandle(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}
