namespace Engine.Simulation;

/// <summary>While it lasts, whatever awaits goes on where what it awaited has ended: on this thread, at once.</summary>
/// <remarks>Where a synchronization context or a task scheduler is set, as test runners do, continuations would go to
/// the
/// thread pool, and a simulation would depend on its mood.</remarks>
internal readonly struct OneThread : IDisposable
{
    private readonly SynchronizationContext? _before = SynchronizationContext.Current;

    public OneThread()
    {
        if (TaskScheduler.Current != TaskScheduler.Default)
        {
            throw new InvalidOperationException("A simulation does not run under a task scheduler of its own.");
        }

        SynchronizationContext.SetSynchronizationContext(null);
    }

    public void Dispose() => SynchronizationContext.SetSynchronizationContext(_before);
}
