using Engine.Host.Cli;

namespace Engine.Host.Serve;

/// <summary>What the process will say when it ends.</summary>
internal sealed class ExitState
{
    internal int Code { get; private set; } = ExitCode.Success;

    /// <summary>Remembers the first reason to end; later ones follow from it.</summary>
    internal void Set(int code)
    {
        if (Code == ExitCode.Success)
        {
            Code = code;
        }
    }
}
