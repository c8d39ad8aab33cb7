using System.Buffers;
using System.Text.Json;

namespace Engine.Host.Rehearsal;

/// <summary>Walks a job's stages and does nothing, so that the API can be tried without a builder.</summary>
/// <remarks>The payload says how: <c>iterations</c> (default 1), <c>fail_at</c> (a stage), <c>error</c> (the text it
/// fails with), <c>retryable</c> (default false). Unknown fields are ignored, wrong ones fail the run.</remarks>
internal sealed class RehearsalHandler(Pipeline? pipeline, TimeSpan stageDuration, TimeProvider time) : IJobHandler
{
    public async Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken)
    {
        if (!RehearsalPlan.TryRead(context.Payload, pipeline, out var plan, out string? problem))
        {
            return new JobOutcome.Failed(problem, Retryable: false);
        }

        int done = IterationsIn(context.Checkpoint);
        var stages = pipeline?.Stages ?? [];
        if (stages.Count > 0)
        {
            Say(context, stages[0], done == 0 ? "Rehearsing" : $"Going on after iteration {done}");
            if (await StayAsync(stages[0], plan, cancellationToken).ConfigureAwait(false) is { } early)
            {
                return early;
            }
        }

        for (; done < plan.Iterations; done++)
        {
            switch (await context.BeginIterationAsync().ConfigureAwait(false))
            {
                case IterationAnswer.Suspend:
                    context.Log.Write("rehearsal", $"Suspended after iteration {done}: a confirmation is needed");
                    return new JobOutcome.Suspended(CheckpointOf(done));
                case IterationAnswer.CapReached:
                    context.Log.Write("rehearsal", $"No more iterations are allowed: ending with {done}");
                    return new JobOutcome.Completed(ResultOf(done, plan.Iterations));
                case IterationAnswer.Granted:
                case IterationAnswer.CancelRequested:
                case IterationAnswer.LeaseLost:
                    // The last two have thrown already.
                    break;
            }

            var failure = await WalkAsync(context, stages, plan, done + 1, cancellationToken).ConfigureAwait(false);
            if (failure is not null)
            {
                return failure;
            }
        }

        return new JobOutcome.Completed(ResultOf(done, plan.Iterations));
    }

    /// <summary>One iteration: every stage after the first, and back to the second for the next one.</summary>
    private async Task<JobOutcome?> WalkAsync(
        JobContext context,
        IReadOnlyList<Stage> stages,
        RehearsalPlan plan,
        int iteration,
        CancellationToken cancellationToken)
    {
        if (stages.Count == 0)
        {
            context.Log.Write("rehearsal", $"Iteration {iteration} of {plan.Iterations}");
            await Task.Delay(stageDuration, time, cancellationToken).ConfigureAwait(false);
        }

        foreach (var stage in stages.Skip(1))
        {
            await context.MoveToAsync(stage.Name, stage.Label).ConfigureAwait(false);
            Say(context, stage, $"{stage.Label} (iteration {iteration} of {plan.Iterations})");
            if (await StayAsync(stage, plan, cancellationToken).ConfigureAwait(false) is { } failure)
            {
                return failure;
            }
        }

        string message = iteration == plan.Iterations
            ? pipeline?.Completed.Label ?? "Completed"
            : $"Iteration {iteration} of {plan.Iterations} done";
        await context.ReportProgressAsync(100 * iteration / plan.Iterations, message).ConfigureAwait(false);
        return null;
    }

    private async Task<JobOutcome?> StayAsync(Stage stage, RehearsalPlan plan, CancellationToken cancellationToken)
    {
        await Task.Delay(stageDuration, time, cancellationToken).ConfigureAwait(false);
        return plan.FailAt == stage.Name
            ? new JobOutcome.Failed(plan.Error ?? $"Rehearsed failure in {stage.Name}", plan.Retryable)
            : null;
    }

    private static void Say(JobContext context, Stage stage, string text) =>
        context.Log.Write("rehearsal", text, stage.Name);

    private static ReadOnlyMemory<byte> CheckpointOf(int done) =>
        Json(writer => writer.WriteNumber("iterations", done));

    private static ReadOnlyMemory<byte> ResultOf(int done, int asked) => Json(writer =>
    {
        writer.WriteNumber("iterations", done);
        writer.WriteNumber("iterations_asked", asked);
    });

    private static int IterationsIn(ReadOnlyMemory<byte> checkpoint)
    {
        if (checkpoint.IsEmpty)
        {
            return 0;
        }

        using var document = JsonDocument.Parse(checkpoint);
        return document.RootElement.GetProperty("iterations").GetInt32();
    }

    private static ReadOnlyMemory<byte> Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }
}
