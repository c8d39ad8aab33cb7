using System.Net;
using System.Text.Json.Nodes;

namespace Engine.Tests.Http;

/// <summary>The rehearsal of builds: the API as it can be tried without a builder.</summary>
public class RehearsalTests
{
    [Fact]
    public async Task More_iterations_than_a_batch_wait_for_a_confirmation_and_go_on()
    {
        await using var server = await StartAsync();
        var client = server.Client();
        string id = await SubmitAsync(client, new JsonObject { ["iterations"] = 3 });
        await JobTests.UntilAsync(server, id, JobState.AwaitingConfirmation);
        await (await client.PostAsync($"/api/jobs/{id}/confirm", null)).JsonAsync(HttpStatusCode.OK);
        await JobTests.UntilAsync(server, id, JobState.Completed);

        var job = await client.JobAsync(id);

        Assert.Equal((2, 3), (job.Number("runs"), job["result"]!.AsObject().Number("iterations")));
        Assert.Equal(3, job["usage"]!.AsObject().Number("iterations_used"));
    }

    [Fact]
    public async Task More_iterations_than_the_cap_end_with_what_there_is()
    {
        await using var server = await StartAsync();
        var client = server.Client();
        string id = await SubmitAsync(client, new JsonObject { ["iterations"] = 100 });
        for (int batch = 0; batch < 2; batch++)
        {
            await JobTests.UntilAsync(server, id, JobState.AwaitingConfirmation);
            await (await client.PostAsync($"/api/jobs/{id}/confirm", null)).JsonAsync(HttpStatusCode.OK);
        }

        await JobTests.UntilAsync(server, id, JobState.Completed);

        Assert.Equal(6, (await client.JobAsync(id))["result"]!.AsObject().Number("iterations"));
    }

    [Theory]
    [InlineData("""{"iterations":0}""", "payload.iterations")]
    [InlineData("""{"iterations":1001}""", "payload.iterations")]
    [InlineData("""{"iterations":"many"}""", "payload.iterations")]
    [InlineData("""{"fail_at":"lunch"}""", "payload.fail_at")]
    [InlineData("""{"fail_at":7}""", "payload.fail_at")]
    [InlineData("""{"retryable":"yes"}""", "payload.retryable")]
    [InlineData("""{"error":["no"]}""", "payload.error")]
    public async Task A_payload_that_makes_no_sense_fails_the_run_by_name(string payload, string field)
    {
        await using var server = await StartAsync();
        var client = server.Client();
        string id = await SubmitAsync(client, JsonNode.Parse(payload)!.AsObject());
        await JobTests.UntilAsync(server, id, JobState.Failed);

        Assert.StartsWith(field + ":", (await client.JobAsync(id)).Text("error_message"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[1]", "payload: must be a JSON object")]
    [InlineData("7", "payload: must be a JSON object")]
    [InlineData("goal", "payload: must be JSON")]
    public async Task A_payload_that_is_no_object_is_told_in_a_sentence(string payload, string error)
    {
        await using var server = await StartAsync();
        var submitted = await server.Engine.SubmitAsync(
            new JobRequest { Type = "build", UserId = "u1", Payload = System.Text.Encoding.UTF8.GetBytes(payload) });
        await JobTests.UntilAsync(server, submitted.JobId.ToString(), JobState.Failed);

        Assert.Equal(error, (await server.Engine.GetAsync(submitted.JobId))!.Error);
    }

    [Fact]
    public async Task A_retryable_failure_is_tried_again_as_the_type_says()
    {
        await using var server = await StartAsync(
            ("Engine:JobTypes:build:MaxRetries", "1"), ("Engine:JobTypes:build:RetryDelay", "00:00:00"));
        var client = server.Client();
        string id = await SubmitAsync(client, new JsonObject { ["fail_at"] = "code", ["retryable"] = true });
        await JobTests.UntilAsync(server, id, JobState.Failed);

        // Each try begins an iteration, and those are counted: two are what a batch of this tier holds.
        var job = await client.JobAsync(id);
        Assert.Equal((2, 2), (job.Number("runs"), job["usage"]!.AsObject().Number("iterations_used")));
    }

    private static Task<EngineServer> StartAsync(params (string, string)[] settings) => EngineServer.StartAsync(
        [("environment", "Development"), ("Engine:Rehearsal:StageDuration", "00:00:00"), .. settings]);

    private static async Task<string> SubmitAsync(HttpClient client, JsonObject payload)
    {
        var body = new JsonObject { ["project_id"] = "p1", ["goal"] = "g", ["payload"] = payload };
        return (await (await client.PostJsonAsync("/api/jobs", body)).JsonAsync(HttpStatusCode.Created)).Text("job_id");
    }
}
