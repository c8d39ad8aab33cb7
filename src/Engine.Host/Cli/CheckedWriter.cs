using System.Text;

namespace Engine.Host.Cli;

/// <summary>What goes to standard output cannot be written.</summary>
internal sealed class OutputException(Exception reason)
    : IOException($"Standard output cannot be written: {Printer.ReasonOf(reason)}.", reason);

/// <summary>Standard output of a command that has nothing better to do than to print: what it fails with can be told
/// from what the command's files fail with.</summary>
internal sealed class CheckedWriter(TextWriter target) : TextWriter
{
    public override Encoding Encoding => target.Encoding;

    /// <summary>Does something that writes to standard output.</summary>
    /// <exception cref="OutputException">It cannot be written.</exception>
    internal static void Write(Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (Printer.CannotWrite(e))
        {
            throw new OutputException(e);
        }
    }

    public override void Write(char value) => Write(() => target.Write(value));

    public override void Write(char[] buffer, int index, int count) => Write(() => target.Write(buffer, index, count));

    public override void Write(string? value) => Write(() => target.Write(value));

    public override void Flush() => Write(target.Flush);
}
