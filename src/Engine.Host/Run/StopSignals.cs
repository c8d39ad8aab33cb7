using System.Runtime.InteropServices;

namespace Engine.Host.Run;

/// <summary>A first signal stops in good order, a second at once.</summary>
internal sealed class StopSignals : IDisposable
{
    // So long what was said may still be read after somebody said to stop.
    private static readonly TimeSpan LastWords = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _first = new();
    private readonly CancellationTokenSource _second = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private readonly Action _said;
    private readonly TimeProvider _time;

    /// <param name="said">Told of the first.</param>
    /// <param name="time">Measures how long last words take.</param>
    internal StopSignals(Action said, TimeProvider time)
    {
        (_said, _time) = (said, time);
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP])
        {
            _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
        }
    }

    internal CancellationToken First => _first.Token;

    internal CancellationToken Second => _second.Token;

    /// <summary>Waits for what is being written: for ever, as others do who write to a pipe, unless told to stop; then a
    /// moment only. False when it was given up.</summary>
    internal async Task<bool> PatientlyAsync(Task writing)
    {
        Task any = Task.WhenAny(writing);
        await any.WaitAsync(First).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await any.WaitAsync(LastWords, _time, Second).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return writing.IsCompleted;
    }

    public void Dispose()
    {
        _registrations.ForEach(registration => registration.Dispose());
        _first.Dispose();
        _second.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (_first.IsCancellationRequested)
        {
            _second.Cancel();
            return;
        }

        _said();
        _first.Cancel();
    }
}
