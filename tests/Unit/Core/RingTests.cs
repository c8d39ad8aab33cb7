using Engine.Core;

namespace Engine.Tests.Core;

public sealed class RingTests
{
    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 60)]
    [InlineData(3, 2_000)]
    public void Holds_what_a_list_holds_in_its_order_whatever_comes_and_goes(int seed, int about)
    {
        var dice = new Random(seed);
        var ring = new Ring<Entry>();
        var model = new List<Job>();
        for (int step = 0; step < 20_000; step++)
        {
            bool grows = (step / about % 3) != 2;
            if (model.Count == 0 || dice.Next(100) < (grows ? 58 : 35))
            {
                var job = new Job { Sequence = step };
                ring.Add(new Entry(job));
                model.Add(job);
            }
            else
            {
                // Mostly from the beginning, as jobs end; some from anywhere, and from the end.
                int index = dice.Next(10) switch
                {
                    < 6 => dice.Next(Math.Min(3, model.Count)),
                    < 8 => dice.Next(model.Count),
                    _ => model.Count - 1,
                };
                ring.Remove(new Entry(model[index]));
                Assert.False(ring.Contains(new Entry(model[index])));
                model.RemoveAt(index);
            }

            Assert.Equal(model.Count, ring.Count);
            Assert.Same(model.FirstOrDefault(), ring.First.Job);
            Assert.Same(model.LastOrDefault(), ring.Last.Job);
            if (model.Count > 0)
            {
                int some = dice.Next(model.Count);
                Assert.True(ring.Contains(new Entry(model[some])));
                Assert.Same(some + 1 < model.Count ? model[some + 1] : null, ring.After(new Entry(model[some])).Job);
            }
        }

        Assert.Equal(model, ring.All.Select(entry => entry.Job));
    }

    [Fact]
    public void Grows_by_what_is_in_it_and_not_by_what_has_left()
    {
        // One that stays for ever in front of many that come and go.
        var ring = new Ring<Entry>();
        ring.Add(new Entry(new Job()));
        var others = new Queue<Job>(Enumerable.Range(0, 6).Select(_ => new Job()));
        foreach (var job in others)
        {
            ring.Add(new Entry(job));
        }

        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 100_000; i++)
            {
                var job = others.Dequeue();
                ring.Remove(new Entry(job));
                ring.Add(new Entry(job));
                others.Enqueue(job);
            }
        }));
        Assert.Equal(7, ring.Count);
    }

    [Theory]
    [InlineData(8, false)]
    [InlineData(9, true)]
    public void One_that_is_full_is_closed_up_when_half_of_it_is_gaps_and_doubled_when_less_is(int stay, bool grows)
    {
        const int Size = 16;
        Job[] jobs = [.. Enumerable.Range(0, Size + 1).Select(_ => new Job())];

        // Of the same size at first; the last one finds it full.
        Assert.Equal(grows, Allocations.Of(() => Fill(Size + 1)) > Allocations.Of(() => Fill(Size)));

        void Fill(int count)
        {
            var ring = new Ring<Entry>();
            for (int i = 0; i < count; i++)
            {
                ring.Add(new Entry(jobs[i]));
                if (i == Size - 1)
                {
                    for (int gap = 0; gap < Size - stay; gap++)
                    {
                        ring.Remove(new Entry(jobs[1 + gap]));
                    }
                }
            }
        }
    }

    [Fact]
    public void Who_comes_and_goes_beside_many_that_stay_moves_few_of_them()
    {
        const int Steps = 100_000;
        var ring = new Ring<Entry>();
        for (int i = 0; i < 1_000; i++)
        {
            ring.Add(new Entry(new Job()));
        }

        var others = new Queue<Job>(Enumerable.Range(0, 20).Select(_ => new Job()));
        foreach (var job in others)
        {
            ring.Add(new Entry(job));
        }

        Entry.PlacesAskedFor = 0;
        for (int i = 0; i < Steps; i++)
        {
            var job = others.Dequeue();
            ring.Remove(new Entry(job));
            ring.Add(new Entry(job));
            others.Enqueue(job);
        }

        Assert.InRange(Entry.PlacesAskedFor, Steps, 10 * Steps);
    }

    [Fact]
    public void Refuses_to_take_out_what_is_in_another_ring()
    {
        var ring = new Ring<Entry>();
        var other = new Ring<Entry>();
        var (here, there) = (new Job(), new Job());
        ring.Add(new Entry(here));
        other.Add(new Entry(there));

        Assert.False(ring.Contains(new Entry(there)));
        Assert.Throws<InvariantViolationException>(() => ring.Remove(new Entry(there)));
        Assert.Same(here, ring.First.Job);
    }

    private readonly struct Entry(Job? job) : IRingEntry<Entry>
    {
        internal static int PlacesAskedFor;

        internal readonly Job? Job = job;

        public bool IsGap => Job is null;

        public ref int Place
        {
            get
            {
                PlacesAskedFor++;
                return ref Job!.LivePlace;
            }
        }

        public bool IsSame(in Entry other) => ReferenceEquals(Job, other.Job);
    }
}
