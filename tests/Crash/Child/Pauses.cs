namespace Engine.Tests.Crash.Child;

/// <summary>Stops the thread that passes the chosen point: the parent kills the process there, or says that it may go
/// on.</summary>
internal sealed class Pauses(string point, int at, ManualResetEventSlim go, Action<string> report)
{
    private int _passed;

    internal void Reached(string passed)
    {
        if (passed == point && Interlocked.Increment(ref _passed) == at)
        {
            report(passed);
            go.Wait();
        }
    }
}
