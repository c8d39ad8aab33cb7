using System.Diagnostics;
using System.Globalization;
using Engine.Tests.Redis;

namespace Engine.Bench.Throughput;

/// <summary>What the redis-benchmark of the same installation gets out of the same server: the yardstick beside the
/// journal's figures.</summary>
internal static class RedisBaseline
{
    /// <summary>Requests per second of 200-byte SETs by 50 clients.</summary>
    /// <param name="address">The server.</param>
    /// <param name="pipeline">Requests that a client sends at a time.</param>
    /// <param name="requests">In all.</param>
    /// <returns>Null when there is no redis-benchmark.</returns>
    internal static async Task<double?> SetsAsync(string address, int pipeline, int requests)
    {
        if (RedisServer.FindBinary("redis-benchmark") is not { } binary)
        {
            Figures.Note("redis-benchmark is not installed: no yardstick");
            return null;
        }

        string[] parts = address.Split(':');
        var start = new ProcessStartInfo(binary) { RedirectStandardOutput = true, RedirectStandardError = true };
        string[] arguments =
        [
            "-h", parts[0], "-p", parts[1], "-t", "set", "-d", "200", "-r", "100000", "-c", "50", "--csv",
            "-P", pipeline.ToString(CultureInfo.InvariantCulture), "-n", requests.ToString(CultureInfo.InvariantCulture),
        ];
        Array.ForEach(arguments, start.ArgumentList.Add);
        using var process = Process.Start(start) ?? throw new InvalidOperationException("redis-benchmark did not start.");
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        string line = output.Split('\n').FirstOrDefault(static line => line.StartsWith("\"SET\"", StringComparison.Ordinal))
            ?? throw new InvalidOperationException($"redis-benchmark said: {output}");
        return double.Parse(line.Split(',')[1].Trim('"'), CultureInfo.InvariantCulture);
    }
}
