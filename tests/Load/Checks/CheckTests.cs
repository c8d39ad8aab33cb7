using Engine.Tests.Load.Targets;
using Engine.Tests.Load.Work;

namespace Engine.Tests.Load.Checks;

/// <summary>The checks themselves: each finds what it is there to find.</summary>
public sealed class CheckTests
{
    private static readonly Limits Tight = new() { GlobalCap = 100, Runs = 12, Daily = 20 };

    private static readonly (string Promise, string What, Limits Lower)[] OneLower =
    [
        ("A1", "queued is 100,", Tight with { GlobalCap = 99 }),
        ("A3", "running is 12,", Tight with { Runs = 11 }),
        ("A3", "running_per_resource is 2,", Tight with { Gpus = 1 }),
        ("A5", "charged_per_day is 20,", Tight with { Daily = 19 }),
    ];

    [Fact]
    public async Task A_limit_that_is_exceeded_by_one_is_found_in_the_journal()
    {
        await using var session = await LoadSession.StartAsync(new LoadPlan { Limits = Tight, Users = 10 });
        await using var house = await FullHouse.FillAsync(session);
        await session.ClosedAsync(32, 1_000);
        await house.EmptyAsync();
        await session.ClosedAsync(32, 9_000);
        await session.DrainAsync();
        await session.SettleAsync();
        Assert.Empty(session.Findings.Told);

        // The engine kept its limits. Had they been lower by one, it would have broken each.
        foreach (var (promise, what, lower) in OneLower)
        {
            var findings = await ReplayAsync(session, lower);
            Assert.Contains(findings.Told, told => told.StartsWith($"{promise}: {what}", StringComparison.Ordinal));
        }

        Assert.Equal(0, (await ReplayAsync(session, Tight)).Count);
    }

    [Fact]
    public async Task D1_what_was_acknowledged_and_is_not_there_is_found()
    {
        await using var session = await SomeLoadAsync();
        var some = session.Ledger.Accepted.Values.First();
        session.Ledger.Accept(new Acknowledged(some.Ask with { Number = 1_000_000 }, JobId.New(TimeProvider.System)));

        await session.SettleAsync();

        Assert.Contains(session.Findings.Told, told => told.StartsWith("D1", StringComparison.Ordinal)
            && told.EndsWith("is not in the journal", StringComparison.Ordinal));
        Assert.Contains(session.Findings.Told, told => told.StartsWith("D1", StringComparison.Ordinal)
            && told.EndsWith("is not shown to its owner", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A2_what_nobody_was_told_of_and_is_there_is_found()
    {
        await using var session = await SomeLoadAsync();
        var some = session.Ledger.Accepted.Values.First().Ask;
        var answer = await session.Target.SubmitAsync(some with { Number = 1_000_000, Key = null });
        session.Ledger.Refuse(1_000_000);
        await session.DrainAsync();

        await session.SettleAsync();

        string told = Assert.Single(session.Findings.Told);
        Assert.Equal($"A2: {answer.Id} (submission 1000000) is in the journal and was never acknowledged", told);
    }

    [Fact]
    public async Task W5_two_jobs_for_one_submission_are_found()
    {
        await using var session = await SomeLoadAsync();
        var some = session.Ledger.Accepted.Values.First();
        await session.Target.SubmitAsync(some.Ask with { Key = null });
        await session.DrainAsync();

        await session.SettleAsync();

        Assert.StartsWith("W5", Assert.Single(session.Findings.Told), StringComparison.Ordinal);
    }

    [Fact]
    public async Task W5_a_submission_sent_again_that_gets_another_job_is_found()
    {
        await using var session = await SomeLoadAsync();
        var some = session.Ledger.Accepted.Values.First(job => job.Ask.Key is null);

        // Without its key it is not sent again, but anew.
        await session.Traffic.ResendAsync(some);

        Assert.StartsWith("W5", Assert.Single(session.Findings.Told), StringComparison.Ordinal);
    }

    [Fact]
    public async Task D3_an_end_that_a_stream_showed_and_that_is_not_stored_is_found()
    {
        await using var session = await SomeLoadAsync();
        var some = session.Ledger.Accepted.Values.First();
        session.Ledger.SeeEnd(some.Id, JobState.Skipped);

        await session.SettleAsync();

        Assert.StartsWith("D3", Assert.Single(session.Findings.Told), StringComparison.Ordinal);
    }

    [Fact]
    public async Task V1_an_engine_that_does_not_answer_is_found()
    {
        await using var session = await SomeLoadAsync();
        await session.EndAsync(kill: false);
        session.Traffic.MayEnd = false;

        await session.Traffic.SubmitOnlyAsync(0);

        Assert.StartsWith("V1", Assert.Single(session.Findings.Told), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(JobState.Queued, 0, "Worker", false)]
    [InlineData(JobState.Queued, 1, null, false)]
    [InlineData(JobState.Queued, 1, "Worker", true)]
    [InlineData(JobState.Scheduled, 0, "DailyAllowance", false)]
    [InlineData(JobState.AwaitingConfirmation, 0, null, false)]
    [InlineData(JobState.AwaitingConfirmation, 0, "Confirmation", true)]
    [InlineData(JobState.Running, 0, null, true)]
    [InlineData(JobState.Completed, 0, null, true)]
    public void V1_who_waits_without_a_reason_is_found(
        JobState state, long position, string? waitsFor, bool isExplained)
    {
        var findings = new Findings();
        var job = new Acknowledged(new Ask(0, "u", "t", "p", "x", 0, null, 1, false), JobId.New(TimeProvider.System));

        Explained.Check(findings, job, new JobLook(state, position, waitsFor, null));

        Assert.Equal(isExplained ? 0 : 1, findings.Count);
    }

    private static async Task<LoadSession> SomeLoadAsync()
    {
        var session = await LoadSession.StartAsync(new LoadPlan());
        await session.ClosedAsync(4, 200);
        await session.DrainAsync();
        Assert.Empty(session.Findings.Told);
        return session;
    }

    private static async Task<Findings> ReplayAsync(LoadSession session, Limits limits)
    {
        var findings = new Findings();
        var audit = new JournalAudit(limits, findings);
        await foreach (var frame in session.Target.Journal!.ReadAsync(1))
        {
            audit.Fold(frame);
        }

        return findings;
    }
}
