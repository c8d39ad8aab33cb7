using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Engine.Tests.Http;

/// <summary>The host as a process of its own, the way users run it.</summary>
internal sealed class HostProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _errors;

    private HostProcess(Process process)
    {
        _process = process;
        _output = process.StandardOutput.ReadToEndAsync();
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Starts the host; nothing is waited for.</summary>
    internal static HostProcess Start(string environment, string directory, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = directory,
        };
        start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, "Engine.Host.dll"));
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["ASPNETCORE_ENVIRONMENT"] = environment;
        start.Environment["DOTNET_ENVIRONMENT"] = environment;
        return new HostProcess(Process.Start(start)!);
    }

    /// <summary>Waits until the host answers that it is ready.</summary>
    internal async Task<HttpClient> ReadyAsync(int port, string user = "u1", string tier = "bootstrapper")
    {
        var client = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TestEngine.Guard };
        client.DefaultRequestHeaders.Authorization = new("Bearer", $"dev:{user}:{tier}");
        using var guard = new CancellationTokenSource(TestEngine.Guard);
        while (true)
        {
            Assert.False(_process.HasExited, $"The host has ended: {(_process.HasExited ? await TextAsync() : "")}");
            try
            {
                using var response = await client.GetAsync("/health/ready", guard.Token);
                if (response.StatusCode == HttpStatusCode.OK)
                {
                    return client;
                }
            }
            catch (HttpRequestException)
            {
                // Not listening yet.
                await Task.Yield();
            }
        }
    }

    /// <summary>Asks the host to stop, as a supervisor does.</summary>
    internal void Terminate() => Assert.Equal(0, Kill(_process.Id, 15));

    /// <summary>Takes its processor time away, as a stalled machine would, until <see cref="Resume"/>.</summary>
    internal void Pause() => Assert.Equal(0, Kill(_process.Id, 19));

    internal void Resume() => Assert.Equal(0, Kill(_process.Id, 18));

    /// <summary>Ends the host without asking.</summary>
    internal void KillNow() => _process.Kill();

    /// <summary>Waits for the end: the exit code and everything that was printed.</summary>
    internal async Task<(int Code, string Text)> EndedAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(TestEngine.Guard);
        return (_process.ExitCode, await TextAsync());
    }

    /// <summary>A port that was free a moment ago.</summary>
    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private async Task<string> TextAsync() => await _output + await _errors;

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int process, int signal);
}
