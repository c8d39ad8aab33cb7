using Engine.Tests.Crash.Child;

namespace Engine.Tests.Crash.Loop;

/// <summary>A process with one engine. Whatever the test does, disposing it leaves no process behind.</summary>
internal sealed class ChildProcess : EngineUnderTest, IAsyncDisposable
{
    private readonly ChildPipe _pipe;

    private ChildProcess(IEnumerable<string> command, ChildOptions options, Action<string> note)
        : base(note) => _pipe = new ChildPipe([.. command, ChildPipe.Program, .. options.ToArguments()], Take);

    /// <summary>Held while a process is being started: until it runs its own program it has copies of this one's
    /// files.</summary>
    internal static object Starting { get; } = new();

    internal override Task Exited => _pipe.Exited;

    internal int ExitCode => _pipe.Process.ExitCode;

    internal int Id => _pipe.Process.Id;

    private protected override string Errors => _pipe.Errors;

    /// <summary>Starts a child; <paramref name="note"/> is told every line it says, one after the other.</summary>
    /// <param name="options">What it does.</param>
    /// <param name="note">Told everything it says.</param>
    /// <param name="under">A command to start it under, which becomes it.</param>
    internal static ChildProcess Start(ChildOptions options, Action<string> note, IReadOnlyList<string>? under = null) =>
        new(under ?? [], options, note);

    internal override Task SayAsync(string word) => _pipe.SayAsync(word);

    /// <summary>SIGKILL. Returns when nothing is left of it.</summary>
    internal Task KillAsync() => _pipe.KillAsync();

    internal void Terminate() => Signals.Send(Id, Signals.Terminate);

    public ValueTask DisposeAsync() => _pipe.DisposeAsync();
}
