"""Strings that some YAML reader takes for something else when they are written carelessly."""

_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")

TRICKY_STRINGS: tuple[str, ...] = (
    # Booleans and nulls of YAML 1.1 (and of 1.2) in the three cases that readers know.
    *(form for word in _WORDS for form in (word, word.title(), word.upper())),
    # Other nulls, merge and value keys.
    *("", "~", "<<", "=", "none", "None"),
    # Integers: decimal, octal (two kinds), hexadecimal, binary, underscores, signs.
    *("0", "1", "-1", "+1", "-0", "012", "09", "007", "0o17", "0O7", "0x1F", "0X1f", "0b1", "0B1"),
    *("1_000", "_1", "1_", "0x_1", "-0x1F", "9223372036854775808", "99999999999999999999999"),
    # Floats: exponents without a dot, leading and trailing dots, infinities.
    *("1e3", "1E3", "12e03", "4012e03", "7777777e12", "0e0", "1e+3", "1.10", ".5", "5.", "+.5"),
    *("-.5", "1.5e3", "1_0.5", ".inf", "-.inf", "+.INF", ".nan", ".NaN", "inf", "nan", "Infinity"),
    # Base 60 and times.
    *("1:30", "12:30:45", "-1:30", "1:30.5", "2001-01-01", "2024-1-1", "2001-12-14t21:59:43Z"),
    *("2001-12-14 21:59:43.10 -5", "17:00"),
    # Indicators and document markers.
    *("-", "--", "---", "--- a", "...", "- a", "?", "? a", ":", ": a", "a: b", "a:", ":a", "a :b"),
    *(
        "#",
        "a #b",
        "a#b",
        "&a",
        "*a",
        "*",
        "!a",
        "!!int 1",
        "|",
        ">",
        "%a",
        "@a",
        "`a`",
        ",",
        "[a]",
    ),
    *("{a}", "{}", "[]", "'", '"', "'a'", '"a"', "\\", "\\n", "a\\", "{{ a }}", "${A}", "a, b"),
    # Blanks and line breaks, which folding or chomping would change.
    *(
        " ",
        "  a",
        "a  ",
        "\t",
        "\ta",
        "a\t",
        "a\tb",
        "\n",
        "\n\n",
        "a\n",
        "a\n\n",
        "\na",
        " \n",
        "\n ",
    ),
    *(
        "a\nb",
        "a\nb\n",
        "a\nb\n\n\n",
        "a\n\nb",
        " a\nb",
        "a \nb",
        "a\n b",
        "a\n\tb\n",
        "a\nb ",
        "a\n \nb",
    ),
    *("# a\nb", "a: b\n- c\n", "---\na\n", "a\n---\n", "...\nb", "%a\nb", "\r", "a\r\nb", "a\rb"),
    # Controls, Unicode line separators, byte order mark, astral characters.
    *(
        "\0",
        "\x01",
        "\x07",
        "\x1b[31m",
        "\x7f",
        "\x80",
        "\x85",
        "a\x85b",
        "\xa0",
        "\u2028",
        "\u2029",
    ),
    *(
        "a\u2028\nb",
        "\ufeff",
        "\ufeffa",
        "a\ufeff\nb",
        "\ufffd",
        "\ufffe",
        "\uffff",
        "é",
        "日本",
        "😀",
    ),
    *("a\n😀", "\x1f\n", "\u200b", "e\u0301"),
    # What manifests are full of.
    *("busybox:1.36", "host:5000/image:12e03", "a/b.c-d_e", "/kubestash-data", "*/15 * * * *"),
    *("17 * * * *", "--storage=file:///x", "s3://bucket/p", "1Gi", "50m", "1h0m0s", "Prune=false"),
    *("a:1", "a::b", "a:", "http://x:80", "kubestash.com/v1alpha1", "metadata.annotations['a']"),
)
