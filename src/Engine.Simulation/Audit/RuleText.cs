using System.Runtime.CompilerServices;

namespace Engine.Simulation.Audit;

/// <summary>A message that is put together only when its rule is broken: rules are checked millions of times.</summary>
[InterpolatedStringHandler]
internal ref struct RuleText
{
    private DefaultInterpolatedStringHandler _text;
    private readonly bool _isNeeded;

    public RuleText(int literalLength, int formattedCount, bool holds, out bool isNeeded)
    {
        isNeeded = _isNeeded = !holds;
        _text = isNeeded ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    internal string Take() => _isNeeded ? _text.ToStringAndClear() : "";
}
