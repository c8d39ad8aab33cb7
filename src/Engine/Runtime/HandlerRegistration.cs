namespace Engine.Runtime;

/// <summary>Which handler serves which type.</summary>
internal sealed record HandlerRegistration(string Type, IJobHandler Handler);
