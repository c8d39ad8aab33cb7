namespace Engine.Simulation.Storage.Disk;

/// <summary>Chance on a disk: how long calls take, which fail, and what the disk lies about.</summary>
internal sealed class DiskDice(SimDisk disk, RandomStream random)
{
    private const int BlockBytes = 4096;

    private int _faults;

    /// <summary>What becomes of unsynced sectors when a sync fails.</summary>
    internal CrashFate Fate() => new RandomFate(random, anyNames: false, hurtsNeighbours: false);

    /// <summary>How long a call takes, in ticks.</summary>
    internal long Duration(DiskCall call)
    {
        var options = disk.Options;
        bool syncs = call.Kind is DiskCallKind.Sync or DiskCallKind.SyncDirectory;
        if (syncs && Happens(disk.Faults.Stall, "disk: a sync stalls"))
        {
            return disk.Faults.StallTime == TimeSpan.MaxValue ? Timeline.Never : disk.Faults.StallTime.Ticks;
        }

        long usual = syncs ? options.SyncTime.Ticks : options.WriteTime.Ticks + ((call.Bytes?.Length ?? 0) / 400);
        ulong dice = random.Next();
        long ticks = usual / 2 + (long)(usual * ((dice >> 32) / (double)uint.MaxValue));
        return (dice & 0xFFF) switch
        {
            0 => ticks * 1000,
            < 8 => ticks * 100,
            < 64 => ticks * 10,
            _ => ticks,
        };
    }

    /// <summary>Which block of what is read cannot be read, if any: half of the time the last one that has something in
    /// it, which was written last.</summary>
    internal Range? Unreadable(ReadOnlySpan<byte> bytes)
    {
        // A start reads each file some times: however many there are, it must come through as often.
        if (disk.Faults.ReadError == 0 || !Happens(disk.Faults.ReadError / disk.Files.Count(), "disk: a read fails"))
        {
            return null;
        }

        int last = Math.Max(0, bytes.LastIndexOfAnyExcept((byte)0)) / BlockBytes;
        int block = random.Chance(0.5) ? last : random.Below((bytes.Length / BlockBytes) + 1);
        return Math.Min(block * BlockBytes, bytes.Length)..Math.Min((block + 1) * BlockBytes, bytes.Length);
    }

    internal bool IsFull() => Happens(disk.Faults.NoSpace, "disk: it is full");

    internal bool Fails(DiskCall call) => call.Kind switch
    {
        DiskCallKind.Sync or DiskCallKind.SyncDirectory => Happens(disk.Faults.SyncError, "disk: a sync fails"),
        _ => Happens(disk.Faults.WriteError, "disk: a change fails"),
    };

    /// <summary>Lets the disk lie about a call; whether nothing is to be done any more.</summary>
    internal bool Distort(ref DiskCall call)
    {
        if (call.Kind != DiskCallKind.Write)
        {
            return false;
        }

        if (Happens(disk.Faults.Flip, "disk: a bit flips"))
        {
            FlipSomewhere();
        }

        if (Happens(disk.Faults.LostWrite, "disk: a write is lost"))
        {
            Doubt();
            return true;
        }

        int length = disk.FileOf(call.FileId).Cached.Length;
        if (length > call.Bytes!.Length && Happens(disk.Faults.Misdirect, "disk: a write is misdirected"))
        {
            Doubt();
            int sector = disk.Options.SectorBytes;
            call = call with { Offset = random.Below((length - call.Bytes.Length) / sector + 1) * sector };
        }

        return false;
    }

    private void FlipSomewhere()
    {
        var files = disk.Files.Where(file => file.Durable.Length > 0).ToList();
        if (files.Count > 0)
        {
            Doubt();
            var file = files[random.Below(files.Count)];
            long bit = random.Between(0, (file.Durable.Length * 8L) - 1);
            file.Durable.FlipBit(bit);
            if (bit < file.Cached.Length * 8L)
            {
                file.Cached.FlipBit(bit);
            }
        }
    }

    private void Doubt() => disk.Doubts |= StoreDoubts.MayRefuse | StoreDoubts.MayLoseTail;

    private bool Happens(double chance, string name)
    {
        if (chance == 0 || _faults >= disk.Faults.Budget || !random.Chance(chance))
        {
            return false;
        }

        _faults++;
        disk.Sometimes?.Invoke(name);
        return true;
    }
}
