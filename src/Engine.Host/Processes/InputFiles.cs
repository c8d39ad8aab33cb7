namespace Engine.Host.Processes;

/// <summary>Copies what a payload asks for from the input directory into a run's directory.</summary>
internal static class InputFiles
{
    internal const int MaxFiles = 10_000;
    internal const long MaxBytes = 4L << 30;

    /// <summary>Copies the files, and answers with what each looked like then: paths as in <see cref="Artifacts"/>.</summary>
    /// <exception cref="FieldException">A file is missing, lies outside or is too large.</exception>
    internal static Dictionary<string, (long Size, DateTime Modified)> Copy(
        string? inputDirectory, IReadOnlyList<InputFile> files, string work, CancellationToken cancellationToken)
    {
        var copied = new Dictionary<string, (long, DateTime)>(StringComparer.Ordinal);
        long left = MaxBytes;
        for (int i = 0; i < files.Count; i++)
        {
            string field = $"input_files[{i}]";
            ProcessPayload.Require(
                inputDirectory is not null, field, "cannot be used: there is no Engine:Processes:InputDirectory");
            string root = Path.GetFullPath(inputDirectory);
            string source = root;
            foreach (string part in files[i].From.Split('/'))
            {
                source = Path.Combine(source, part);
                ProcessPayload.Require(
                    !IsLink(source), field, $"must not lead through a symbolic link; '{files[i].From}' does");
            }

            CopyOne(source, Path.Combine(work, files[i].To), field);
        }

        return copied;

        void CopyOne(string source, string target, string field)
        {
            // A run that is told to stop while it copies must not start its program in the end.
            cancellationToken.ThrowIfCancellationRequested();
            if (Directory.Exists(source))
            {
                Directory.CreateDirectory(target);
                foreach (string inner in Directory.EnumerateFileSystemEntries(source).Order(StringComparer.Ordinal))
                {
                    ProcessPayload.Require(
                        !IsLink(inner), field, $"must not hold a symbolic link; '{Path.GetFileName(inner)}' is one");
                    CopyOne(inner, Path.Combine(target, Path.GetFileName(inner)), field);
                }

                return;
            }

            // To open a pipe is to wait for who writes there, and a device may have no end.
            ProcessPayload.Require(
                !FileFacts.TryRead(source, out var facts) || facts.Type == FileType.Regular,
                field,
                $"must be files and directories; '{Path.GetFileName(source)}' is neither");
            var file = new FileInfo(source);
            ProcessPayload.Require(
                file.Exists,
                field,
                $"must exist; there is no '{Path.GetRelativePath(inputDirectory!, source)}' in the input directory");
            left -= file.Length;
            ProcessPayload.Require(left >= 0, field, $"must be {MaxBytes >> 30} GiB at most, all together");
            ProcessPayload.Require(copied.Count < MaxFiles, field, $"must be {MaxFiles} files at most, all together");
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            file.CopyTo(target, overwrite: true);
            var copy = new FileInfo(target);
            copied[Path.GetRelativePath(work, target)] = (copy.Length, copy.LastWriteTimeUtc);
        }
    }

    private static bool IsLink(string path) => new FileInfo(path).LinkTarget is not null;
}
