using System.Text;
using Engine.Storage;

namespace Engine.Tests;

/// <summary>The layout of a frame is frozen: these bytes are on somebody's disk.</summary>
public sealed class FrameCodecTests
{
    private const string Golden =
        "454E474A" + "01" + "01" + "0000" + "05000000" + "02000000" + "0700000000000000" + "0300000000000000" +
        "E803000000000000" + "78563412" + "E91CA5EE" + "68656C6C6F";

    [Fact]
    public void The_bytes_of_version_1() => Assert.Equal(Golden, Convert.ToHexString(Sealed()));

    [Fact]
    public void The_checksum_is_the_castagnoli_one() =>
        Assert.Equal(0xE3069283u, Crc32C.Of("123456789"u8));

    [Fact]
    public void The_checksum_of_two_parts_is_that_of_the_whole()
    {
        byte[] bytes = [.. Enumerable.Range(0, 100).Select(i => (byte)i)];

        Assert.All(
            Enumerable.Range(0, 101),
            i => Assert.Equal(Crc32C.Of(bytes), Crc32C.Of(bytes.AsSpan(0, i), bytes.AsSpan(i))));
    }

    [Fact]
    public void A_frame_comes_back_with_every_field()
    {
        Assert.True(FrameCodec.TryRead(Sealed(), out var frame, out uint previous, out _));

        Assert.Equal((7, 3, 1000, 2), (frame.Sequence, frame.Epoch, frame.InstantMs, frame.EventCount));
        Assert.Equal(0x12345678u, previous);
        Assert.Equal("hello", Encoding.UTF8.GetString(frame.Payload.Span));
    }

    [Fact]
    public void No_frame_with_one_flipped_bit_is_read_as_one()
    {
        byte[] frame = Sealed();
        for (int bit = 0; bit < frame.Length * 8; bit++)
        {
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(FrameCodec.TryRead(frame, out _, out _, out string? error), $"bit {bit}");
            Assert.NotNull(error);
            frame[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void No_shorter_or_emptier_bytes_are_read_as_a_frame()
    {
        byte[] frame = Sealed();

        Assert.All(
            Enumerable.Range(0, frame.Length),
            length => Assert.False(FrameCodec.TryRead(frame.AsMemory(0, length), out _, out _, out _)));
        Assert.False(FrameCodec.TryRead(new byte[4096], out _, out _, out _));
    }

    private static byte[] Sealed()
    {
        byte[] frame = new byte[FrameCodec.HeaderSize + 5];
        "hello"u8.CopyTo(frame.AsSpan(FrameCodec.HeaderSize));
        FrameCodec.Seal(frame, sequence: 7, epoch: 3, instantMs: 1000, eventCount: 2, previousChecksum: 0x12345678);
        return frame;
    }
}
