namespace Engine.Host.Processes;

/// <summary>What is wrong with which field of something that was submitted.</summary>
/// <param name="Field">The field, for example <c>arguments[2]</c>.</param>
/// <param name="Message">What it must be, and what was found: the rest of the sentence that begins with the field.</param>
internal sealed record FieldError(string Field, string Message)
{
    public override string ToString() => $"field '{Field}' {Message}";
}
