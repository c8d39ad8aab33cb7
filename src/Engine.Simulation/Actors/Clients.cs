using Engine.Simulation.Driver;

namespace Engine.Simulation.Actors;

/// <summary>Those who submit jobs and see to them: several tenants, some of them careless, some hostile.</summary>
internal sealed class Clients(World world, SimEngine engine, SimPlan plan, Net net)
{
    private const int MaxRemembered = 400;
    private const string NoSuchResource = "no such resource";

    private readonly RandomStream _dice = world.Stream("workload");
    private readonly List<(JobId Id, string User)> _jobs = [];
    private readonly List<JobRequest> _keyed = [];
    private long _keys;
    private long _payloads;

    /// <summary>Nothing new is submitted any more.</summary>
    internal bool IsQuiet { get; set; }

    internal void Start() => Next();

    private void Next()
    {
        if (IsQuiet)
        {
            return;
        }

        world.In(new TimeSpan((long)(plan.Arrival.Ticks * 2 * _dice.Fraction()) + 1), () =>
        {
            if (!IsQuiet)
            {
                Act();
                Next();
            }
        });
    }

    private void Act()
    {
        int what = _dice.Below(100);
        if (what < 70 || _jobs.Count == 0)
        {
            Submit();
        }
        else if (what < 82)
        {
            if (plan.Has(Faults.Cancel))
            {
                var (id, user) = _jobs[_dice.Below(_jobs.Count)];
                string? asUser = plan.Has(Faults.Hostile) && _dice.Chance(0.1) ? "nobody" : _dice.Chance(0.5) ? user
                    : null;
                Repeat(() => engine.Cancel(id, asUser, static (_, _) => { }));
            }
        }
        else if (what < 90)
        {
            if (plan.Has(Faults.Iterations))
            {
                var (id, _) = _jobs[_dice.Below(_jobs.Count)];
                Repeat(() => engine.Confirm(id, static (_, _) => { }));
            }
        }
        else
        {
            var (id, _) = _jobs[_dice.Below(_jobs.Count)];
            net.Send(() => engine.View(id, static _ => { }));
        }
    }

    private void Submit()
    {
        int tenant = plan.Preset == Preset.Flood && _dice.Chance(0.9) ? 0
            : Math.Min(_dice.Below(plan.Tenants), _dice.Below(plan.Tenants));
        string user = $"user{tenant}";
        bool shares = _dice.Chance(0.1);
        string? project = _dice.Below(3) switch
        {
            0 => null,
            1 => $"project{tenant}",
            _ => shares ? "project0" : $"project{tenant}b",
        };
        var request = new JobRequest
        {
            Type = _dice.Pick(SimNames.Types),
            UserId = user,
            ProjectId = project,
            Tier = SimNames.Tiers[tenant % 3],
            Priority = _dice.Chance(0.7) ? 0 : _dice.Below(101),
            Payload = NewPayload(_dice.Below(24)),
            Resources = _dice.Chance(0.15) ? ["net"] : [],
            IdempotencyKey = _dice.Chance(0.4) ? $"key{++_keys}" : null,
            Id = _dice.Chance(0.2) ? NewId() : null,
        };
        if (_dice.Chance(0.05))
        {
            request = request with { Tier = _dice.Pick(SimNames.Tiers[0], SimNames.Tiers[1], "no such tier", null) };
        }

        if (plan.Has(Faults.Hostile) && _dice.Chance(0.1))
        {
            request = Spoil(request);
        }

        if (plan.Has(Faults.Resend) && _keyed.Count > 0 && _dice.Chance(0.1))
        {
            // Much later, or with another body under the same key.
            var old = _keyed[_dice.Below(_keyed.Count)];
            request = _dice.Chance(0.3) ? old with { Priority = 100 - old.Priority } : old;
        }

        if (request.IdempotencyKey is not null && _keyed.Count < MaxRemembered)
        {
            _keyed.Add(request);
        }

        Repeat(() => engine.Submit(request, NewId(), (result, known) =>
        {
            if (known && result.Outcome != SubmitOutcome.Refused)
            {
                Remember(result.JobId, request.UserId);
            }
            else if (known && result.Refusal!.Reason == RefusalReason.Invalid && !IsSpoiled(request))
            {
                engine.Inquest.Fail("F23", $"A request with nothing wrong in it was refused: {result.Refusal.Message}");
            }
        }));
    }

    private JobRequest Spoil(JobRequest request) => _dice.Below(5) switch
    {
        0 => request with { UserId = _dice.Pick(SimNames.Hostile) },
        1 => request with { ProjectId = _dice.Pick(SimNames.Hostile) },
        2 => request with { Type = _dice.Pick("no such type", "", "PLAIN") },
        3 => request with { Resources = [NoSuchResource] },
        _ => _jobs.Count > 0 ? request with { Id = _jobs[_dice.Below(_jobs.Count)].Id } : request,
    };

    private static bool IsSpoiled(JobRequest request) => SimNames.Hostile.Contains(request.UserId)
        || SimNames.Hostile.Contains(request.ProjectId) || request.Type.Length == 0
        || request.Resources.Contains(NoSuchResource);

    /// <summary>Once, or again and again, in any order, as one does who got no answer.</summary>
    private void Repeat(Action send)
    {
        net.Send(send);
        if (!plan.Has(Faults.Resend))
        {
            return;
        }

        for (int i = _dice.Chance(0.75) ? 0 : _dice.Below(3) + 1; i > 0; i--)
        {
            world.In(_dice.Between(TimeSpan.Zero, _dice.Pick(TimeSpan.FromMilliseconds(30), TimeSpan.FromSeconds(20))),
                send);
        }
    }

    private void Remember(JobId id, string user)
    {
        if (_jobs.Count < MaxRemembered)
        {
            _jobs.Add((id, user));
        }
        else
        {
            _jobs[_dice.Below(MaxRemembered)] = (id, user);
        }
    }

    /// <summary>Bytes that tell one job's from another's.</summary>
    private byte[] NewPayload(int length)
    {
        byte[] payload = new byte[length];
        payload.AsSpan().Fill((byte)++_payloads);
        return payload;
    }

    private JobId NewId() => JobId.New(world.Clock.GetUtcNow().ToUnixTimeMilliseconds(), 0, _dice.Next());
}
