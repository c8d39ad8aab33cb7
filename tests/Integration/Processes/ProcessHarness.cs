using System.Globalization;
using System.Text.Json;
using Engine.Host.Processes;
using Engine.RunLogs;
using Engine.Runtime;
using Microsoft.Extensions.Logging.Abstractions;

namespace Engine.Tests.Processes;

/// <summary>A process handler over a directory of its own, with a few programs allowed.</summary>
internal sealed class ProcessHarness : IAsyncDisposable
{
    internal static readonly TimeSpan Guard = TimeSpan.FromSeconds(60);

    private RunDirectories _directories;

    internal ProcessHarness()
    {
        Directory = System.IO.Directory.CreateTempSubdirectory("engine-run-").FullName;
        Settings = new ProcessSettings { KillGrace = TimeSpan.FromSeconds(10) };
        Settings.Allowed.Add("sh", "/bin/sh");
        Settings.Allowed.Add("env", "env");
        Settings.Allowed.Add("missing", "/nowhere/to/be/found");
        Settings.Allowed.Add("not-on-path", "no-such-program-anywhere");
        Settings.Allowed.Add("no-program", "/etc/passwd");
        _directories = Open(Data);
    }

    internal string Directory { get; }

    internal string Data => Path.Combine(Directory, "data");

    internal ProcessSettings Settings { get; }

    internal MemoryRunLogStore Logs { get; } = new(TimeProvider.System);

    internal JobId Job { get; } = JobId.New(TimeProvider.System);

    internal string WorkDirectory => Path.Combine(Data, "runs", Job.ToString(), "1");

    internal RunDirectories Directories => _directories;

    internal Task<JobOutcome> ShellAsync(string script, CancellationToken cancellationToken = default) =>
        RunAsync(new { program = "sh", arguments = (string[])["-c", script] }, cancellationToken);

    internal async Task<JobOutcome> RunAsync(object payload, CancellationToken cancellationToken = default)
    {
        var handler = new ProcessHandler(
            Settings, _directories, TimeProvider.System, NullLogger<ProcessHandler>.Instance);
        await using var log = Logs.Open(Job, 1);
        var run = new ClaimedRun
        {
            Lease = new RunLease(Job, 1, 1),
            Type = "process",
            UserId = "ada",
            Tier = "partner",
            Payload = payload as byte[] ?? JsonSerializer.SerializeToUtf8Bytes(payload),
        };
        return await handler.RunAsync(new JobContext(run, new YesReporter(), log), cancellationToken).WaitAsync(Guard, CancellationToken.None);
    }

    internal async Task<string[]> LinesAsync(string? source = null)
    {
        var page = await Logs.ReadAsync(Job, null, 500);
        return [.. page.Lines.Where(line => source is null || line.Source == source).Select(line => line.Text)];
    }

    /// <summary>Waits for a line such as "child 4711" and answers with the number.</summary>
    internal async Task<int> NumberAfterAsync(string word)
    {
        using var guard = new CancellationTokenSource(Guard);
        await foreach (var line in Logs.FollowAsync(Job, afterId: 0, guard.Token))
        {
            if (line.Text.StartsWith(word + " ", StringComparison.Ordinal))
            {
                return int.Parse(line.Text[(word.Length + 1)..], CultureInfo.InvariantCulture);
            }
        }

        throw new TimeoutException($"No line begins with '{word}'.");
    }

    internal static bool IsAlive(int pid) => ProcessTable.Find(pid) is { IsDead: false };

    /// <summary>Directories that this process has taken.</summary>
    internal static RunDirectories Open(string data)
    {
        var directories = new RunDirectories(data);
        directories.Take();
        return directories;
    }

    /// <summary>Lets go of the directories as a crash would: nothing is tidied up.</summary>
    internal RunDirectories Reopen()
    {
        _directories.Dispose();
        return _directories = Open(Data);
    }

    public async ValueTask DisposeAsync()
    {
        await _directories.EndLeftoversAsync(TimeProvider.System);
        _directories.Dispose();
        RunDirectories.DeleteTree(Directory);
    }

    private sealed class YesReporter : IRunReporter
    {
        public ValueTask<LeaseAnswer> MoveToStageAsync(RunLease lease, string stage, string? message) =>
            ValueTask.FromResult(LeaseAnswer.Accepted);

        public ValueTask<LeaseAnswer> ReportProgressAsync(RunLease lease, int percent, string? message) =>
            ValueTask.FromResult(LeaseAnswer.Accepted);

        public ValueTask<IterationAnswer> BeginIterationAsync(RunLease lease) =>
            ValueTask.FromResult(IterationAnswer.Granted);

        public ValueTask<LeaseAnswer> HeartbeatAsync(RunLease lease) => ValueTask.FromResult(LeaseAnswer.Accepted);
    }
}
