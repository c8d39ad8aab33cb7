using Engine.Storage.Faster.Platform;
using Microsoft.Win32.SafeHandles;

namespace Engine.Tests.Support;

/// <summary>The files of one directory in memory, for tests that read a journal half a million times.</summary>
/// <remarks>Nothing can be written through it: what reads must not. Bytes are shared with the test, which damages
/// them.</remarks>
internal sealed class MemoryFiles : FileSystemCalls
{
    private readonly Dictionary<string, int> _numbers = new(StringComparer.Ordinal);
    private readonly List<byte[]> _contents = [];
    private readonly List<int> _lengths = [];

    internal MemoryFiles(string directory, IReadOnlyDictionary<string, byte[]> contents)
    {
        Directory = directory;
        foreach (var (name, content) in contents)
        {
            _numbers.Add(Path.Combine(directory, name), _contents.Count);
            _contents.Add([.. content]);
            _lengths.Add(content.Length);
        }
    }

    internal string Directory { get; }

    /// <summary>Changes what was read before the reader sees it: a reader with a bug, from outside.</summary>
    internal Action<string, long, Span<byte>>? Bug { get; set; }

    internal override Guid BootId => Boot;

    internal Guid Boot { get; set; } = Current.BootId;

    /// <summary>The bytes of a file.</summary>
    internal byte[] this[string name] => _contents[_numbers[Path.Combine(Directory, name)]];

    /// <summary>Lets a file end early.</summary>
    internal void SetLength(string name, int length) => _lengths[_numbers[Path.Combine(Directory, name)]] = length;

    /// <summary>Takes a file away.</summary>
    internal void Remove(string name) => _numbers.Remove(Path.Combine(Directory, name));

    internal override bool Exists(string path) => _numbers.ContainsKey(path);

    internal override IEnumerable<string> List(string directory) => _numbers.Keys;

    internal override long Length(SafeFileHandle file) => _lengths[Number(file)];

    /// <summary>A handle of no system file: the number alone counts, and closing it closes nothing.</summary>
    internal override SafeFileHandle OpenRead(string path) => new(_numbers[path] + 1, ownsHandle: false);

    internal override int Read(SafeFileHandle file, Span<byte> bytes, long offset)
    {
        int number = Number(file);
        int count = (int)Math.Clamp(_lengths[number] - offset, 0, bytes.Length);
        _contents[number].AsSpan((int)offset, count).CopyTo(bytes);
        Bug?.Invoke(Path.GetFileName(_numbers.First(entry => entry.Value == number).Key), offset, bytes[..count]);
        return count;
    }

    internal override SafeFileHandle Open(string path, FileMode mode, long preallocate = 0) => throw Changed();

    internal override void Write(SafeFileHandle file, ReadOnlySpan<byte> bytes, long offset) => throw Changed();

    internal override void Move(string from, string to) => throw Changed();

    internal override void Delete(string path) => throw Changed();

    internal override void CreateDirectory(string path) => throw Changed();

    internal override void SyncData(SafeFileHandle file) => throw Changed();

    internal override void SyncDirectory(string path) => throw Changed();

    internal override SafeFileHandle? TryLockDirectory(string path) => throw Changed();

    private static InvalidOperationException Changed() => new("Something that reads only wanted to change a file.");

    private static int Number(SafeFileHandle file) => (int)file.DangerousGetHandle() - 1;
}
