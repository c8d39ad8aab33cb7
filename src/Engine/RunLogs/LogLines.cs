using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.RegularExpressions;

namespace Engine.RunLogs;

/// <summary>What a line of output must look like before it is kept or shown (seed-semantics 1.6, "Log lines").</summary>
/// <remarks>
/// The cost grows linearly with the line, whatever is in it: only the first <see cref="MaxRawLength"/> characters are
/// looked at, and no pattern here can go back further than a fixed number of characters.
/// </remarks>
public static partial class LogLines
{
    /// <summary>Characters of a line that are kept, before the mark.</summary>
    public const int MaxLength = 2000;

    /// <summary>What follows a line that was cut.</summary>
    public const string TruncationMark = "...[truncated]";

    /// <summary>What stands in for a secret.</summary>
    public const string Redacted = "[REDACTED]";

    /// <summary>Characters of a line that are looked at; a reader of output need not collect more of one line.</summary>
    /// <remarks>More than are kept, so that taking out escape codes does not shorten a line.</remarks>
    public const int MaxRawLength = 16_384;

    // Without one of these no pattern below can match: most lines need no more than this one look.
    private static readonly SearchValues<string> Suspicious = SearchValues.Create(
        [
            "key", "secret", "token", "passw", "passphrase", "pwd", "auth", "credential", "bearer", "basic", "://",
            "sig=", "sk-", "sk_", "rk_", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "xox", "AKIA",
            "ASIA", "AIza", "ya29.", "npm_", "pypi-", "hf_", "dop_v1_", "SG.", "shp", "eyJ",
        ],
        StringComparison.OrdinalIgnoreCase);

    /// <summary>Strips escape and control codes, takes out secrets and cuts the line.</summary>
    /// <param name="text">One line as a program printed it.</param>
    /// <param name="clean">The line to keep.</param>
    /// <returns>False when nothing visible is left of it.</returns>
    public static bool TryClean(ReadOnlySpan<char> text, [NotNullWhen(true)] out string? clean)
    {
        bool cut = text.Length > MaxRawLength;
        string line = Strip(cut ? text[..MaxRawLength] : text);
        if (line.Length == 0)
        {
            clean = null;
            return false;
        }

        line = Redact(line);
        clean = cut || line.Length > MaxLength
            ? string.Concat(line.AsSpan(0, CutAt(line, MaxLength)), TruncationMark)
            : line;
        return true;
    }

    /// <summary>Takes out secrets: values of keys that name one, well-known forms of keys and tokens, and the
    /// credentials in addresses and connection strings.</summary>
    public static string Redact(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!text.AsSpan().ContainsAny(Suspicious))
        {
            return text;
        }

        text = AddressCredentials().Replace(text, "${keep}" + Redacted);
        text = Assignment().Replace(text, "${keep}" + Redacted);
        text = Option().Replace(text, "${keep}" + Redacted);
        text = Scheme().Replace(text, "${keep}" + Redacted);
        return KnownForms().Replace(text, Redacted);
    }

    // Key, then '=' or ':' , then a quoted value or everything up to white space. Rather too much than too little:
    // a password may hold any punctuation. "author" and "authority" are no secrets, nor is a number of tokens.
    [GeneratedRegex(
        """
        (?<keep>
          (?:(?:api|access|account|private|encryption|signing|shared[_\-\ ]?access)[_\-\ ]?key|secret|token(?!s["']?\s{0,3}[:=]\s{0,3}\d{1,12}(?!\S))
            |passw(?:or)?d|passphrase|pwd|auth(?:ori[sz]ation|entication)?(?!or)|credential|\bsig(?==))
          [\w\-.]{0,64}["'\]]{0,2}\s{0,3}(?:=>|[:=])\s{0,3}
          (?:(?:bearer|basic|digest|token)\s{1,3})?)
        (?!\[REDACTED\])(?:"(?>(?:[^"\\]|\\.)*)"?|'(?>(?:[^'\\]|\\.)*)'?|\S+)
        """,
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Assignment();

    // --password hunter2
    [GeneratedRegex(
        """(?<keep>(?<!\S)--?(?>[\w\-.]{0,64})(?<=key|secret|token|passwd|password|pwd|passphrase|auth|credentials?)\s{1,3})(?![\-\[])\S+""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Option();

    // Bearer eyJ...
    [GeneratedRegex(
        """(?<keep>\b(?:bearer|basic)\s{1,3})[A-Za-z0-9+/=._~\-]{12,}""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Scheme();

    // scheme://user:password@host
    [GeneratedRegex(
        """(?<keep>(?<=\b[a-z][a-z0-9+.\-]{0,31})://)[^\s/@:]{0,256}:[^\s"']{0,256}(?=@)""",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex AddressCredentials();

    [GeneratedRegex(
        """
        (?<![A-Za-z0-9])(?:
          sk-[A-Za-z0-9_\-]{16,}
          |[rs]k_(?:live|test)_[A-Za-z0-9]{10,}
          |gh[pousr]_[A-Za-z0-9]{20,}
          |github_pat_\w{20,}
          |glpat-[\w\-]{16,}
          |xox[abeoprs]-[\w\-]{10,}
          |A(?:KI|SI)A[0-9A-Z]{16}
          |AIza[\w\-]{30,}
          |ya29\.[\w\-]{10,}
          |npm_[A-Za-z0-9]{30,}
          |pypi-[\w\-]{20,}
          |hf_[A-Za-z0-9]{20,}
          |dop_v1_[a-f0-9]{40,}
          |SG\.(?>[\w\-]{16,128})\.[\w\-]{16,}
          |shp(?:at|ca|pa|ss)_[A-Za-z0-9]{20,}
          |eyJ(?>[\w\-]{8,2048})\.(?>[\w\-]{8,4096})\.[\w\-]*
        )
        """,
        RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex KnownForms();

    /// <summary>Takes out escape sequences and control codes; what ends lines elsewhere becomes a blank.</summary>
    private static string Strip(ReadOnlySpan<char> text)
    {
        if (text.ContainsAnyInRange('\0', '\x1F') || text.ContainsAnyInRange('\x7F', '\x9F')
            || text.ContainsAnyInRange('\u2028', '\u202E') || text.ContainsAnyInRange('\u2066', '\u2069'))
        {
            var kept = new StringBuilder(text.Length);
            for (int i = 0; i < text.Length;)
            {
                char c = text[i];
                if (c is '\x1B' or '\x9B' or '\x9D' or '\x90' or '\x98' or '\x9E' or '\x9F')
                {
                    i = AfterEscape(text, i);
                    continue;
                }

                if (c is '\t')
                {
                    kept.Append(c);
                }
                else if (c is '\n' or '\r' or '\v' or '\f' or '\x85' or '\u2028' or '\u2029')
                {
                    kept.Append(' ');
                }
                else if (!char.IsControl(c) && c is not ((>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069')))
                {
                    // Codes that turn the direction of writing are left out too: they make a line look like another.
                    kept.Append(c);
                }

                i++;
            }

            return kept.ToString().TrimEnd();
        }

        return text.TrimEnd().ToString();
    }

    /// <summary>Where the escape sequence that starts at <paramref name="start"/> ends (ECMA-48).</summary>
    private static int AfterEscape(ReadOnlySpan<char> text, int start)
    {
        int i = start + 1;
        char kind = text[start];
        if (kind == '\x1B')
        {
            if (i == text.Length)
            {
                return i;
            }

            kind = text[i++];
        }

        switch (kind)
        {
            case '[' or '\x9B': // Control sequence: parameters, intermediates, one final character.
                while (i < text.Length && text[i] is >= ' ' and <= '?')
                {
                    i++;
                }

                return i < text.Length && text[i] is >= '@' and <= '~' ? i + 1 : i;

            case ']' or 'P' or 'X' or '^' or '_' or '\x9D' or '\x90' or '\x98' or '\x9E' or '\x9F':
                // A string, up to BEL or ST. One that never ends takes the line's rest, as on a terminal.
                for (; i < text.Length; i++)
                {
                    if (text[i] is '\a' or '\x9C')
                    {
                        return i + 1;
                    }

                    if (text[i] == '\x1B')
                    {
                        return i + 1 < text.Length && text[i + 1] == '\\' ? i + 2 : i;
                    }
                }

                return i;

            case >= ' ' and <= '/': // Two or more characters: intermediates, then one final.
                while (i < text.Length && text[i] is >= ' ' and <= '/')
                {
                    i++;
                }

                return Math.Min(i + 1, text.Length);

            default:
                return i;
        }
    }

    /// <summary>The largest length up to <paramref name="max"/> that does not split a character in two.</summary>
    private static int CutAt(string line, int max)
    {
        if (line.Length <= max)
        {
            return line.Length;
        }

        return char.IsHighSurrogate(line[max - 1]) ? max - 1 : max;
    }
}
