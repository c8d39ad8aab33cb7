namespace Engine.Tests.Crash.Child;

/// <summary>Stops the thread that passes the chosen point, for ever: the parent kills the process there.</summary>
internal sealed class Pauses(string point, int at, Action<string> report)
{
    private int _passed;

    internal void Reached(string passed)
    {
        if (passed == point && Interlocked.Increment(ref _passed) == at)
        {
            report(passed);
            Thread.Sleep(Timeout.Infinite);
        }
    }
}
