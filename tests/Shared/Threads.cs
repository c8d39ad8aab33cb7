using System.Runtime.CompilerServices;

namespace Engine.Tests;

/// <summary>Some tests let handlers block their thread on purpose. The pool adds threads slowly, and what stops those
/// handlers needs one too: so that a test does not wait for another's blocked threads, there are enough from the
/// start.</summary>
internal static class Threads
{
    [ModuleInitializer]
    internal static void HaveEnough() => ThreadPool.SetMinThreads(workerThreads: 32, completionPortThreads: 32);
}
