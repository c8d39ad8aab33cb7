using Engine.Tests.Crash.Rigs;

namespace Engine.Tests.Crash;

/// <summary>A test that cuts the power of real file systems: it is not run, and says why, where none can be made.</summary>
internal sealed class VolumeFactAttribute : FactAttribute
{
    public VolumeFactAttribute() => Skip = Volume.Missing is { } reason ? $"SKIP power cuts: {reason}" : null;
}
