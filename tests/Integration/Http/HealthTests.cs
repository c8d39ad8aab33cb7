using System.Net;

namespace Engine.Tests.Http;

/// <summary>What a host says about itself.</summary>
public sealed class HealthTests
{
    [Fact]
    public async Task F14_readiness_tells_that_the_clock_stands_still()
    {
        var time = ShiftedTime.AtNoon();
        await using var server = await EngineServer.StartAsync(time, []);
        var client = server.ClientWith(null);
        var ready = await (await client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.OK);
        Assert.Equal("""{"status":"ready"}""", ready.ToJsonString());

        time.Leap(TimeSpan.FromHours(-2));
        ready = await (await client.GetAsync("/health/ready")).JsonAsync(HttpStatusCode.OK);

        Assert.Equal("ready", ready.Text("status"));
        Assert.InRange(ready.Number("clock_lead_seconds"), 7_000, 7_200);
    }
}
