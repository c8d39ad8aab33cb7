using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Engine.Core.Rules;

namespace Engine.Runtime;

/// <summary>What can be said about a request without knowing any state.</summary>
internal static class RequestRules
{
    /// <summary>Named resources that a request, or a job type, may have. All names of a job lie in one frame.</summary>
    internal const int MaxResources = 16;

    private const int MaxMessageLength = 500;
    private const int MaxErrorLength = 2000;
    private const int MaxDebugIdLength = 128;

    /// <summary>What the core is asked to decide for a request that breaks no rule.</summary>
    /// <param name="request">The request.</param>
    /// <param name="id">Its own id, or a new one.</param>
    internal static Submission ToSubmission(JobRequest request, JobId id) => new(
        id,
        request.Id is not null,
        request.Type,
        request.UserId,
        request.ProjectId,
        request.Tier,
        request.Priority,
        request.Payload,
        SortedResources(request),
        request.IdempotencyKey,
        request.IdempotencyKey is null ? default : Fingerprint(request));

    /// <summary>The first rule that a request breaks, with its field; null when it breaks none.</summary>
    internal static Refusal? Objection(JobRequest request, JobEngineOptions options)
    {
        if ((NameObjection(request.Type, nameof(JobRequest.Type))
            ?? NameObjection(request.UserId, nameof(JobRequest.UserId))
            ?? (request.ProjectId is null ? null : NameObjection(request.ProjectId, nameof(JobRequest.ProjectId)))
            ?? (request.Tier is null ? null : NameObjection(request.Tier, nameof(JobRequest.Tier)))) is { } refusal)
        {
            return refusal;
        }

        if (request.Id is { } id && id == default)
        {
            return Invalid(nameof(JobRequest.Id), "An id is not all zeros.");
        }

        if (request.Priority is < 0 or > 100)
        {
            return Invalid(nameof(JobRequest.Priority), $"A priority is 0 to 100, not {request.Priority}.");
        }

        if (request.Payload.Length > options.MaxPayloadBytes)
        {
            return Invalid(
                nameof(JobRequest.Payload),
                $"A payload has at most {options.MaxPayloadBytes} bytes, not {request.Payload.Length}.");
        }

        if (request.IdempotencyKey is { } key && !IsKey(key))
        {
            return Invalid(
                nameof(JobRequest.IdempotencyKey),
                $"An idempotency key has 1 to {JobRequest.MaxIdempotencyKeyLength} visible ASCII characters.");
        }

        if (request.Resources is not { Count: <= MaxResources })
        {
            return Invalid(nameof(JobRequest.Resources), $"A job names at most {MaxResources} resources.");
        }

        foreach (string resource in request.Resources)
        {
            if (NameObjection(resource, nameof(JobRequest.Resources)) is { } objection)
            {
                return objection;
            }
        }

        return null;
    }

    /// <summary>The named resources, sorted and without repeats; null for none.</summary>
    internal static string[]? SortedResources(JobRequest request) => request.Resources.Count switch
    {
        0 => null,
        1 => [request.Resources[0]],
        _ => [.. new SortedSet<string>(request.Resources, StringComparer.Ordinal)],
    };

    /// <summary>What two requests share exactly when they ask for the same: the mark of an idempotency key.</summary>
    internal static UInt128 Fingerprint(JobRequest request)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, request.Type);
        Append(hash, request.ProjectId);
        Append(hash, request.Priority.ToString(CultureInfo.InvariantCulture));
        foreach (string resource in SortedResources(request) ?? [])
        {
            Append(hash, resource);
        }

        // The payload is no further resource.
        Append(hash, null);
        hash.AppendData(request.Payload.Span);
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return BinaryPrimitives.ReadUInt128LittleEndian(digest);
    }

    internal static string? ShortMessage(string? message) => message is null ? null : Cut(message, MaxMessageLength);

    internal static void CheckOutcome(RunOutcome outcome, JobEngineOptions options)
    {
        switch (outcome)
        {
            case RunOutcome.Completed { Result.Length: var length } when length > options.MaxPayloadBytes:
                throw new ArgumentException(
                    $"A result has at most {options.MaxPayloadBytes} bytes, not {length}.", nameof(outcome));
            case RunOutcome.Suspended { Checkpoint.Length: var length } when length > options.MaxPayloadBytes:
                throw new ArgumentException(
                    $"A checkpoint has at most {options.MaxPayloadBytes} bytes, not {length}.", nameof(outcome));
            case RunOutcome.Failed { Error: null or { Length: > MaxErrorLength } }:
                throw new ArgumentException($"An error has at most {MaxErrorLength} characters.", nameof(outcome));
            case RunOutcome.Failed { DebugId: null or { Length: > MaxDebugIdLength } }:
                throw new ArgumentException($"A debug id has at most {MaxDebugIdLength} characters.", nameof(outcome));
            default:
                break;
        }
    }

    internal static void CheckClaim(ClaimRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(request.Types, nameof(request));
        if (request.Types.Any(static type => type is null))
        {
            throw new ArgumentException("A claim names a type that is null.", nameof(request));
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(request.MaxRuns, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(request.MaxRuns, 10_000);
    }

    /// <summary>The first characters of a text, never half of one.</summary>
    internal static string Cut(string text, int length) => text.Length <= length
        ? text
        : text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)];

    private static Refusal? NameObjection(string? name, string field) =>
        JobRequest.NameProblem(name) is { } problem ? Invalid(field, $"{field} {problem}.") : null;

    private static bool IsKey(string key) =>
        key.Length is > 0 and <= JobRequest.MaxIdempotencyKeyLength && key.All(static c => c is > ' ' and < '\x7f');

    private static Refusal Invalid(string field, string message) =>
        new() { Reason = RefusalReason.Invalid, Field = field, Message = message };

    private static void Append(IncrementalHash hash, string? part)
    {
        // With its length, so that no two lists of parts run together into the same bytes.
        byte[] bytes = part is null ? [] : Encoding.UTF8.GetBytes(part);
        Span<byte> length = stackalloc byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, part is null ? -1 : bytes.Length);
        hash.AppendData(length);
        hash.AppendData(bytes);
    }
}
