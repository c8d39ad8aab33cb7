namespace Engine.Simulation.Storage.Disk;

/// <summary>Decides what a crash leaves of what was not durable yet.</summary>
internal abstract class CrashFate
{
    /// <summary>Which version a file's length is left in.</summary>
    internal abstract int Length(IReadOnlyList<DiskBytes> versions);

    /// <summary>What a sector holds that was written and not synced.</summary>
    internal abstract void Sector(in SectorChoice sector, Span<byte> target);

    /// <summary>Whether a change of names that no directory sync covered is kept; asked in the order of the
    /// changes.</summary>
    internal abstract bool KeepsName();

    /// <summary>How much of a write that was under way is done when its process is killed.</summary>
    internal virtual int Written(int length) => length;

    /// <summary>Lets sectors suffer that were not written, as some devices write larger units.</summary>
    internal virtual void Neighbours(DiskBytes file, IReadOnlyCollection<int> touched, int sectorBytes)
    {
    }
}

/// <summary>Everything written is kept, or everything unsynced is lost.</summary>
internal sealed class PlainFate(bool keeps) : CrashFate
{
    internal override int Length(IReadOnlyList<DiskBytes> versions) => keeps ? versions.Count - 1 : 0;

    internal override void Sector(in SectorChoice sector, Span<byte> target)
    {
        if (keeps)
        {
            sector.New(target);
        }
        else
        {
            sector.Old(target);
        }
    }

    internal override bool KeepsName() => keeps;
}

/// <summary>Sector by sector as a number's bits say: 1 the new content, 0 the old; lengths and names are
/// kept.</summary>
internal sealed class SubsetFate(long newSectors) : CrashFate
{
    /// <summary>How many sectors were asked about.</summary>
    internal int SectorCount { get; private set; }

    internal override int Length(IReadOnlyList<DiskBytes> versions) => versions.Count - 1;

    internal override void Sector(in SectorChoice sector, Span<byte> target)
    {
        if ((newSectors >> SectorCount++ & 1) != 0)
        {
            sector.New(target);
        }
        else
        {
            sector.Old(target);
        }
    }

    internal override bool KeepsName() => true;
}

/// <summary>As the dice fall: sectors old, new, of a version between, torn at 8 bytes, zero, garbage, or what another
/// sector holds (F2).</summary>
internal sealed class RandomFate : CrashFate
{
    private readonly RandomStream _random;
    private readonly bool _anyNames;
    private readonly bool _hurtsNeighbours;
    private readonly int _mood;
    private int _keptInOrder;
    private bool _namesEnded;

    internal RandomFate(RandomStream random, bool anyNames = true, bool hurtsNeighbours = true)
    {
        _random = random;
        _anyNames = anyNames && random.Chance(0.5);
        _hurtsNeighbours = hurtsNeighbours && random.Chance(0.3);

        // Whole crashes of one kind beside mixed ones, or no write of some sectors would ever be there whole.
        _mood = random.Below(8);
        _keptInOrder = _mood == 2 ? random.Below(64) : 0;
    }

    internal override int Length(IReadOnlyList<DiskBytes> versions) => _mood switch
    {
        0 => 0,
        1 or 2 => versions.Count - 1,
        _ => _random.Chance(0.5) ? versions.Count - 1 : _random.Below(versions.Count),
    };

    internal override void Sector(in SectorChoice sector, Span<byte> target)
    {
        switch (_mood)
        {
            case 0:
                sector.Old(target);
                break;
            case 1:
                sector.New(target);
                break;
            case 2:
                if (_keptInOrder-- > 0)
                {
                    sector.New(target);
                }
                else
                {
                    sector.Old(target);
                }

                break;
            default:
                Mixed(sector, target);
                break;
        }
    }

    internal override bool KeepsName()
    {
        if (_anyNames)
        {
            return _random.Chance(0.5);
        }

        // As file systems with a journal do: in order, up to some point.
        _namesEnded |= _random.Chance(0.3);
        return !_namesEnded;
    }

    internal override int Written(int length) =>
        _random.Chance(0.5) ? length : Math.Min(length, _random.Below((length / 4096) + 1) * 4096);

    internal override void Neighbours(DiskBytes file, IReadOnlyCollection<int> touched, int sectorBytes)
    {
        const int UnitBytes = 4096;
        if (!_hurtsNeighbours || sectorBytes >= UnitBytes)
        {
            return;
        }

        byte[] bytes = new byte[sectorBytes];
        var own = touched.ToHashSet();
        foreach (int sector in touched.Select(sector => sector * sectorBytes / UnitBytes).Distinct().ToList()
            .SelectMany(unit => Enumerable.Range(unit * UnitBytes / sectorBytes, UnitBytes / sectorBytes)))
        {
            int offset = sector * sectorBytes;
            if (!own.Contains(sector) && offset < file.Length && _random.Chance(0.3))
            {
                Fill(bytes);
                file.Write(offset, bytes.AsSpan(0, Math.Min(sectorBytes, file.Length - offset)));
            }
        }
    }

    private void Mixed(in SectorChoice sector, Span<byte> target)
    {
        int fate = _random.Below(20);
        if (fate < 5)
        {
            sector.Old(target);
        }
        else if (fate < 11)
        {
            sector.New(target);
        }
        else if (fate < 13)
        {
            sector.At(sector.Changes[_random.Below(sector.Changes.Count)], target);
        }
        else if (fate < 16)
        {
            Torn(sector, target);
        }
        else if (fate < 17)
        {
            target.Clear();
        }
        else if (fate < 19)
        {
            Fill(target);
        }
        else
        {
            int sectors = Math.Max(1, sector.Versions[^1].Length / target.Length);
            sector.Versions[_random.Below(sector.Versions.Count)]
                .ReadPadded(_random.Below(sectors) * target.Length, target);
        }
    }

    private void Torn(in SectorChoice sector, Span<byte> target)
    {
        Span<byte> other = stackalloc byte[4096];
        other = other[..target.Length];
        bool newFirst = _random.Chance(0.5);
        if (newFirst)
        {
            sector.New(target);
            sector.Old(other);
        }
        else
        {
            sector.Old(target);
            sector.New(other);
        }

        int cut = _random.Below((target.Length / 8) + 1) * 8;
        other[cut..].CopyTo(target[cut..]);
    }

    private void Fill(Span<byte> target)
    {
        for (int i = 0; i < target.Length; i += 8)
        {
            BitConverter.TryWriteBytes(target[i..], _random.Next());
        }
    }
}
