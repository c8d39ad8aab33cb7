namespace Engine.Tests.Crash.Child;

/// <summary>Keeps a copy of every frame on its way to the journal, where no power is ever cut: what a snapshot lets go of
/// can still be held against what was promised.</summary>
internal sealed class ArchiveWriter : IDisposable
{
    private readonly int _file;

    internal ArchiveWriter(string directory)
    {
        // A file for each life of an engine: the last frame of one may be cut short by its death.
        Directory.CreateDirectory(directory);
        _file = Posix.OpenForAppend(Path.Combine(directory, Guid.NewGuid().ToString("N")));
    }

    internal void Write(ReadOnlySpan<byte> frames) => Posix.WriteAll(_file, frames);

    public void Dispose() => Posix.CloseFile(_file);
}
