using System.Globalization;
using System.Runtime.InteropServices;
using Engine.Tests.Load.Checks;
using Engine.Tests.Load.Driving;
using Engine.Tests.Load.Targets;
using Lines = Engine.Bench.Throughput.Figures;

namespace Engine.Tests.Load.Cli;

/// <summary>One run from the command line: load, drain, settle, end, start again, settle; and its figures.</summary>
internal sealed class LoadRun(LoadPlan plan, TimeSpan duration, Ending end, TextWriter output, TextWriter errors)
{
    internal async Task<int> RunAsync(
        Func<LoadSession, CancellationToken, Task<Recorder>> driveAsync, CancellationToken cancelled)
    {
        Note($"{plan.Name}, journal {(plan.Url is null ? JournalName : "its own")}, "
            + $"{plan.Users} users, seed {plan.Seed}");
        Note($"{Environment.ProcessorCount} processors, {RuntimeInformation.FrameworkDescription}; callers and engine "
            + "share them, unless the host is elsewhere");
        await using var session = await LoadSession.StartAsync(plan);
        if (session.Target.Unchecked is { } unchecked_)
        {
            Note($"not checked: {unchecked_}");
        }

        // Whether anybody is there at all: if not, nothing was run.
        await session.Target.QueueAsync();
        try
        {
            await LoadAsync(session, driveAsync, cancelled);
        }
        catch (NoAnswerException gone)
        {
            session.Findings.Unless(false, "V1", $"{gone.Message}");
        }

        Print("findings", session.Findings.Count, "count");
        foreach (string finding in session.Findings.Told)
        {
            await errors.WriteLineAsync(finding);
        }

        return session.Findings.Count == 0 ? ExitCode.Success : ExitCode.Broken;
    }

    private async Task LoadAsync(
        LoadSession session,
        Func<LoadSession, CancellationToken, Task<Recorder>> driveAsync,
        CancellationToken cancelled)
    {
        await WarmUpAsync(session);
        IdleCrowd? crowd = plan.IdleStreams > 0 ? await IdleCrowd.OpenAsync(session, plan.IdleStreams) : null;
        var processor = session.Target.ProcessorTime;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        var driven = driveAsync(session, stop.Token);

        // Not a wait for something: this is how long the load lasts.
        using (var over = CancellationTokenSource.CreateLinkedTokenSource(cancelled))
        {
            await Task.WhenAny(driven, Task.Delay(duration, over.Token));
            await over.CancelAsync();
        }

        processor = session.Target.ProcessorTime - processor;

        // In the middle of it all; whoever waits for an answer then gets none.
        var killed = end == Ending.Kill ? session.EndAsync(kill: true) : Task.CompletedTask;
        await stop.CancelAsync();
        await killed;
        var recorder = await driven;
        int endedStreams = crowd is null ? 0 : await crowd.CloseAsync();
        session.Findings.Unless(
            endedStreams == 0 || end == Ending.Kill, "W4", $"{endedStreams} idle streams ended by themselves");
        if (end == Ending.Stop)
        {
            await session.DrainAsync();
            await session.SettleAsync();
            await session.EndAsync(kill: false);
        }

        if (end != Ending.None)
        {
            await session.StartAgainAsync();
        }

        // The work of a host that is not ours may take as long as it likes: what waits must only be explained.
        if (plan.Url is null)
        {
            await session.DrainAsync();
        }

        int resent = await session.SettleAsync(resend: end != Ending.None);
        Print(session, recorder, processor, resent);
    }

    // Code that runs for the first time is compiled first: that is no latency of a host that is up.
    private static Task<Recorder> WarmUpAsync(LoadSession session) => session.ClosedAsync(8, 500);

    private void Print(LoadSession session, Recorder recorder, TimeSpan processor, int resent)
    {
        Print("operations", recorder.All.Count, "count");
        Print("operations_rate", recorder.All.Count / recorder.Elapsed.TotalSeconds, "ops/s");
        if (processor > TimeSpan.Zero)
        {
            Print("processor_time_per_operation", processor.TotalMicroseconds / recorder.All.Count, "us");
        }

        Print("all", recorder.All);
        foreach (var kind in Enum.GetValues<Operation>())
        {
            Print(kind.ToString().ToLowerInvariant(), recorder[kind]);
        }

        if (recorder.Lag.Count > 0)
        {
            Print("held_back", recorder.HeldBack, "count");
            Print("sent_late_p99", recorder.Lag.At(0.99).TotalMilliseconds, "ms");
            Print("sent_late_max", recorder.Lag.Max.TotalMilliseconds, "ms");
        }

        foreach (var (answer, count) in session.Ledger.Answers.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            Print("answer_" + answer.Replace('-', '_'), count, "count");
        }

        Print("accepted", session.Ledger.Accepted.Count, "jobs");
        if (session.Target.Journal is not null)
        {
            Print("events_checked", session.Audit.Events, "events");
            foreach (string limit in JournalAudit.Limited)
            {
                Print("peak_" + limit, session.Audit.Peak(limit), "jobs");
            }
        }

        Print("looks", session.Looks, "count");
        if (session.MemoryPeak > 0)
        {
            Print("memory_peak", session.MemoryPeak / 1024.0 / 1024.0, "MiB");
        }

        if (end != Ending.None)
        {
            Print("restart_time", session.RestartTime.TotalMilliseconds, "ms");
            Print("resent", resent, "count");
        }
    }

    private void Print(string name, Histogram took)
    {
        if (took.Count == 0)
        {
            return;
        }

        Print(name + "_count", took.Count, "count");
        Print(name + "_p50", took.At(0.5).TotalMilliseconds, "ms");
        Print(name + "_p99", took.At(0.99).TotalMilliseconds, "ms");
        Print(name + "_p99.9", took.At(0.999).TotalMilliseconds, "ms");
        Print(name + "_max", took.Max.TotalMilliseconds, "ms");
    }

    private void Print(string name, double value, string unit) => output.WriteLine(Lines.Line(name, value, unit));

    private void Print(string name, long value, string unit) =>
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name} {value} {unit}"));

    private string JournalName =>
        plan.Journal.ToString().ToLowerInvariant() + (plan.SnapshotBytes > 0 ? " with snapshots" : "");

    private void Note(string text) => output.WriteLine($"# {text}");
}
