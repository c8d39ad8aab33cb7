namespace Engine.Storage.Redis.Owning;

/// <summary>Wakes one waiter; set before it waits, it does not wait.</summary>
/// <param name="options">How the waiter goes on.</param>
internal sealed class Signal(TaskCreationOptions options)
{
    private TaskCompletionSource _next = new(options);

    internal Task Task => Volatile.Read(ref _next).Task;

    internal void Set() => Volatile.Read(ref _next).TrySetResult();

    /// <summary>Called by the waiter before it looks for what it may have been woken for.</summary>
    internal void Reset()
    {
        if (_next.Task.IsCompleted)
        {
            Volatile.Write(ref _next, new TaskCompletionSource(options));
        }
    }
}
