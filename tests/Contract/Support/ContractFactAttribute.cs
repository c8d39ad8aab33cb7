using Engine.Tests.Redis;
using Xunit.Abstractions;
using Xunit.Sdk;

namespace Engine.Tests.Support;

/// <summary>A class of tests that needs a redis-server; its facts are skipped, with a reason, where there is
/// none.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class NeedsRedisAttribute : Attribute;

/// <summary>A fact that asks its class what it needs: a contract's facts are inherited by classes that need different
/// things.</summary>
[XunitTestCaseDiscoverer("Engine.Tests.Support.ContractFactDiscoverer", "Engine.ContractTests")]
[AttributeUsage(AttributeTargets.Method)]
public sealed class ContractFactAttribute : FactAttribute;

/// <summary>Makes the cases of <see cref="ContractFactAttribute"/>.</summary>
public sealed class ContractFactDiscoverer(IMessageSink diagnostics) : FactDiscoverer(diagnostics)
{
    protected override IXunitTestCase CreateTestCase(
        ITestFrameworkDiscoveryOptions discoveryOptions, ITestMethod testMethod, IAttributeInfo factAttribute)
    {
        bool needsRedis = testMethod.TestClass.Class
            .GetCustomAttributes(typeof(NeedsRedisAttribute).AssemblyQualifiedName!).Any();
        return needsRedis && RedisServer.Missing is not null
            ? new SkippedCase(
                DiagnosticMessageSink,
                discoveryOptions.MethodDisplayOrDefault(),
                discoveryOptions.MethodDisplayOptionsOrDefault(),
                testMethod)
            : base.CreateTestCase(discoveryOptions, testMethod, factAttribute);
    }

    private sealed class SkippedCase : XunitTestCase
    {
        [Obsolete("Only for deserialization.", error: true)]
        public SkippedCase()
        {
        }

        public SkippedCase(
            IMessageSink diagnostics, TestMethodDisplay display, TestMethodDisplayOptions options, ITestMethod method)
            : base(diagnostics, display, options, method)
        {
        }

        protected override string GetSkipReason(IAttributeInfo factAttribute) => RedisServer.Missing!;
    }
}
