using System.Net;
using Engine.Host.Cli;
using Engine.Host.Configuration;
using Engine.Host.Serve;
using Engine.Storage;

namespace Engine.Tests.Http;

/// <summary>What callers and supervisors hear when the storage fails while the host serves (D5).</summary>
public class StorageFailureTests
{
    [Fact]
    public async Task A_storage_error_answers_503_and_ends_the_process_with_74()
    {
        var configuration = EngineServer.Configure(("MaxConcurrentRuns", "0"));
        var settings = SettingsReader.Read(configuration);
        await using var journal = new BreakableJournal();
        await using var app = ServeHost.Create(
            configuration,
            settings,
            engine => engine
                .UseJournal(_ => journal)
                .AddHandler("build", _ => new ScriptedHandler(), type => type with { Pipeline = Pipeline.Build }));
        var ended = ServeCommand.RunAsync(app, settings, CancellationToken.None);
        await app.Services.StartedAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        client.DefaultRequestHeaders.Authorization = new("Bearer", "dev:u:partner");
        await client.SubmittedAsync();

        journal.Break();
        var response = await client.SubmitAsync();

        var body = await response.JsonAsync(HttpStatusCode.ServiceUnavailable);
        Assert.Equal("urn:engine:problem:engine-stopped", body.Text("type"));
        Assert.NotNull(response.Headers.RetryAfter);
        Assert.Equal(ExitCode.StorageFailed, await ended.WaitAsync(TestEngine.Guard));
    }

    /// <summary>A journal that works until it does not.</summary>
    private sealed class BreakableJournal : IJournal
    {
        private readonly MemoryJournal _inner = new();
        private volatile bool _broken;

        public Durability Durability => Durability.Memory;

        internal void Break() => _broken = true;

        public ValueTask<JournalOwnership> AcquireAsync(CancellationToken cancellationToken) =>
            _inner.AcquireAsync(cancellationToken);

        public ValueTask<AppendResult> AppendAsync(long epoch, long expectedSequence, ReadOnlyMemory<byte> frames) =>
            _broken
                ? new(new AppendResult(AppendStatus.Unknown, "the disk is gone"))
                : _inner.AppendAsync(epoch, expectedSequence, frames);

        public IAsyncEnumerable<JournalFrame> ReadAsync(long fromSequence, CancellationToken cancellationToken) =>
            _inner.ReadAsync(fromSequence, cancellationToken);

        public ValueTask SaveSnapshotAsync(
            long epoch, long sequence, ReadOnlyMemory<byte> state, CancellationToken cancellationToken) =>
            _inner.SaveSnapshotAsync(epoch, sequence, state, cancellationToken);

        public ValueTask<JournalSnapshot?> LoadSnapshotAsync(CancellationToken cancellationToken) =>
            _inner.LoadSnapshotAsync(cancellationToken);

        public ValueTask TruncateAsync(long epoch, long belowSequence, CancellationToken cancellationToken) =>
            _inner.TruncateAsync(epoch, belowSequence, cancellationToken);

        public ValueTask DisposeAsync() => _inner.DisposeAsync();
    }
}
