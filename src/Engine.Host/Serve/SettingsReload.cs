using System.Collections.Concurrent;
using System.Threading.Channels;
using Engine.Host.Configuration;
using Engine.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;

namespace Engine.Host.Serve;

/// <summary>Takes changed settings over while the host runs: tiers, resources, the cap, and what a served job type may
/// do. Settings that cannot be used change nothing and are logged.</summary>
internal sealed partial class SettingsReload(
    IConfiguration configuration,
    HostSettings started,
    HostedEngine hosted,
    JobEngine engine,
    ILogger<SettingsReload> logger)
    : BackgroundService
{
    private readonly Channel<bool> _changes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly ConcurrentDictionary<FileConfigurationProvider, string> _unreadable = new();
    private Dictionary<string, string> _known = [];
    private int _loadingThread = -1;

    private IEnumerable<FileConfigurationProvider> Files =>
        ((configuration as IConfigurationRoot)?.Providers ?? []).OfType<FileConfigurationProvider>();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        _known = Flat();
        foreach (var file in Files)
        {
            file.Source.OnLoadException = NoteUnreadable;
        }

        using var subscription = ChangeToken.OnChange(configuration.GetReloadToken, NoteChange);

        // Of an engine that stands by nothing can be changed; what changes meanwhile is looked at when it serves.
        await hosted.Serving.WaitAsync(stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!hosted.Serving.IsCompletedSuccessfully)
        {
            return;
        }

        await foreach (bool _ in _changes.Reader.ReadAllAsync(stoppingToken).ConfigureAwait(false))
        {
            await TakeOverAsync(stoppingToken).ConfigureAwait(false);
        }
    }

    // Thrown on a thread of the file watcher, it would be lost; and what was known of the file is empty by then.
    private void NoteUnreadable(FileLoadExceptionContext context)
    {
        _unreadable[context.Provider] = SettingsException.OfFile(context.Exception);
        context.Ignore = true;
    }

    private void NoteChange()
    {
        if (Volatile.Read(ref _loadingThread) != Environment.CurrentManagedThreadId)
        {
            _changes.Writer.TryWrite(true);
        }
    }

    /// <summary>What keeps the files from being what they were meant to be; null when nothing does. One that could not be
    /// read is read again.</summary>
    private string? ProblemOfFiles()
    {
        Volatile.Write(ref _loadingThread, Environment.CurrentManagedThreadId);
        try
        {
            foreach (var file in _unreadable.Keys)
            {
                _unreadable.TryRemove(file, out _);
                file.Load();
            }
        }
        finally
        {
            Volatile.Write(ref _loadingThread, -1);
        }

        var missing = Files.Where(file => !file.Source.Optional
            && file.Source.FileProvider?.GetFileInfo(file.Source.Path ?? "").Exists == false);
        string[] problems =
            [.. _unreadable.Values, .. missing.Select(file => $"The settings file '{file.Source.Path}' is gone.")];
        return problems.Length == 0 ? null : string.Join(' ', problems);
    }

    private async Task TakeOverAsync(CancellationToken cancellationToken)
    {
        if (ProblemOfFiles() is { } problem)
        {
            LogRefused(problem);
            return;
        }

        var now = Flat();
        string[] changed =
        [
            .. now.Keys.Union(_known.Keys, StringComparer.OrdinalIgnoreCase)
                .Where(key => now.GetValueOrDefault(key) != _known.GetValueOrDefault(key))
                .Order(StringComparer.OrdinalIgnoreCase),
        ];
        if (changed.Length == 0)
        {
            return;
        }

        try
        {
            var settings = SettingsReader.Read(configuration);
            if (!_unreadable.IsEmpty)
            {
                // A file has become unreadable meanwhile, and its own change follows.
                return;
            }

            var served = EngineSetup.ServedTypes(started)
                .Select(type => type.Type.Name)
                .ToHashSet(StringComparer.Ordinal);
            await engine.ReconfigureAsync(
                options =>
                {
                    options.GlobalCap = settings.Engine.GlobalCap;
                    options.Tiers = [.. settings.Engine.Tiers];
                    options.Resources = new Dictionary<string, int>(settings.Engine.Resources, StringComparer.Ordinal);
                    foreach (var type in settings.JobTypes.Values.Where(type => served.Contains(type.Type.Name)))
                    {
                        EngineSetup.ReplaceType(options, type.Type);
                    }
                },
                cancellationToken).ConfigureAwait(false);

            // For the host's own question, which plans are paid ones.
            started.Engine.Tiers = [.. settings.Engine.Tiers];
        }
        catch (SettingsException e)
        {
            LogRefused(e.Message);
            return;
        }
        catch (OptionsValidationException e)
        {
            LogRefused(e.Message);
            return;
        }
        catch (EngineStoppedException)
        {
            // The engine has said why; the settings hold after the restart.
            return;
        }

        _known = now;
        var later = changed.Where(key => SettingsReader.Find(key) is not { Reloads: true }).ToArray();
        LogTaken(string.Join(", ", changed.Except(later)));
        if (later.Length > 0)
        {
            LogLater(string.Join(", ", later));
        }
    }

    private Dictionary<string, string> Flat() =>
        SettingsReader.Values(configuration)
            .ToDictionary(pair => pair.Key, pair => pair.Text, StringComparer.OrdinalIgnoreCase);

    [LoggerMessage(4011, LogLevel.Information, "Took over changed settings: {Keys}")]
    private partial void LogTaken(string keys);

    [LoggerMessage(4012, LogLevel.Warning, "These changed settings take effect at the next start: {Keys}")]
    private partial void LogLater(string keys);

    [LoggerMessage(4013, LogLevel.Error, "Changed settings were refused, the old ones stay. {Problems}")]
    private partial void LogRefused(string problems);
}
