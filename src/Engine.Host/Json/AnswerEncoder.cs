using System.Globalization;

namespace Engine.Host.Json;

/// <summary>How the text of answers is written: so that people can read it, in every script.</summary>
/// <remarks>
/// Besides what JSON must have escaped, there is escaped what ends a script, an element or a quoted attribute
/// (<c>&lt; &gt; &amp; '</c>), for those who put an answer into a page as it is; and what cannot be seen and yet does something
/// where text is shown line by line: control characters, the separators of lines and paragraphs, and format characters,
/// which turn the direction of what follows. Of the latter the joiners stay, which scripts and emoji are spelled with. Every
/// parser of JSON reads the same text either way.
/// </remarks>
internal sealed unsafe class AnswerEncoder : PlainEncoder
{
    private const int ZeroWidthNonJoiner = 0x200C;
    private const int ZeroWidthJoiner = 0x200D;

    public override bool WillEncode(int unicodeScalar) => unicodeScalar <= '~'
        ? unicodeScalar is '<' or '>' or '&' or '\'' || base.WillEncode(unicodeScalar)
        : unicodeScalar is not (ZeroWidthNonJoiner or ZeroWidthJoiner)
            && CharUnicodeInfo.GetUnicodeCategory(unicodeScalar) is UnicodeCategory.Control or UnicodeCategory.Format
                or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate;

    // The relaxed one leaves alone what it need not escape, even when it is asked to.
    public override bool TryEncodeUnicodeScalar(
        int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten) =>
        base.WillEncode(unicodeScalar)
            ? base.TryEncodeUnicodeScalar(unicodeScalar, buffer, bufferLength, out numberOfCharactersWritten)
            : Default.TryEncodeUnicodeScalar(unicodeScalar, buffer, bufferLength, out numberOfCharactersWritten);
}
