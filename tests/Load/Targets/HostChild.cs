using System.Diagnostics;
using System.Globalization;
using Engine.Tests.Hosts;

namespace Engine.Tests.Load.Targets;

/// <summary>A host of our own that serves, and what it takes of the machine.</summary>
internal sealed class HostChild : IAsyncDisposable
{
    private const int KeptLines = 60;

    private readonly HostProcess _host;

    private HostChild(HostProcess host) => _host = host;

    /// <summary>Where it listens.</summary>
    internal Uri Address { get; private set; } = new("http://127.0.0.1");

    /// <summary>What it takes of the machine's memory, in bytes.</summary>
    internal long MemoryBytes => Measure(static process => process.WorkingSet64);

    /// <summary>What it took of the machine's processors.</summary>
    internal TimeSpan ProcessorTime => Measure(static process => process.TotalProcessorTime);

    /// <summary>The last lines that it printed.</summary>
    internal string Printed => _host.Text;

    /// <summary>Starts one, and waits until it serves.</summary>
    /// <param name="directory">Where it works: its data is there.</param>
    /// <param name="settings">Keys below <c>Engine:</c>, and their values.</param>
    /// <param name="heapLimitMiB">How much its garbage-collected heap may take, or 0.</param>
    internal static async Task<HostChild> StartAsync(
        string directory, IEnumerable<(string Key, string Value)> settings, int heapLimitMiB)
    {
        IEnumerable<string> arguments =
        [
            "serve", "--Engine:Listen=http://127.0.0.1:0",
            .. settings.Select(setting => $"--Engine:{setting.Key}={setting.Value}"),
        ];
        var process = HostProcess.Start(directory, arguments, start => SetUp(start, heapLimitMiB), KeptLines);
        var host = new HostChild(process);
        try
        {
            using var client = await process.ReadyAsync();
            host.Address = client.BaseAddress!;
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
            _host.KillNow();
        }
        else if (_host.Process.HasExited)
        {
            throw new InvalidOperationException($"The host has ended by itself:\n{Printed}");
        }
        else
        {
            _host.Terminate();
        }

        var (code, text) = await _host.EndedAsync();
        if (!kill && code != 0)
        {
            throw new InvalidOperationException($"The host ended with code {code}:\n{text}");
        }
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    private static void SetUp(ProcessStartInfo start, int heapLimitMiB)
    {
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";
        start.Environment["DOTNET_ENVIRONMENT"] = "Development";
        start.Environment["DOTNET_NOLOGO"] = "1";
        if (heapLimitMiB > 0)
        {
            long bytes = heapLimitMiB * 1024L * 1024L;
            start.Environment["DOTNET_GCHeapHardLimit"] = "0x" + bytes.ToString("x", CultureInfo.InvariantCulture);
        }
    }

    // It may end at any moment, by itself or not: then there is nothing to be measured, and others say so.
    private T Measure<T>(Func<Process, T> measure)
        where T : struct
    {
        try
        {
            _host.Process.Refresh();
            return _host.Process.HasExited ? default : measure(_host.Process);
        }
        catch (InvalidOperationException) when (_host.Process.HasExited)
        {
            return default;
        }
    }
}
