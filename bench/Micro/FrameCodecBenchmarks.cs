using BenchmarkDotNet.Attributes;
using Engine.Storage;

namespace Engine.Bench.Micro;

/// <summary>What does a frame's checksum and header cost, on the way in and on the way back?</summary>
[MemoryDiagnoser]
public class FrameCodecBenchmarks
{
    private byte[] _open = [];
    private byte[] _sealed = [];
    private long _sequence;

    [Params(256, 16 * 1024, 512 * 1024)]
    public int PayloadBytes { get; set; }

    [GlobalSetup]
    public void Fill()
    {
        _open = new byte[FrameCodec.HeaderSize + PayloadBytes];
        for (int i = 0; i < _open.Length; i++)
        {
            _open[i] = (byte)(i * 31);
        }

        _sealed = [.. _open];
        FrameCodec.Seal(_sealed, sequence: 1, epoch: 1, instantMs: 1, eventCount: 1, previousChecksum: 0);
    }

    [Benchmark]
    public uint Seal() => FrameCodec.Seal(_open, ++_sequence, epoch: 1, instantMs: 1, eventCount: 1, previousChecksum: 0);

    [Benchmark]
    public long Read() => FrameCodec.TryRead(_sealed, out JournalFrame frame, out _, out _) ? frame.Sequence : -1;
}
