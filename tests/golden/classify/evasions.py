# SPDX-License-Identifier: Apache-2.0
"""The ways a value is written so that a filter does not see it: each takes a labelled value and gives the text that hides it,
with the extent that stands for the value. A text is (before, value, after); a form returns (parts, begin, end), where parts
are the adjacent content parts (mostly one) and the extent is in UTF-8 bytes of all of them in a row. None: the form says
nothing about this value (no letter to replace, no separator to vary).
"""
import base64
import html
import json
import random
import urllib.parse

NAMES = {"@": "commat", ".": "period", ":": "colon", "-": "hyphen", "/": "sol", "_": "lowbar", "=": "equals", "+": "plus", "%": "percnt",
         "(": "lpar", ")": "rpar", ",": "comma", "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos", "\n": "NewLine", "$": "dollar",
         "!": "excl", "#": "num", "*": "ast"}
CYRILLIC = dict(zip("ABEKMHOPCTXaeopcxyijs", "АВЕКМНОРСТХаеорсхуіјѕ"))
GREEK = dict(zip("ABEZHIKMNOPTYXov", "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧον"))
ARMENIAN = dict(zip("oUSnhu", "օՍՏոհս"))
LEET = {"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"}


def place(before, value, after):
    """One part with the value as it stands."""
    begin = len(before.encode())
    return [before + value + after], begin, begin + len(value.encode())


def by_char(change, whole=False, before="", after=""):
    """Writes each character of the value (of the text) by `change`, inside `before` and `after`."""
    def form(rng, head, value, tail):
        written = "".join(change(rng, c) for c in value)
        if written == value:
            return None
        outer = (lambda text: "".join(change(rng, c) for c in text)) if whole else (lambda text: text)
        return place(before + outer(head), written, outer(tail) + after)
    return form


def between(pool, every=False):
    """Puts characters of the pool between those of the value."""
    def form(rng, head, value, tail):
        gaps = set(range(1, len(value)))
        if not every:
            gaps = set(rng.sample(sorted(gaps), min(4, len(gaps))))
        return place(head, "".join((rng.choice(pool) if i in gaps else "") + c for i, c in enumerate(value)), tail)
    return form


def utf8(change):
    return lambda rng, c: "".join(change(byte) for byte in c.encode())


def unit(rng, c):
    return "".join(f"\\u{u:04x}" for u in memoryview(c.encode("utf-16-le")).cast("H"))


def sometimes(change, share):
    return lambda rng, c: change(rng, c) if rng.random() < share else c


def nested(levels):
    def change(rng, c):
        for _ in range(levels):
            c = json.dumps(c)[1:-1]
        return c
    opened, closed = '{"arguments": "', '"}'
    for _ in range(levels - 1):
        opened, closed = '{"a": "' + json.dumps(opened)[1:-1], json.dumps(closed)[1:-1] + '"}'
    def form(rng, head, value, tail):
        outer = lambda text: "".join(change(rng, c) for c in text)
        return place(opened + outer('{"note": "') + outer(json.dumps(head)[1:-1]), outer(json.dumps(value)[1:-1]),
                     outer(json.dumps(tail)[1:-1]) + outer('"}') + closed)
    return form


def entity(rng, c):
    return f"&{NAMES[c]};" if c in NAMES else f"&#{ord(c)};"


def run_of(encode, whole):
    """The value (or the text) becomes one run that stands for all that is in it."""
    def form(rng, head, value, tail):
        if whole:
            run = encode(("The customer wrote this on Monday: " + head + value + tail).encode())
            text = run.strip("\n")
            return place("attachment:" + (" " if text == run else "\n"), text, (" " if text == run else "\n") + "end")
        return place(head, encode(value.encode()), tail)
    return form


def b64(data):
    return base64.b64encode(data).decode()


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def wrapped(data, width):
    text = b64(data)
    return "\n".join(text[i:i + width] for i in range(0, len(text), width))


def xxd(data):
    lines = []
    for at in range(0, len(data), 16):
        row = data[at:at + 16]
        words = " ".join(row[i:i + 2].hex() for i in range(0, len(row), 2))
        lines.append(f"{at:08x}: {words:<39}  " + "".join(chr(b) if 32 <= b < 127 else "." for b in row))
    return "\n" + "\n".join(lines) + "\n"


def hexdump(data):
    lines = []
    for at in range(0, len(data), 16):
        row = data[at:at + 16]
        lines.append(f"{at:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  |" + "".join(chr(b) if 32 <= b < 127 else "." for b in row) + "|")
    return "\n" + "\n".join(lines) + "\n"


def quoted_printable(rng, head, value, tail):
    units = [c if c.isalnum() and rng.random() < 0.7 else "".join(f"={b:02X}" for b in c.encode()) for c in value]
    cut = rng.randrange(1, len(units))
    return place(head, "".join(units[:cut]) + "=\n" + "".join(units[cut:]), tail)


def tag_letters(rng, head, value, tail):
    return place(head, "".join(chr(0xE0000 + ord(c)) for c in value), tail) if value.isascii() and "\n" not in value else None


def overridden(rng, head, value, tail):
    return place(head, "\u202e" + value[::-1] + "\u202c", tail) if "\n" not in value else None


def wide(rng, c):
    return chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c


def digits_of(zero):
    return lambda rng, c: chr(zero + int(c)) if c in "0123456789" else c


def swap(table):
    return lambda rng, c: table.get(c, c)


def label_of(change):
    """Only the words before the value change."""
    def form(rng, head, value, tail):
        written = "".join(change(rng, c) for c in head)
        return None if written == head else place(written, value, tail)
    return form


def spread(joint):
    """One digit at a time."""
    def form(rng, head, value, tail):
        digits = [c for c in value if c.isdigit()]
        if not all(c.isdigit() or c in " -()+" for c in value) or value.startswith(("+", "(")) or len(digits) < 8:
            return None
        return place(head, joint.join(digits), tail)
    return form


def odd_groups(rng, head, value, tail):
    digits = [c for c in value if c.isdigit()]
    if not all(c.isdigit() or c in " -" for c in value) or len(digits) < 8:
        return None
    out, at = "", 0
    while at < len(digits):
        size = rng.randrange(2, 5)
        out += (rng.choice([" ", "-", ".", "/", " / ", "\n", "_"]) if at else "") + "".join(digits[at:at + size])
        at += size
    return place(head, out, tail)


def bold(rng, head, value, tail):
    if "\n" in value:
        return None
    at = len(value) // 2
    outer = "**" if head.endswith(" ") else ""
    return place(head + outer, value[:at] + "**" + value[at:], outer + tail)


def split(rng, head, value, tail):
    at = rng.randrange(1, len(value))
    parts, begin, end = place(head, value, tail)
    cut = len(head) + at
    return [parts[0][:cut], parts[0][cut:]], begin, end


def label_and_value(rng, head, value, tail):
    parts, begin, end = place(head, value, tail)
    return [parts[0][:len(head)], parts[0][len(head):]], begin, end


def literal(before, after, escape=lambda v: v):
    """The value as a field of another language; {} in `before` is the label as a name."""
    def form(rng, head, value, tail):
        if "\n" in value:
            return None
        if "://" in head or head.endswith("Bearer "):  # what says what it is goes with the value
            return place(before.replace("{}", "note") + escape(head), escape(value), escape(tail.strip()) + after)
        return place(before.replace("{}", head.strip(" :=\"'").replace(" ", "_")), escape(value), after)
    return form


def joined(quote, joint):
    def form(rng, head, value, tail):
        if quote in value or "\n" in value or len(value) < 6:
            return None
        cuts = sorted(rng.sample(range(2, len(value) - 1), 2))
        pieces = [value[:cuts[0]], value[cuts[0]:cuts[1]], value[cuts[1]:]]
        written = (quote + joint + quote).join(pieces)
        if "://" in head or head.endswith("Bearer "):
            return place(quote + head, written, tail.strip() + quote)
        return place(head.rstrip(" \"'") + " " + quote, written, quote + tail.lstrip("\"'"))
    return form


def prefixed(prefix):
    """A long value, folded over quoted lines."""
    def form(rng, head, value, tail):
        if "\n" in value:
            lines = value.split("\n")
        elif len(value) > 30:
            lines = [value[i:i + 24] for i in range(0, len(value), 24)]
        else:
            return None
        number = [rng.randrange(1, 90)]
        def mark():
            number[0] += 1
            return prefix.replace("#", str(number[0]))
        before = mark() + "see below\n" + mark() + head
        written = lines[0] + "".join("\n" + mark() + line for line in lines[1:])
        return place(before, written, "\n" + mark() + "regards")
    return form


def query(value):
    return urllib.parse.quote(value, safe="")


# number of the design's list, name, form
FORMS = [
    (1, "json \\u all", by_char(unit)), (1, "json \\u some", by_char(sometimes(unit, 0.4))), (1, "json \\u text", by_char(unit, whole=True)),
    (1, "json \\/", by_char(swap({"/": "\\/"}))),
    (1, "json surrogates", by_char(lambda rng, c: unit(rng, chr(0x1D7CE + int(c))) if c in "0123456789" else c)),
    (2, "json in json", nested(1)), (2, "json in json 2", nested(2)), (2, "json in json 3", nested(3)),
    (3, "percent needed", by_char(lambda rng, c: query(c))), (3, "percent all", by_char(utf8(lambda b: f"%{b:02X}"))),
    (3, "percent some", by_char(sometimes(utf8(lambda b: f"%{b:02x}"), 0.4))), (3, "percent twice", by_char(utf8(lambda b: f"%25{b:02X}"))),
    (3, "form text", lambda rng, h, v, t: place("a=1&" + urllib.parse.quote_plus(h), urllib.parse.quote_plus(v), urllib.parse.quote_plus(t) + "&b=2")),
    (4, "entity dec", by_char(lambda rng, c: f"&#{ord(c)};")), (4, "entity hex", by_char(lambda rng, c: f"&#x{ord(c):x};")),
    (4, "entity padded", by_char(lambda rng, c: f"&#{ord(c):05};")), (4, "entity named", by_char(lambda rng, c: f"&{NAMES[c]};" if c in NAMES else c)),
    (4, "entity text", by_char(entity, whole=True)), (4, "entity twice", by_char(lambda rng, c: f"&amp;#{ord(c)};")),
    (5, "C \\x", by_char(utf8(lambda b: f"\\x{b:02x}"))), (5, "C octal", by_char(utf8(lambda b: f"\\{b:03o}"))),
    (5, "\\u{}", by_char(lambda rng, c: f"\\u{{{ord(c):x}}}")), (5, "C \\x text", by_char(utf8(lambda b: f"\\x{b:02x}"), whole=True)),
    (6, "quoted-printable", quoted_printable), (6, "qp all", by_char(utf8(lambda b: f"={b:02X}"))),
    (7, "base64", run_of(b64, False)), (7, "base64 text", run_of(b64, True)), (7, "base64url bare", run_of(b64url, False)),
    (7, "base64url text", run_of(b64url, True)), (7, "base64 lines", run_of(lambda d: wrapped(d, 76), True)),
    (7, "base64 short lines", run_of(lambda d: wrapped(d, 20), True)), (7, "base64 crlf", run_of(lambda d: wrapped(d, 64).replace("\n", "\r\n"), True)),
    (8, "hex", run_of(bytes.hex, False)), (8, "hex spaced", run_of(lambda d: d.hex(" "), True)), (8, "hex text", run_of(lambda d: d.hex().upper(), True)),
    (8, "xxd", run_of(xxd, True)), (8, "hexdump -C", run_of(hexdump, True)), (8, "0x list", run_of(lambda d: ", ".join(f"0x{b:02x}" for b in d), True)),
    (9, "base64 twice", run_of(lambda d: b64(b64(d).encode()), True)), (9, "base64 of hex", run_of(lambda d: b64(d.hex().encode()), True)),
    (10, "zero-width", between("\u200b\u200c\u200d\u2060\ufeff\u00ad")), (10, "zero-width all", between("\u200b\u2060", every=True)),
    (11, "joiner, selectors", between("\u034f\ufe0f\ufe00\U000e0100\u180b")), (12, "tags between", between("\U000e0041\U000e0061\U000e0030\U000e007f")),
    (12, "tag letters", tag_letters), (13, "bidi marks", between("\u202a\u202c\u202d\u2066\u2069\u200e\u200f\u061c")), (13, "bidi override", overridden),
    (14, "full-width", by_char(wide)), (14, "full-width text", by_char(wide, whole=True)), (15, "arabic digits", by_char(digits_of(0x660))),
    (15, "devanagari digits", by_char(digits_of(0x966))), (15, "math digits", by_char(digits_of(0x1D7EC))), (15, "mixed digits",
    by_char(lambda rng, c: chr(rng.choice([0x6F0, 0x9E6, 0xE50, 0x1D7D8, 0xFF10]) + int(c)) if c in "0123456789" else c)),
    (16, "cyrillic", by_char(swap(CYRILLIC))), (16, "greek", by_char(swap(GREEK))), (16, "armenian", by_char(swap(ARMENIAN))),
    (16, "cyrillic label", label_of(swap(CYRILLIC))), (16, "greek label", label_of(swap(GREEK))),
    (17, "exotic spaces", by_char(lambda rng, c: rng.choice("\u00a0\u2009\u2007\u202f\u3000") if c == " " else c)),
    (17, "exotic dashes", by_char(lambda rng, c: rng.choice("\u2010\u2011\u2012\u2013\u2212\uff0d\ufe58") if c == "-" else c)),
    (18, "digits apart", spread(" ")), (18, "digits dotted", spread(".")), (18, "digits slashed", spread("/")), (18, "digits lines", spread("\n")),
    (18, "digits dashed", spread("-")), (18, "digits two spaces", spread("  ")), (18, "odd groups", odd_groups), (18, "markdown bold", bold),
    (19, "two parts", split), (19, "label, value", label_and_value),
    (20, "LABEL", label_of(lambda rng, c: c.upper())), (20, "lAbEl", label_of(lambda rng, c: c.upper() if rng.random() < 0.5 else c.lower())),
    (20, "l4b3l", label_of(swap(LEET))),
    (21, "url query", literal("GET https://api.acme.io/v1?id=7&{}=", "&lang=en", query)), (21, "sql", literal("UPDATE t SET {} = '", "' WHERE id = 7;")),
    (21, "sql insert", literal("INSERT INTO customers (id, {}, city) VALUES (7, '", "', 'Bonn');")), (21, "xml", literal("<row><{}>", "</{}></row>", html.escape)),
    (21, "xml attribute", literal('<field name="{}" value="', '"/>', html.escape)), (21, "yaml", literal("customer:\n  {}: ", "\n  city: Bonn\n")),
    (21, "toml", literal('[customer]\n{} = "', '"\n')), (21, "csv", literal("id,{},city\n7,", ",Bonn\n")),
    (21, "csv quoted", literal('"id";"{}";"city"\n"7";"', '";"Bonn"\n')), (21, "markdown", literal("| id | {} | city |\n|---|---|---|\n| 7 | ", " | Bonn |\n")),
    (21, "code", literal('  const {} = "', '";')), (21, "json", literal('{"id": 7, "{}": "', '"}', lambda v: json.dumps(v)[1:-1])),
    (22, "concat +", joined('"', " + ")), (22, "concat .", joined("'", " . ")), (22, "concat lines", joined('"', '\n      ')),
    (22, "concat &", joined('"', " & _\n  ")), (22, "concat ||", joined("'", " || ")), (22, "concat \\", joined('"', " \\\n ")),
    (25, "> quote", prefixed("> ")), (25, "line numbers", prefixed("#: ")), (25, "listing", prefixed("  # | ")), (25, "comment", prefixed("// ")),
    (25, "diff", prefixed("+")),
]
NOT_HERE = {23: "compressed, chunked and multipart bodies: undone by the proxy before the classifier sees a text",
            24: "UTF-16, Latin-1 and overlong bodies: refused or converted by the proxy"}


def cases(kinds, count, seed):
    """(kind, form, parts, begin, end) for `count` values of each kind; form None is the clean text."""
    for kind, maker, head_of, tail in kinds:
        for number in range(count):
            rng = random.Random(f"{seed}/{kind}/{number}")
            head, value = head_of(rng), maker(rng)
            yield (kind, None, *place(head, value, tail))
            for _, name, form in FORMS:
                made = form(random.Random(f"{seed}/{kind}/{number}/{name}"), head, value, tail)
                if made is not None:
                    yield (kind, name, *made)
