using Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

var builder = Host.CreateApplicationBuilder(args);
builder.Services.AddEngine(engine => engine
    .UseFasterJournal("data/greetings")
    .AddTiers(Tiers.CoFounder)
    .AddHandler<GreetingHandler>("greeting"));

using var host = builder.Build();
await host.StartAsync();

var engine = host.Services.GetRequiredService<JobEngine>();
SubmitResult result = await engine.SubmitAsync(new JobRequest
{
    Type = "greeting",
    UserId = "ada",
    ProjectId = "shop",
    Tier = "partner",
    Payload = """{"name":"Ada"}"""u8.ToArray(),
});
Console.WriteLine($"{result.Outcome} at position {result.Position}, wait {result.Estimate?.Message}");

using (var watch = await engine.WatchAsync(result.JobId))
{
    await foreach (var update in watch!.ReadAllAsync())
    {
        Console.WriteLine($"{update.Status} {update.Message}");
    }
}

await host.StopAsync();

internal sealed class GreetingHandler : IJobHandler
{
    public async Task<JobOutcome> RunAsync(JobContext context, CancellationToken cancellationToken)
    {
        await context.ReportProgressAsync(50, "Thinking of something nice");
        context.Log.Write("greeting", $"Hello from run {context.Run}");
        return JobOutcome.Done;
    }
}
