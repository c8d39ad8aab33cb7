using Engine.Tests.Load.Cli;

// Each test has the machine to itself: they measure, and they start processes.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Engine.Tests.Load;

/// <summary>The same runs that the tests make, at any size: <c>dotnet run -c Release --project tests/Load --
/// --help</c>.</summary>
internal static class Program
{
    private static Task<int> Main(string[] arguments) => LoadCommand.RunAsync(arguments, Console.Out, Console.Error);
}
