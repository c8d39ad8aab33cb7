using System.Text;

namespace Engine.Tests;

/// <summary>Everything that is shown of a job, as one text: what must not change shows in a comparison.</summary>
internal static class Describe
{
    internal static string Job(JobView view) =>
        $"{view with { Payload = default, Result = default }} payload={Text(view.Payload)} result={Text(view.Result)}";

    /// <summary>All jobs of these users, and the queue.</summary>
    internal static async Task<List<string>> AllAsync(TestEngine engine, params string[] users)
    {
        var all = new List<string>();
        foreach (string user in users)
        {
            var page = await engine.Engine.ListAsync(new JobQuery { UserId = user, Limit = 200 });
            all.AddRange(page.Jobs.Select(Job));
            all.Add($"{user}: {await engine.Engine.GetUsageAsync(user, null)}");
        }

        var queue = await engine.Engine.GetQueueAsync();
        all.Add($"{queue with { Tiers = [] }} {string.Join(", ", queue.Tiers)}");
        return all;
    }

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
