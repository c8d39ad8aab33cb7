using Engine.Core;

namespace Engine.Tests.Core;

public sealed class PlantedTests
{
    [Fact]
    public void A_bug_is_planted_on_its_own_thread_only_and_stays_whatever_others_do()
    {
        var (planted, others) = (false, false);
        var thread = new Thread(() =>
        {
            Planted.Bug = PlantedBug.HeadOfLineBlock;
            var other = new Thread(() =>
            {
                others = Planted.Is(PlantedBug.HeadOfLineBlock);
                Planted.Bug = PlantedBug.None;
            });
            other.Start();
            other.Join();
            planted = Planted.Is(PlantedBug.HeadOfLineBlock) && !Planted.Is(PlantedBug.CapOffByOne);
            Planted.Bug = PlantedBug.None;
            planted &= !Planted.Is(PlantedBug.HeadOfLineBlock);
        });
        thread.Start();
        thread.Join();

        Assert.True(planted);
        Assert.False(others);
    }
}
