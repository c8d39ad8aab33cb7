using Engine.Storage;

namespace Engine.Tests.Support;

internal static class Frames
{
    /// <summary>A good frame that begins a log.</summary>
    internal static byte[] First(long epoch)
    {
        byte[] frame = new byte[FrameCodec.HeaderSize + 1];
        FrameCodec.Seal(frame, 1, epoch, 1, 1, 0);
        return frame;
    }
}
