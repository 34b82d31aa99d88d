#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Labelled texts for the classifier, made from a seed: the same seed gives the same bytes on every machine.

    generate.py [--seed N] [--per-kind N]  > golden.jsonl

Positives carry correct check digits in varied carriers; negatives are the same shapes with a broken check digit or named
as something else; examples are values that documentation prints. One JSON object per line: {"id", "text", "kind" (positive,
negative, example), "spans": [{"start", "end", "type"}]}, offsets in UTF-8 bytes.
"""
import argparse
import base64
import json
import random
import string
import urllib.parse
import zlib

DIGITS = string.digits
UPPER = string.ascii_uppercase
ALNUM = string.ascii_letters + string.digits


def pick(rng, alphabet, count):
    return "".join(rng.choice(alphabet) for _ in range(count))


def luhn_digit(payload):
    total = 0
    for i, c in enumerate(reversed(payload)):
        value = int(c) * (2 if i % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def groups(text, sizes, joint):
    out, at = [], 0
    for size in sizes:
        out.append(text[at:at + size])
        at += size
    return joint.join(part for part in out if part)


# --- values: each returns (written form, broken form or None) ---------------------------------------------------------

ISSUERS = [("4", 16, (4, 4, 4, 4)), ("51", 16, (4, 4, 4, 4)), ("2310", 16, (4, 4, 4, 4)), ("37", 15, (4, 6, 5)), ("6011", 16, (4, 4, 4, 4)),
           ("36", 14, (4, 6, 4)), ("3530", 16, (4, 4, 4, 4)), ("62", 16, (4, 4, 4, 4))]


def card(rng):
    prefix, size, sizes = rng.choice(ISSUERS)
    payload = prefix + pick(rng, DIGITS, size - 1 - len(prefix))
    good = payload + luhn_digit(payload)
    bad = payload + str((int(good[-1]) + rng.randrange(1, 10)) % 10)
    joint = rng.choice(["", " ", "-"])
    return (groups(good, sizes, joint), groups(bad, sizes, joint)) if joint else (good, bad)


IBAN_SHAPES = {"DE": "n18", "FR": "n23", "ES": "n20", "GB": "a4n14", "NL": "a4n10", "PL": "n24", "NO": "n11", "CH": "n17", "AT": "n16", "SE": "n20"}


def iban(rng):
    country = rng.choice(sorted(IBAN_SHAPES))
    shape = IBAN_SHAPES[country]
    bban = pick(rng, UPPER, 4) if shape.startswith("a4") else ""
    bban += pick(rng, DIGITS, int(shape.split("n")[1]))
    as_number = int("".join(str(int(c, 36)) for c in bban + country + "00"))
    check = 98 - as_number % 97
    good, bad = f"{country}{check:02}{bban}", f"{country}{(check + 5) % 90 + 3:02}{bban}"
    if int("".join(str(int(c, 36)) for c in bad[4:] + bad[:4])) % 97 == 1:
        bad = None
    if rng.random() < 0.5:
        spaced = [None if v is None else " ".join(v[i:i + 4] for i in range(0, len(v), 4)) for v in (good, bad)]
        return spaced[0], spaced[1]
    return good, bad


def ssn(rng):
    area = rng.choice([n for n in range(1, 900) if n != 666])
    good = f"{area:03}{rng.randrange(1, 100):02}{rng.randrange(1, 10000):04}"
    bad = rng.choice(["000", "666", "9" + pick(rng, DIGITS, 2)]) + "00" + good[5:]
    joint = rng.choice(["-", " ", ""])
    return groups(good, (3, 2, 4), joint), groups(bad, (3, 2, 4), joint)


def itin(rng):
    group = rng.choice(list(range(50, 66)) + list(range(70, 89)) + [90, 91, 92] + list(range(94, 100)))
    good = f"9{pick(rng, DIGITS, 2)}{group}{rng.randrange(10000):04}"
    bad = good[:3] + rng.choice(["00", "66", "89", "93"]) + good[5:]
    return groups(good, (3, 2, 4), "-"), groups(bad, (3, 2, 4), "-")


def nhs(rng):
    while True:
        payload = pick(rng, DIGITS, 9)
        check = -sum(int(d) * (10 - i) for i, d in enumerate(payload)) % 11
        if check < 10:
            break
    good, bad = payload + str(check), payload + str((check + rng.randrange(1, 10)) % 10)
    joint = rng.choice(["", " ", "-"])
    return groups(good, (3, 3, 4), joint), groups(bad, (3, 3, 4), joint)


def nino(rng):
    first, second = rng.choice("ABCEGHJKLMNOPRSTWXYZ"), rng.choice("ABCEGHJKLMNPRSTWXYZ")
    if first + second in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ"):
        second = "M"
    digits, suffix = pick(rng, DIGITS, 6), rng.choice("ABCD")
    joint = rng.choice(["", " "])
    parts = lambda prefix: joint.join([prefix, digits[:2], digits[2:4], digits[4:], suffix])
    return parts(first + second), parts(rng.choice(["QQ", "GB", "FY", "AO"]))


CONTROL = "TRWAGMYFPDXBNJZSQVHLCKE"


def dni(rng):
    number = rng.randrange(10_000_000, 100_000_000)
    letter = CONTROL[number % 23]
    wrong = rng.choice([c for c in CONTROL if c != letter])
    joint = rng.choice(["", "-"])
    return f"{number}{joint}{letter}", f"{number}{joint}{wrong}"


def nie(rng):
    prefix, number = rng.randrange(3), rng.randrange(1_000_000, 10_000_000)
    letter = CONTROL[(prefix * 10_000_000 + number) % 23]
    wrong = rng.choice([c for c in CONTROL if c != letter])
    joint = rng.choice(["", "-"])
    return f"{'XYZ'[prefix]}{joint}{number}{joint}{letter}", f"{'XYZ'[prefix]}{joint}{number}{joint}{wrong}"


def email(rng):
    local = rng.choice(["maria.lopez", "j.smith", "anna_k", "li.wei+work", "o'neill.t", "p-83"])
    return f"{local}{rng.randrange(100)}@{rng.choice(['mail.acme-corp.com', 'uni-bonn.de', 'contoso.co.uk', 'firma.io'])}", f"{local}@build"


def phone(rng):
    area, line = f"{rng.choice('23456789')}{rng.choice('02345678')}{pick(rng, DIGITS, 1)}", f"{rng.choice('2346789')}{pick(rng, '2345678', 2)}"
    tail = pick(rng, DIGITS, 4)
    return rng.choice([f"+1 {area} {line} {tail}", f"({area}) {line}-{tail}", f"+49 30 {pick(rng, '123456789', 7)}", f"+44 20 7{pick(rng, '123456789', 3)} {tail}",
                       f"+33 6 {groups(pick(rng, '123456789', 8), (2, 2, 2, 2), ' ')}", f"+34 6{pick(rng, '123456789', 8)}"]), None


def aws(rng):
    return "AKIA" + pick(rng, UPPER + "234567", 16), "AKIA" + pick(rng, UPPER + "234567", 12)


def base62_crc(payload):
    value, out = zlib.crc32(payload.encode()), ""
    for _ in range(6):
        value, rest = divmod(value, 62)
        out = (DIGITS + UPPER + string.ascii_lowercase)[rest] + out
    return out


def github(rng):
    payload = pick(rng, ALNUM, 30)
    return rng.choice(["ghp_", "gho_", "ghs_"]) + payload + base62_crc(payload), "ghp_" + payload[:20]


def openai(rng):
    return "sk-proj-" + pick(rng, ALNUM, 40) + "T3BlbkFJ" + pick(rng, ALNUM, 40), "sk-" + pick(rng, string.ascii_lowercase, 9)


def anthropic(rng):
    return "sk-ant-api03-" + pick(rng, ALNUM + "-_", 92) + "xAA", "sk-ant-api03-" + pick(rng, ALNUM, 10)


def slack(rng):
    return f"xoxb-{pick(rng, '123456789', 11)}-{pick(rng, '123456789', 12)}-{pick(rng, ALNUM, 24)}", "xoxb-short"


def stripe(rng):
    return rng.choice(["sk_live_", "rk_live_"]) + pick(rng, ALNUM, 24), "sk_live_" + pick(rng, ALNUM, 6)


def gitlab(rng):
    return "glpat-" + pick(rng, ALNUM, 20), "glpat-" + pick(rng, ALNUM, 8)


def google(rng):
    return "AIza" + pick(rng, ALNUM + "-_", 35), "AIza" + pick(rng, ALNUM, 20)


def jwt(rng):
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).rstrip(b"=").decode()
    body = part({"sub": pick(rng, DIGITS, 8), "iat": rng.randrange(10**9, 2 * 10**9)})
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{body}.{pick(rng, ALNUM + '-_', 43)}", f"{part({'typ': 'none'})}.{body}.{pick(rng, ALNUM, 43)}"


# type, maker, labels that name it ("" = it needs none), words that name something else
KINDS = [
    ("CREDIT_CARD", card, ["card number", "credit card", "cardNumber", "visa", "Kreditkarte"]),
    ("IBAN", iban, ["IBAN", "bank account", "Konto", ""]),
    ("US_SSN", ssn, ["SSN", "social security number", "customer_ssn", "socialSecurityNumber"]),
    ("US_ITIN", itin, ["ITIN", "individual taxpayer identification number"]),
    ("UK_NHS", nhs, ["NHS number", "nhs_no", "NHS"]),
    ("UK_NINO", nino, ["NINO", "National Insurance number", ""]),
    ("ES_DNI", dni, ["DNI", "NIF", ""]),
    ("ES_NIE", nie, ["NIE", ""]),
    ("EMAIL", email, ["mail", "contact", ""]),
    ("PHONE", phone, ["phone", "Telefon", "mobile number", "call me at"]),
    ("AWS_KEY", aws, ["aws_access_key_id", ""]),
    ("GITHUB", github, ["GITHUB_TOKEN", ""]),
    ("OPENAI", openai, ["OPENAI_API_KEY", ""]),
    ("ANTHROPIC", anthropic, ["ANTHROPIC_API_KEY", ""]),
    ("SLACK", slack, ["SLACK_BOT", ""]),
    ("STRIPE", stripe, ["stripe", ""]),
    ("GITLAB", gitlab, ["GITLAB_TOKEN", ""]),
    ("GOOGLE_KEY", google, ["maps key", ""]),
    ("JWT", jwt, ["session", ""]),
]
OTHER_NAMES = ["order id", "ticket", "build", "commit", "sku", "tracking", "invoice", "row", "part number", "checksum"]
EXAMPLES = ["4111111111111111", "4242 4242 4242 4242", "378282246310005", "5555555555554444", "078-05-1120", "219-09-9999", "AKIAIOSFODNN7EXAMPLE",
            "GB82WEST12345698765432", "GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "12345678Z", "X1234567L", "jane@example.com",
            "+1 202-555-0143", "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "postgres://user:password@localhost/db", 'password = "changeme"']


# --- carriers: text with {} for the label and the value ---------------------------------------------------------------

def plain_carriers(rng, label, value):
    label = label or "value"
    return rng.choice([
        ("{0}: ", ""), ("{0}=", "\n"), ("Please change the {0} to ", " by Friday."), ('{{"{0}": "', '"}}'), ("| id | {0} |\n|---|---|\n| 7 | ", " |"),
        ("{0}\t", "\tnext"), ("Sehr geehrte Damen und Herren, {0}: ", ", danke – Grüße"), ("<row {0}='", "'/>"), ("# {0}: ", "\r\n"), ('"{0}",\n"', '"')],
    ), label, value


def encoded(rng, before, value, after):
    """The value behind one layer; returns text and the extent of what stands for it."""
    form = rng.randrange(8)
    if form == 0:
        value = urllib.parse.quote(value, safe="")
    elif form == 1:
        value = "".join(f"\\u{ord(c):04x}" if rng.random() < 0.3 else c for c in value)
    elif form == 2:
        value = value[:2] + "\u200b" + value[2:]
    return before + value + after, len(before.encode()), len((before + value).encode())


def make(rng, label, value):
    (before, after), label, value = plain_carriers(rng, label, value)
    return encoded(rng, before.format(label), value, after.replace("}}", "}"))


def records(seed, per_kind):
    rng = random.Random(seed)
    for kind, maker, labels in KINDS:
        for number in range(per_kind):
            good, bad = maker(rng)
            text, start, end = make(rng, rng.choice(labels), good)
            yield {"id": f"{kind}-{number}", "kind": "positive", "text": text, "spans": [{"start": start, "end": end, "type": kind}]}
            if bad is not None:
                text, _, _ = make(rng, rng.choice(OTHER_NAMES), bad)
                yield {"id": f"{kind}-{number}-broken", "kind": "negative", "text": text, "spans": []}
            bare = "".join(c for c in good if c.isdigit())
            if kind in ("US_SSN", "UK_NHS"):  # the digits alone, called something else
                text, _, _ = make(rng, rng.choice(OTHER_NAMES), bare)
                yield {"id": f"{kind}-{number}-other", "kind": "negative", "text": text, "spans": []}
    for number, value in enumerate(EXAMPLES):
        yield {"id": f"example-{number}", "kind": "example", "text": f"as the manual shows: {value} (sample)", "spans": []}


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seed", type=int, default=20261123)
    options.add_argument("--per-kind", type=int, default=60)
    given = options.parse_args()
    for record in records(given.seed, given.per_kind):
        print(json.dumps(record, ensure_ascii=False))


if __name__ == "__main__":
    main()
