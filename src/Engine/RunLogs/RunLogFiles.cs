using System.Buffers;

namespace Engine.RunLogs;

/// <summary>Writes the lines of one job to its files, and drops the oldest of a run that has too many. Not thread-safe.</summary>
internal sealed class RunLogFiles(string directory, RunLogLimits limits) : IDisposable
{
    private readonly ArrayBufferWriter<byte> _encoded = new();

    // The files of the current run before the one being written, oldest first.
    private readonly List<(string Path, long Lines, long Bytes)> _earlier = [];

    private FileStream? _file;
    private int _run;
    private long _lines;
    private long _bytes;

    private long LinesPerFile => limits.MaxLines / RunLogLimits.SegmentsPerRun;

    private long BytesPerFile => limits.MaxBytes / RunLogLimits.SegmentsPerRun;

    /// <summary>Makes a directory for the owner only. Missing ones above it get the usual mode.</summary>
    internal static void MakeDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
    }

    /// <summary>Adds lines to the end.</summary>
    /// <exception cref="IOException">The disk failed: some of the lines, or none, are stored.</exception>
    internal void Append(List<(int Run, RunLogLine Line)> lines)
    {
        try
        {
            foreach (var (run, line) in lines)
            {
                if (_file is null || run != _run || _lines >= LinesPerFile
                    || _bytes + _encoded.WrittenCount >= BytesPerFile)
                {
                    Flush();
                    Roll(run, line.Id);
                }

                RunLogSegment.Encode(line, _encoded);
                _lines++;
            }

            Flush();
        }
        catch
        {
            // The next lines start a file of their own: this one may end in half a line.
            _encoded.ResetWrittenCount();
            Dispose();
            throw;
        }
    }

    internal void Delete()
    {
        Dispose();
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // It never had any lines.
        }
    }

    public void Dispose()
    {
        _file?.Dispose();
        _file = null;
    }

    private void Flush()
    {
        if (_encoded.WrittenCount > 0)
        {
            _file!.Write(_encoded.WrittenSpan);
            _bytes += _encoded.WrittenCount;
            _encoded.ResetWrittenCount();
        }
    }

    /// <summary>Starts the next file of a run, after making room for it.</summary>
    private void Roll(int run, long firstId)
    {
        if (_file is not null && run == _run)
        {
            _earlier.Add((_file.Name, _lines, _bytes));
        }
        else
        {
            FindEarlier(run);
        }

        Dispose();
        while (_earlier.Count > 0
            && (_earlier.Sum(file => file.Lines) + LinesPerFile > limits.MaxLines
                || _earlier.Sum(file => file.Bytes) + BytesPerFile > limits.MaxBytes))
        {
            File.Delete(_earlier[0].Path);
            _earlier.RemoveAt(0);
        }

        MakeDirectory(Path.GetDirectoryName(directory)!);
        MakeDirectory(directory);
        _file = new FileStream(Path.Combine(directory, RunLogSegment.NameOf(run, firstId)), OpenOptions());
        _run = run;
        _lines = 0;
        _bytes = 0;
    }

    /// <summary>What there is of a run already: it was opened before, by this process or an earlier one.</summary>
    private void FindEarlier(int run)
    {
        _earlier.Clear();
        foreach (var segment in RunLogSegment.List(directory))
        {
            if (segment.Run == run)
            {
                _earlier.Add(
                    (segment.Path, segment.LastId() - segment.FirstId + 1, new FileInfo(segment.Path).Length));
            }
        }
    }

    private static FileStreamOptions OpenOptions()
    {
        var options = new FileStreamOptions
        {
            // A file of this name holds no complete line, or the next id would be another.
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite | FileShare.Delete,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return options;
    }
}
