namespace Engine.RunLogs;

/// <summary>What the stores share about pages and the text of marks.</summary>
internal static class RunLogPaging
{
    internal const int MaxLimit = 500;

    /// <summary>The source of lines that the log itself adds.</summary>
    internal const string OwnSource = "engine";

    private const int MaxNameLength = 64;

    internal static void Check(int limit)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(limit, MaxLimit);
    }

    /// <summary>Turns up to one line more than wanted, newest first, into a page.</summary>
    internal static RunLogPage PageOf(List<RunLogLine> newestFirst, int limit)
    {
        bool hasMore = newestFirst.Count > limit;
        if (hasMore)
        {
            newestFirst.RemoveRange(limit, newestFirst.Count - limit);
        }

        newestFirst.Reverse();
        return new RunLogPage(newestFirst, hasMore);
    }

    internal static string Dropped(long count) =>
        count == 1 ? "[1 line dropped: the log could not keep up]" : $"[{count} lines dropped: the log could not keep up]";

    /// <summary>A source or phase that can stand in one column.</summary>
    internal static string Name(string name)
    {
        if (name.Length > MaxNameLength)
        {
            name = name[..MaxNameLength];
        }

        return name.AsSpan().ContainsAnyInRange('\0', '\x1F')
            ? string.Create(name.Length, name, static (target, source) =>
            {
                for (int i = 0; i < source.Length; i++)
                {
                    target[i] = source[i] <= '\x1F' ? ' ' : source[i];
                }
            })
            : name;
    }
}
