using System.Buffers.Binary;
using Engine.Core;

namespace Engine.Tests.Core;

public sealed class JobTableTests
{
    [Theory]
    [InlineData(1, 10)]
    [InlineData(2, 300)]
    [InlineData(3, 5_000)]
    public void Holds_what_a_dictionary_holds_whatever_comes_and_goes(ulong seed, int about)
    {
        var table = new JobTable();
        var model = new Dictionary<JobId, Job>();
        var ids = new List<JobId>();
        for (int step = 0; step < 40_000; step++)
        {
            seed = (seed * 6364136223846793005) + 1442695040888963407;
            uint dice = (uint)(seed >> 33);
            bool grows = (step / about % 3) != 2;
            if (ids.Count == 0 || dice % 100 < (grows ? 60 : 35))
            {
                // Many of one millisecond, as a busy engine makes them.
                var job = new Job { Id = JobId.New(1_790_000_000_000 + (step / 500), 0, (ulong)step) };
                table.Add(job);
                model.Add(job.Id, job);
                ids.Add(job.Id);
            }
            else
            {
                int index = (int)(dice / 100 % ids.Count);
                var id = ids[index];
                ids[index] = ids[^1];
                ids.RemoveAt(ids.Count - 1);
                table.Remove(model[id]);
                model.Remove(id);
                Assert.False(table.TryGetValue(id, out _));
            }

            if (ids.Count > 0)
            {
                var some = ids[(int)(dice / 7 % ids.Count)];
                Assert.Same(model[some], table[some]);
            }

            Assert.Equal(model.Count, table.Count);
        }

        Assert.All(ids, id => Assert.Same(model[id], table[id]));
        Assert.Equal(model.Keys.Order(), table.Keys.Order());
    }

    [Fact]
    public void Finds_all_again_where_ids_were_chosen_to_collide()
    {
        // Ids that differ in a few bits only, as a caller may choose them.
        var table = new JobTable();
        Job[] jobs = [.. Enumerable.Range(0, 20_000).Select(i => new Job { Id = new JobId(new Guid(i << 12, 0, 0, new byte[8])) })];
        foreach (var job in jobs)
        {
            table.Add(job);
        }

        foreach (var job in jobs.Where((_, i) => i % 2 == 0))
        {
            table.Remove(job);
        }

        Assert.All(jobs.Where((_, i) => i % 2 == 0), job => Assert.False(table.ContainsKey(job.Id)));
        Assert.All(jobs.Where((_, i) => i % 2 == 1), job => Assert.Same(job, table[job.Id]));
    }

    [Fact]
    public void Ids_chosen_to_meet_in_one_place_do_so_under_the_seed_they_were_chosen_for_only()
    {
        // A hash multiplies the halves of an id, each with a number mixed in that seed 0 leaves as it stands in the
        // code: with either half chosen, one factor is 0.
        Func<ulong, UInt128>[] choices =
        [
            i => new UInt128(i, 0x9E37_79B9_7F4A_7C15),
            i => new UInt128(0xBF58_476D_1CE4_E5B9, i),
        ];
        foreach (var choice in choices)
        {
            Assert.Equal(1, Hashes(seed: 0));
            Assert.All([1ul, 2ul, 0x8000_0000_0000_0000], seed => Assert.InRange(Hashes(seed), 990, 1_000));

            int Hashes(ulong seed)
            {
                var table = new JobTable(seed);
                for (ulong i = 0; i < 1_000; i++)
                {
                    byte[] bytes = new byte[16];
                    BinaryPrimitives.WriteUInt128LittleEndian(bytes, choice(i));
                    table.Add(new Job { Id = new JobId(new Guid(bytes)) });
                }

                Assert.Equal(1_000, table.Count);
                return table.Values.Select(job => job.TableHash).Distinct().Count();
            }
        }
    }

    [Fact]
    public async Task Nobody_outside_knows_where_an_engine_has_a_job()
    {
        var id = JobId.New(1_790_000_000_000, 0, 1);
        var hashes = new HashSet<uint>();
        await using var engine = await TestEngine.StartAsync();
        await engine.Engine.SubmitAsync(new JobRequest { Id = id, Type = "work", UserId = "u" });
        hashes.Add(await HashAsync(engine));
        await using var second = await engine.RestartAsync();
        hashes.Add(await HashAsync(second));
        var known = new JobTable();
        known.Add(new Job { Id = id });
        hashes.Add(known[id].TableHash);

        Assert.Equal(3, hashes.Count);

        async Task<uint> HashAsync(TestEngine of) =>
            await of.Engine.AskAsync(loop => loop.Core.State.Jobs[id].TableHash, CancellationToken.None);
    }

    [Fact]
    public void An_object_stands_for_one_job_after_another_and_is_found_as_the_last()
    {
        var table = new JobTable();
        var (one, other) = (new Job { Id = JobId.New(1, 0, 1) }, new Job { Id = JobId.New(1, 0, 2) });
        table.Add(one);
        table.Add(other);
        table.Remove(one);
        Assert.Same(other, Assert.Single(table.Values));

        var before = one.Id;
        one.Id = JobId.New(1, 0, 3);
        table.Add(one);
        Assert.Same(one, table[one.Id]);
        Assert.False(table.ContainsKey(before));
        Assert.Throws<InvariantViolationException>(() => table.Add(one));

        // Dropped, another object may have its number.
        table.Remove(one);
        table.Drop(one);
        Assert.Throws<InvariantViolationException>(() => table.Remove(one));
        var third = new Job { Id = before };
        table.Add(third);
        table.Add(one);
        Assert.Equal([before, other.Id, one.Id], table.Keys.Order());
        Assert.All([one, other, third], job => Assert.Same(job, table[job.Id]));
    }

    [Fact]
    public void Objects_that_were_let_go_are_met_under_their_new_numbers_only()
    {
        var table = new JobTable();
        Job[] jobs = [.. Enumerable.Range(0, 3).Select(i => new Job { Id = JobId.New(1, 0, (ulong)i) })];
        foreach (var job in jobs)
        {
            table.Add(job);
        }

        foreach (var job in jobs)
        {
            table.Remove(job);
            table.Drop(job);
        }

        // The numbers are given out in another order.
        foreach (var job in jobs)
        {
            table.Add(job);
            Assert.Equal(Array.IndexOf(jobs, job) + 1, table.Values.Count());
        }

        Assert.Equal([3, 2, 1], jobs.Select(job => job.TableNumber));
    }

    [Fact]
    public void Refuses_an_id_twice_and_a_removal_of_nothing()
    {
        var table = new JobTable();
        var job = new Job { Id = JobId.New(1, 0, 1) };
        table.Add(job);

        Assert.Throws<InvariantViolationException>(() => table.Add(new Job { Id = job.Id }));
        var id = job.Id;
        job.Id = JobId.New(1, 0, 3);
        Assert.Throws<InvariantViolationException>(() => table.Add(job));
        job.Id = id;
        Assert.Throws<InvariantViolationException>(() => table.Remove(new Job { Id = JobId.New(1, 0, 2) }));
        Assert.Same(job, Assert.Single(table.Values));
        Assert.Throws<KeyNotFoundException>(() => table[JobId.New(1, 0, 2)]);
    }

    [Fact]
    public void Makes_room_once_when_it_is_told_how_much_is_coming()
    {
        // So many that one more array of them would be far more than the blocks that the runtime counts by.
        const int Count = 100_000;
        var table = new JobTable();
        table.EnsureCapacity(Count);
        Job[] jobs = [.. Enumerable.Range(0, Count).Select(i => new Job { Id = JobId.New(1, 0, (ulong)i) })];

        long before = GC.GetAllocatedBytesForCurrentThread();
        foreach (var job in jobs)
        {
            table.Add(job);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Count);
        Assert.Equal(0, Allocations.Of(() =>
        {
            foreach (var job in jobs)
            {
                table.Remove(job);
            }

            foreach (var job in jobs)
            {
                table.Add(job);
            }
        }));
    }
}
