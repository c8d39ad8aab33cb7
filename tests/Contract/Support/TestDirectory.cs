namespace Engine.Tests.Support;

/// <summary>A directory of its own for one test, gone afterwards.</summary>
internal sealed class TestDirectory : IDisposable
{
    internal TestDirectory() =>
        Root = Directory.CreateTempSubdirectory("engine-journal-").FullName;

    internal string Root { get; }

    /// <summary>A journal's directory in it.</summary>
    internal string this[string name] => Path.Combine(Root, name);

    /// <summary>Copies a journal as a crash would leave it: as it lies on disk at this moment.</summary>
    internal string Copy(string from, string name)
    {
        string target = this[name];
        FasterImage.Write(target, FasterImage.Bytes(from));
        return target;
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
