using System.Runtime.CompilerServices;
using Engine.Core;

namespace Engine.Tests.Core;

/// <summary>A queue of pieces of 1024, against a plain one.</summary>
public sealed class JobQueueTests
{
    private readonly JobQueue _jobs = new();
    private readonly Queue<Job> _model = new();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1023)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(2047)]
    [InlineData(2048)]
    [InlineData(2049)]
    [InlineData(5000)]
    public void Is_a_queue_at_every_size_and_after_every_turn(int size)
    {
        for (int i = 0; i < size; i++)
        {
            Add();
        }

        Compare();

        // Round and round, so that the first lies at every place of a piece.
        for (int i = 0; i < 2500; i++)
        {
            if (size > 0)
            {
                RemoveFirst();
            }

            Add();
            if (size == 0)
            {
                RemoveFirst();
            }

            if (i % 31 == 0 || _model.Count < 3)
            {
                Compare();
            }
        }

        while (_model.Count > 0)
        {
            RemoveFirst();
        }

        Compare();
        for (int i = 0; i < 1025; i++)
        {
            Add();
        }

        Compare();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Is_a_queue_whatever_comes_and_goes(int seed)
    {
        var random = new Random(seed);
        for (int step = 0; step < 1500; step++)
        {
            bool adds = random.Next(2) == 0;
            int count = random.Next(5) == 0 ? 1024 : random.Next(700);
            for (int i = 0; i < count && (adds || _model.Count > 0); i++)
            {
                if (adds)
                {
                    Add();
                }
                else
                {
                    RemoveFirst();
                }
            }

            if (step % 10 == 0)
            {
                Compare();
            }
        }
    }

    [Fact]
    public void Looks_ahead_exactly_for_a_piece_and_never_wrongly()
    {
        for (int i = 0; i < 3500; i++)
        {
            Add();
        }

        for (int turn = 0; turn < 3500; turn++)
        {
            if (turn % 100 is 0 or 1 or 23 or 24 or 25 or 99)
            {
                var expected = _model.ToArray();
                for (int places = 0; places < 5000; places++)
                {
                    var ahead = _jobs.Ahead(places);
                    bool isFar = places >= 1024 && ahead is null;
                    Assert.True(isFar || ReferenceEquals(ahead, places < expected.Length ? expected[places] : null),
                        $"After {turn}, the job {places} places on is another.");
                }
            }

            RemoveFirst();
        }

        Assert.Null(_jobs.Ahead(0));
    }

    [Fact]
    public void Who_walks_through_it_while_it_grows_meets_those_who_were_there()
    {
        for (int i = 0; i < 1500; i++)
        {
            Add();
        }

        for (int i = 0; i < 1000; i++)
        {
            RemoveFirst();
        }

        var expected = _model.ToArray();
        var met = new List<Job>();
        foreach (var job in _jobs)
        {
            met.Add(job);
            for (int i = 0; i < 5; i++)
            {
                Add();
            }
        }

        Assert.Equal(expected, met);
        Compare();
    }

    [Fact]
    public void Takes_an_empty_piece_again_instead_of_a_new_one()
    {
        Job[] jobs = [.. Enumerable.Range(0, 1500).Select(_ => new Job())];
        Array.ForEach(jobs, _jobs.Add);
        Turn();

        Assert.Equal(0, Allocations.Of(Turn));

        void Turn()
        {
            for (int i = 0; i < 10_000; i++)
            {
                _jobs.Add(_jobs.RemoveFirst());
            }
        }
    }

    [Fact]
    public void Keeps_no_reference_to_who_left()
    {
        Add();
        var left = AddAndTurn();

        GC.Collect();

        Assert.False(left.IsAlive);
        GC.KeepAlive(_jobs);
    }

    [Fact]
    public void Nothing_can_be_taken_out_of_an_empty_one()
    {
        Assert.Throws<InvariantViolationException>(_jobs.RemoveFirst);
        Assert.Null(_jobs.First);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference AddAndTurn()
    {
        var job = new Job();
        _jobs.Add(job);
        _jobs.RemoveFirst();
        _jobs.Add(new Job());
        Assert.Same(job, _jobs.RemoveFirst());
        return new WeakReference(job);
    }

    private void Add()
    {
        var job = new Job();
        _jobs.Add(job);
        _model.Enqueue(job);
    }

    private void RemoveFirst() => Assert.Same(_model.Dequeue(), _jobs.RemoveFirst());

    private void Compare()
    {
        Assert.Equal(_model.Count, _jobs.Count);
        Assert.Same(_model.TryPeek(out var first) ? first : null, _jobs.First);
        var expected = _model.GetEnumerator();
        foreach (var job in _jobs)
        {
            Assert.True(expected.MoveNext() && ReferenceEquals(expected.Current, job), "Another comes there.");
        }

        Assert.False(expected.MoveNext());
    }
}
