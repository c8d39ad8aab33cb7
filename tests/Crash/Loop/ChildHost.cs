using System.Globalization;
using Engine.Tests.Crash.Child;

namespace Engine.Tests.Crash.Loop;

/// <summary>A process with several engines, each on a journal of its own: one start of a runtime for many of an
/// engine.</summary>
internal sealed class ChildHost : IAsyncDisposable
{
    private readonly ChildPipe _pipe;
    private readonly Lock _gate = new();
    private readonly List<Lane> _lanes = [];

    internal ChildHost() => _pipe = new ChildPipe([ChildPipe.Program, Program.HostWord], Take);

    /// <summary>Starts an engine in it.</summary>
    internal async Task<EngineUnderTest> StartAsync(ChildOptions options, Action<string> note)
    {
        Lane lane;
        lock (_gate)
        {
            lane = new Lane(this, _lanes.Count, note);
            _lanes.Add(lane);
        }

        await lane.SayAsync($"start\t{HostProgram.Encode(options)}");
        return lane;
    }

    /// <summary>Stops every thread of it; returns when none runs any more.</summary>
    internal void Freeze() => Posix.Freeze(_pipe.Process.Id);

    /// <summary>SIGKILL. Returns when nothing is left of it.</summary>
    internal Task KillAsync() => _pipe.KillAsync();

    public ValueTask DisposeAsync() => _pipe.DisposeAsync();

    private void Take(string line)
    {
        int end = line.IndexOf(' ', StringComparison.Ordinal);
        Lane lane;
        lock (_gate)
        {
            lane = _lanes[int.Parse(line.AsSpan(0, end), CultureInfo.InvariantCulture)];
        }

        lane.Say(line[(end + 1)..]);
    }

    private sealed class Lane(ChildHost host, int index, Action<string> note) : EngineUnderTest(note)
    {
        internal override Task Exited => host._pipe.Exited;

        private protected override string Errors => host._pipe.Errors;

        internal override Task SayAsync(string word) => host._pipe.SayAsync(string.Create(CultureInfo.InvariantCulture, $"{index} {word}"));

        internal void Say(string line) => Take(line);
    }
}
