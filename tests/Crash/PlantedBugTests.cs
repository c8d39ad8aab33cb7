using Engine.Tests.Crash.Checks;
using Engine.Tests.Crash.Loop;

namespace Engine.Tests.Crash;

/// <summary>The loop proves something only if it finds what it looks for: bugs planted on purpose.</summary>
public sealed class PlantedBugTests
{
    [LinuxFact]
    public async Task D1_acknowledgements_that_come_before_the_append_are_found()
    {
        using var life = new Life(seed: 101, new Tally()) { AcknowledgeEarlyMs = 30 };

        var finding = await Assert.ThrowsAsync<FindingException>(async () =>
        {
            for (int i = 0; i < 5; i++)
            {
                await life.CycleAsync(new Kill("busy", DelayMs: 300));
            }
        });

        Assert.Contains(finding.Promise, (string[])["D1", "D3"]);
        life.Forget();
    }

    [LinuxFact]
    public async Task D2_a_recovery_that_drops_the_last_acknowledged_commit_is_found()
    {
        using var life = new Life(seed: 102, new Tally());
        string journal = life.Options().JournalDirectory;

        // The commit at which the process stopped was not acknowledged: without it all is well.
        await life.CycleAsync(new Kill("torn commit", "CommitWritten", 40, Tears: true));

        // The one before it was. The journal itself may know that, if its superblock was written since (D6).
        Assert.True(TornTail.Tear(journal, new Dice(1), whole: true));
        var finding = await Assert.ThrowsAsync<FindingException>(() => life.CheckAsync());
        Assert.Contains(finding.Promise, (string[])["D1", "D2", "D3", "D6"]);
        life.Forget();
    }

    [LinuxFact]
    public async Task D1_the_first_look_at_a_journal_without_its_last_acknowledged_commits_finds_it_too()
    {
        using var life = new Life(seed: 103, new Tally());
        string journal = life.Options().JournalDirectory;
        await using (var child = life.Start(life.Options() with { Pause = "CommitWritten", PauseAt = 40 }))
        {
            Assert.True(await child.HearAsync("at", Guards.Start) is not null, child.Complaint);
            await child.KillAsync();
        }

        // The last one was not acknowledged; answers to those just before it may have died on their way.
        for (int i = 0; i < 8; i++)
        {
            Assert.True(TornTail.Tear(journal, new Dice(1), whole: true));
        }

        var finding = await Assert.ThrowsAsync<FindingException>(() => life.CheckAsync());
        Assert.Contains(finding.Promise, (string[])["D1", "D3", "D6"]);
        life.Forget();
    }
}
