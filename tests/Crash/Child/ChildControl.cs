namespace Engine.Tests.Crash.Child;

/// <summary>What the parent tells one engine.</summary>
internal sealed class ChildControl
{
    private readonly TaskCompletionSource _stop = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Told to stop as an operator does.</summary>
    internal Task Stop => _stop.Task;

    /// <summary>Released when the directory may be free by now.</summary>
    internal SemaphoreSlim Again { get; } = new(0);

    /// <summary>Set when whoever waits at a point may go on.</summary>
    internal ManualResetEventSlim Go { get; } = new();

    internal void Obey(string word)
    {
        switch (word)
        {
            case "again":
                Again.Release();
                break;
            case "go":
                Go.Set();
                break;
            case "stop":
                _stop.TrySetResult();
                break;
            default:
                throw new ArgumentException($"The parent said: {word}");
        }
    }
}
