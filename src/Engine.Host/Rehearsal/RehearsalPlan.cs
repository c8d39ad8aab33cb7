using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Engine.Host.Rehearsal;

/// <summary>What a payload asks a rehearsal to do.</summary>
/// <param name="Iterations">1 to 1,000.</param>
/// <param name="FailAt">The stage to fail in, or null.</param>
/// <param name="Error">What to fail with, or null for a text of our own.</param>
/// <param name="Retryable">Whether the type's retries may be used.</param>
internal sealed record RehearsalPlan(int Iterations, string? FailAt, string? Error, bool Retryable)
{
    private const int MaxIterations = 1_000;

    internal static bool TryRead(
        ReadOnlyMemory<byte> payload,
        Pipeline? pipeline,
        [NotNullWhen(true)] out RehearsalPlan? plan,
        [NotNullWhen(false)] out string? problem)
    {
        plan = null;
        problem = null;
        if (payload.IsEmpty)
        {
            plan = new RehearsalPlan(1, null, null, false);
            return true;
        }

        using var document = Parse(payload);
        if (document is null)
        {
            problem = "payload: must be JSON";
            return false;
        }

        var root = document.RootElement;
        if (root.ValueKind != JsonValueKind.Object)
        {
            problem = "payload: must be a JSON object";
            return false;
        }

        int iterations = 1;
        if (IsGiven(root, "iterations", out var number)
            && (number.ValueKind != JsonValueKind.Number
                || !number.TryGetInt32(out iterations)
                || iterations is < 1 or > MaxIterations))
        {
            problem = $"payload.iterations: must be a whole number from 1 to {MaxIterations}";
            return false;
        }

        string? failAt = null;
        if (IsGiven(root, "fail_at", out var stage))
        {
            failAt = stage.ValueKind == JsonValueKind.String ? stage.GetString()! : "";
            if (pipeline is null || pipeline.IndexOf(failAt) < 0)
            {
                string known = string.Join(", ", pipeline?.Stages.Select(stage => stage.Name) ?? []);
                problem = $"payload.fail_at: must be a stage of the type's pipeline ({known})";
                return false;
            }
        }

        if (IsGiven(root, "error", out var error) && error.ValueKind != JsonValueKind.String)
        {
            problem = "payload.error: must be text";
            return false;
        }

        if (IsGiven(root, "retryable", out var flag) && flag.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            problem = "payload.retryable: must be true or false";
            return false;
        }

        plan = new RehearsalPlan(
            iterations,
            failAt,
            error.ValueKind == JsonValueKind.String ? error.GetString() : null,
            flag.ValueKind == JsonValueKind.True);
        return true;
    }

    private static JsonDocument? Parse(ReadOnlyMemory<byte> payload)
    {
        try
        {
            return JsonDocument.Parse(payload);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // A field that is null is a field that is not there.
    private static bool IsGiven(JsonElement root, string name, out JsonElement value) =>
        root.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;
}
