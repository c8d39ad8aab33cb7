using System.Text.Json;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load.Targets;

/// <summary>Does in this process what a rehearsal does in a host: walks stages and iterations, and nothing
/// else.</summary>
internal sealed class LoadHandler(TimeSpan hold) : IJobHandler
{
    public async Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken)
    {
        if (context.Type is Workload.Held or Workload.HeldGpu)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }

        var (iterations, fails) = Read(context.Payload);
        while (context.IterationsUsed < iterations)
        {
            switch (await context.BeginIterationAsync())
            {
                case IterationAnswer.Suspend:
                    return new JobOutcome.Suspended("{}"u8.ToArray());
                case IterationAnswer.CapReached:
                    return JobOutcome.Done;
                default:
                    break;
            }

            if (context.Type == Workload.Build)
            {
                foreach (var stage in Pipeline.Build.Stages.Skip(1))
                {
                    await context.MoveToAsync(stage.Name);
                    await WorkAsync(cancellationToken);
                    if (fails && stage.Name == Workload.FailingStage)
                    {
                        return new JobOutcome.Failed("It was meant to.", Retryable: false);
                    }
                }
            }
            else
            {
                await WorkAsync(cancellationToken);
            }

            await context.ReportProgressAsync(100 * context.IterationsUsed / iterations);
        }

        return JobOutcome.Done;
    }

    // The work itself: it takes its time.
    private Task WorkAsync(CancellationToken cancellationToken) =>
        hold > TimeSpan.Zero ? Task.Delay(hold, cancellationToken) : Task.CompletedTask;

    private static (int Iterations, bool Fails) Read(ReadOnlyMemory<byte> payload)
    {
        using var document = JsonDocument.Parse(payload);
        var root = document.RootElement;
        return (root.GetProperty("iterations").GetInt32(), root.TryGetProperty("fail_at", out _));
    }
}
