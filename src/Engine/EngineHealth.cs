namespace Engine;

/// <summary>How an engine is.</summary>
public enum EngineHealth
{
    /// <summary>Not started, or replaying its journal.</summary>
    Starting = 1,

    /// <summary>Deciding.</summary>
    Running = 2,

    /// <summary>Refusing new work, ending the old.</summary>
    Stopping = 3,

    /// <summary>Stopped as asked.</summary>
    Stopped = 4,

    /// <summary>Stopped by a storage error; only a restart helps (D5).</summary>
    Failed = 5,
}

/// <summary>The engine has stopped: what was asked last may have happened or not.</summary>
public sealed class EngineStoppedException : InvalidOperationException
{
    /// <summary>Creates the exception without details.</summary>
    public EngineStoppedException()
    {
    }

    /// <summary>Creates the exception with a reason.</summary>
    public EngineStoppedException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public EngineStoppedException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}
