using Microsoft.Extensions.Options;

namespace Engine.Hosting;

/// <summary>Stops the start of an application whose settings break a rule.</summary>
internal sealed class JobEngineOptionsValidator : IValidateOptions<JobEngineOptions>
{
    public ValidateOptionsResult Validate(string? name, JobEngineOptions options) =>
        OptionsRules.Failures(options) is { Count: > 0 } failures
            ? ValidateOptionsResult.Fail(failures)
            : ValidateOptionsResult.Success;
}
