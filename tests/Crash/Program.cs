using Engine.Tests.Crash.Child;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash;

/// <summary>Two programs in one: the child that is killed, and the loop that kills it, as often as one likes.</summary>
internal static class Program
{
    internal const string ChildWord = "child";
    internal const string HostWord = "host";

    private static Task<int> Main(string[] arguments) => arguments switch
    {
        [ChildWord, ..] => ChildProgram.RunAsync(ChildOptions.Parse(arguments)),
        [HostWord] => Task.FromResult(HostProgram.Run()),
        _ => LoopCommand.RunAsync(arguments),
    };
}
