using Engine.Hosting;
using Engine.Storage.Faster;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Registers the embedded journal.</summary>
public static class FasterEngineBuilderExtensions
{
    /// <summary>Keeps events in <paramref name="directory"/>, durable before anybody hears of them.</summary>
    /// <param name="builder">The engine under construction.</param>
    /// <param name="directory">The journal's own directory; created if it is not there.</param>
    /// <param name="configure">Changes other settings.</param>
    /// <exception cref="ArgumentException">A setting is out of range; the message names it.</exception>
    public static EngineBuilder UseFasterJournal(
        this EngineBuilder builder, string directory, Action<FasterJournalOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var options = new FasterJournalOptions { Directory = directory };
        configure?.Invoke(options);

        // Here and not at the first use: a wrong setting stops the start.
        options.Validate();
        return builder.UseJournal(
            provider => new FasterJournal(options, provider.GetService<ILogger<FasterJournal>>()));
    }
}
