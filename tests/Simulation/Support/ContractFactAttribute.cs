namespace Engine.Tests.Support;

/// <summary>A fact of a contract that is inherited here: simulated stores need nothing from the machine.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class ContractFactAttribute : FactAttribute;
