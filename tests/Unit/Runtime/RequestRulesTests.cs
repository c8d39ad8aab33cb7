using Engine.Runtime;

namespace Engine.Tests.Runtime;

/// <summary>Every field of a request, at its edges: what is just inside is taken, what is just outside is refused by name.</summary>
public sealed class RequestRulesTests
{
    private static readonly JobRequest Good = new() { Type = "work", UserId = "u" };

    public static TheoryData<string, int> NameEdges => new()
    {
        { nameof(JobRequest.Type), 128 },
        { nameof(JobRequest.UserId), 128 },
        { nameof(JobRequest.ProjectId), 128 },
        { nameof(JobRequest.Tier), 128 },
        { nameof(JobRequest.Resources), 128 },
    };

    [Theory]
    [MemberData(nameof(NameEdges))]
    public void Names_have_1_to_128_characters_that_can_be_seen(string field, int longest)
    {
        Assert.Null(Objection(With(field, new string('x', longest))));
        Assert.Null(Objection(With(field, "ÄÖ-名前 with a space")));
        Assert.Null(Objection(With(field, "𠮷野 \ud83d\ude00")));
        Assert.Null(Objection(With(field, "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \ud83d\udc69\u200d\ud83d\udc67")));
        foreach (string wrong in (string[])
            ["", " ", "\t", new string('x', longest + 1), "a\nb", "a\0b", "a\u007fb", "\ud83d", "\ude00", "\ude00\ud83d", "\ud83dx",
            "a\u0085b", "a\u2028b", "a\u2029b", "\u202atxt", "\u202egpj.exe", "\u2066a", "a\u2069"])
        {
            var refusal = Objection(With(field, wrong));
            Assert.True(refusal is not null, $"{field} '{wrong}' was taken");
            Assert.Equal((RefusalReason.Invalid, field), (refusal.Reason, refusal.Field));
        }
    }

    [Theory]
    [InlineData("", "UserId must be 1 to 128 characters, not only blanks.")]
    [InlineData("a\u0007", "UserId must not hold a control character; found U+0007 at character 2.")]
    [InlineData("ab\u2028", "UserId must not hold a separator of lines; found U+2028 at character 3.")]
    [InlineData("\ud83d\ude00\u202e", "UserId must not hold a code that turns the direction of writing; found U+202E at character 3.")]
    public void A_name_that_is_refused_is_told_why(string name, string message) =>
        Assert.Equal(message, Objection(Good with { UserId = name })?.Message);

    // Not as data of the theory: an attribute cannot hold it.
    [Fact]
    public void Half_of_a_character_is_told_with_its_place() =>
        A_name_that_is_refused_is_told_why(
            "\ud83d\ude00\ude00", "UserId must not hold half of a surrogate pair; found U+DE00 at character 3.");

    [Fact]
    public void A_name_that_is_too_long_is_told_how_long_it_is() =>
        A_name_that_is_refused_is_told_why(
            new string('x', 129), "UserId must be 1 to 128 characters, not only blanks; found 129.");

    [Theory]
    [InlineData(-1, false)]
    [InlineData(0, true)]
    [InlineData(100, true)]
    [InlineData(101, false)]
    public void A_priority_is_0_to_100(int priority, bool isGood) =>
        AssertField(Good with { Priority = priority }, isGood ? null : nameof(JobRequest.Priority));

    [Theory]
    [InlineData(0, true)]
    [InlineData(10, true)]
    [InlineData(11, false)]
    public void A_payload_is_bounded(int size, bool isGood) =>
        AssertField(Good with { Payload = new byte[size] }, isGood ? null : nameof(JobRequest.Payload));

    [Theory]
    [InlineData("k", true)]
    [InlineData("!~", true)]
    [InlineData("", false)]
    [InlineData("with space", false)]
    [InlineData("schlüssel", false)]
    [InlineData("line\n", false)]
    public void An_idempotency_key_is_visible_ascii(string key, bool isGood) =>
        AssertField(Good with { IdempotencyKey = key }, isGood ? null : nameof(JobRequest.IdempotencyKey));

    [Fact]
    public void An_idempotency_key_has_up_to_255_characters()
    {
        AssertField(Good with { IdempotencyKey = new string('k', 255) }, null);
        AssertField(Good with { IdempotencyKey = new string('k', 256) }, nameof(JobRequest.IdempotencyKey));
    }

    [Fact]
    public void A_job_names_at_most_16_resources()
    {
        AssertField(Good with { Resources = [.. Enumerable.Range(0, 16).Select(i => $"r{i}")] }, null);
        AssertField(Good with { Resources = [.. Enumerable.Range(0, 17).Select(i => $"r{i}")] }, nameof(JobRequest.Resources));
        AssertField(Good with { Resources = null! }, nameof(JobRequest.Resources));
        AssertField(Good with { Resources = [null!] }, nameof(JobRequest.Resources));
    }

    [Fact]
    public void An_id_is_not_all_zeros()
    {
        AssertField(Good with { Id = default(JobId) }, nameof(JobRequest.Id));
        AssertField(Good with { Id = new JobId(Guid.Parse("00000000-0000-0000-0000-000000000001")) }, null);
    }

    [Fact]
    public void Optional_fields_may_be_absent()
    {
        AssertField(Good with { ProjectId = null, Tier = null, IdempotencyKey = null, Id = null, Resources = [] }, null);
    }

    [Fact]
    public void Equal_requests_have_equal_fingerprints_and_others_do_not()
    {
        var request = Good with { ProjectId = "p", Priority = 3, Resources = ["b", "a"], Payload = "{}"u8.ToArray() };
        var mark = RequestRules.Fingerprint(request);

        Assert.Equal(mark, RequestRules.Fingerprint(request with { Payload = "{}"u8.ToArray(), Resources = ["a", "b", "a"] }));
        JobRequest[] others =
        [
            request with { Type = "build" }, request with { ProjectId = null }, request with { ProjectId = "q" },
            request with { Priority = 4 }, request with { Resources = ["a"] }, request with { Resources = ["ab"] },
            request with { Payload = "{ }"u8.ToArray() }, request with { Payload = default },
            request with { Type = "workp", ProjectId = "" },

            // A payload that looks like the other resource.
            request with { Resources = ["a"], Payload = (byte[])[1, 0, 0, 0, (byte)'b', .. "{}"u8] },
        ];
        Assert.All(others, other => Assert.NotEqual(mark, RequestRules.Fingerprint(other)));
        Assert.Equal(others.Length, others.Select(RequestRules.Fingerprint).Distinct().Count());
    }

    private static void AssertField(JobRequest request, string? field) => Assert.Equal(field, Objection(request)?.Field);

    private static Refusal? Objection(JobRequest request) =>
        RequestRules.Objection(request, new JobEngineOptions { MaxPayloadBytes = 10 });

    private static JobRequest With(string field, string value) => field switch
    {
        nameof(JobRequest.Type) => Good with { Type = value },
        nameof(JobRequest.UserId) => Good with { UserId = value },
        nameof(JobRequest.ProjectId) => Good with { ProjectId = value },
        nameof(JobRequest.Tier) => Good with { Tier = value },
        _ => Good with { Resources = [value] },
    };
}
