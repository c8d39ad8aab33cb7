using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Engine.Tests.Load.Targets;

/// <summary>The real host as a process of its own, as users run it. It says itself where it listens. Whatever
/// happens, disposing it leaves no process behind.</summary>
internal sealed partial class HostChild : IAsyncDisposable
{
    internal static readonly TimeSpan Guard = TimeSpan.FromSeconds(60);

    private const int MaxLines = 60;
    private const int SigTerm = 15;

    private readonly Process _process;
    private readonly Lock _gate = new();
    private readonly Queue<string> _lines = new();
    private readonly TaskCompletionSource<Uri> _serving = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _read;

    private HostChild(ProcessStartInfo start)
    {
        _process = Process.Start(start) ?? throw new InvalidOperationException("The host could not be started.");
        _read = Task.WhenAll(ReadAsync(_process.StandardOutput), ReadAsync(_process.StandardError));
    }

    /// <summary>Where it listens.</summary>
    internal Uri Address { get; private set; } = new("http://127.0.0.1");

    /// <summary>What it takes of the machine's memory, in bytes.</summary>
    internal long MemoryBytes => Measure(static process => process.WorkingSet64);

    /// <summary>What it took of the machine's processors.</summary>
    internal TimeSpan ProcessorTime => Measure(static process => process.TotalProcessorTime);

    /// <summary>Starts one, and waits until it serves.</summary>
    /// <param name="directory">Where it works: its data is there.</param>
    /// <param name="settings">Keys below <c>Engine:</c>, and their values.</param>
    /// <param name="heapLimitMiB">How much its garbage-collected heap may take, or 0.</param>
    internal static async Task<HostChild> StartAsync(
        string directory, IEnumerable<(string Key, string Value)> settings, int heapLimitMiB)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Engine.Host.dll"));
        start.ArgumentList.Add("serve");
        start.ArgumentList.Add("--Engine:Listen=http://127.0.0.1:0");
        foreach (var (key, value) in settings)
        {
            start.ArgumentList.Add($"--Engine:{key}={value}");
        }

        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";
        start.Environment["DOTNET_ENVIRONMENT"] = "Development";
        start.Environment["DOTNET_NOLOGO"] = "1";
        if (heapLimitMiB > 0)
        {
            long bytes = heapLimitMiB * 1024L * 1024L;
            start.Environment["DOTNET_GCHeapHardLimit"] = "0x" + bytes.ToString("x", CultureInfo.InvariantCulture);
        }

        var host = new HostChild(start);
        try
        {
            host.Address = await host._serving.Task.WaitAsync(Guard);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>Asks it to stop, as a supervisor does, or kills it. Returns when nothing is left of it.</summary>
    internal async Task EndAsync(bool kill)
    {
        if (kill)
        {
            _process.Kill();
        }
        else if (Signal(_process.Id, SigTerm) != 0)
        {
            throw new InvalidOperationException($"The host has ended by itself:\n{Printed}");
        }

        await _process.WaitForExitAsync().WaitAsync(Guard);
        await _read.WaitAsync(Guard);
        if (!kill && _process.ExitCode != 0)
        {
            throw new InvalidOperationException($"The host ended with code {_process.ExitCode}:\n{Printed}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        await _read;
        _process.Dispose();
    }

    /// <summary>The last lines that it printed.</summary>
    internal string Printed
    {
        get
        {
            lock (_gate)
            {
                return string.Join('\n', _lines);
            }
        }
    }

    // It may end at any moment, by itself or not: then there is nothing to be measured, and others say so.
    private T Measure<T>(Func<Process, T> measure)
        where T : struct
    {
        try
        {
            _process.Refresh();
            return _process.HasExited ? default : measure(_process);
        }
        catch (InvalidOperationException) when (_process.HasExited)
        {
            return default;
        }
    }

    private async Task ReadAsync(StreamReader from)
    {
        while (await from.ReadLineAsync() is { } line)
        {
            if (Serving().Match(line) is { Success: true } match)
            {
                _serving.TrySetResult(new Uri(match.Groups[1].Value));
            }

            lock (_gate)
            {
                _lines.Enqueue(line);
                if (_lines.Count > MaxLines)
                {
                    _lines.Dequeue();
                }
            }
        }

        _serving.TrySetException(new InvalidOperationException($"The host ended before it served:\n{Printed}"));
    }

    [GeneratedRegex(@"Serving on (http://[^\s;,]+)")]
    private static partial Regex Serving();

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Signal(int process, int signal);
}
