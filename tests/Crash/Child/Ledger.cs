using System.Globalization;

namespace Engine.Tests.Crash.Child;

/// <summary>Tells the parent, a line at a time, what was asked, what was answered, and what was seen: once a line is in
/// the pipe, killing this process does not take it back.</summary>
internal sealed class Ledger(string prefix = "")
{
    private const int StandardOutput = 1;

    internal void Write(params ReadOnlySpan<object> words)
    {
        var line = new System.Text.StringBuilder(prefix, 96);
        foreach (object word in words)
        {
            if (line.Length > prefix.Length)
            {
                line.Append(' ');
            }

            line.Append(CultureInfo.InvariantCulture, $"{word}");
        }

        Posix.WriteLine(StandardOutput, line.Replace('\n', ' ').ToString());
    }
}

/// <summary>The side effects of jobs: lines that are appended to one file, in the order in which they happen.</summary>
internal sealed class Effects : IDisposable
{
    private readonly int _file;

    internal Effects(string path)
    {
        _file = Posix.OpenForAppend(path);

        // A kill may have cut the line before short: this one ends it.
        Posix.WriteLine(_file, "");
    }

    public void Dispose() => Posix.CloseFile(_file);

    internal void Started(RunLease lease) => Write("start", lease);

    internal void Done(RunLease lease) => Write("done", lease);

    // The dot tells a whole line from one that was cut short.
    private void Write(string what, RunLease lease) => Posix.WriteLine(
        _file, string.Create(CultureInfo.InvariantCulture, $"{what} {lease.JobId} {lease.Run} {lease.Epoch} ."));
}
