[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Engine.Tests.Crash;

/// <summary>A test that kills processes the Linux way. Tests of this assembly run one after the other: each may have as
/// many children as the machine can bear.</summary>
internal sealed class LinuxFactAttribute : FactAttribute
{
    public LinuxFactAttribute() => Skip = OperatingSystem.IsLinux() ? null : "kill -9, flock and page cache are tested on Linux";
}
