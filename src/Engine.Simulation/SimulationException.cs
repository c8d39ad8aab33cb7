namespace Engine.Simulation;

/// <summary>The engine broke one of its promises in a simulation, or did not answer.</summary>
public sealed class SimulationException : Exception
{
    /// <summary>Creates the exception without details.</summary>
    public SimulationException()
    {
    }

    /// <summary>Creates the exception with which promise was broken, and what was seen.</summary>
    public SimulationException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public SimulationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
