# SPDX-License-Identifier: Apache-2.0
"""Sensitive-looking values made when a test runs, so that none stands in the sources, and a policy that knows them."""
import random
import string
import zlib

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def base62(number, width):
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = BASE62[rest] + digits
    return digits.rjust(width, "0")


def github_token(seed=1):
    """A classic token: 30 letters and digits and their CRC-32 in six base-62 digits."""
    body = "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=30))
    return "gh" + "p_" + body + base62(zlib.crc32(body.encode()), 6)


def ssn(seed=1):
    chooser = random.Random(seed)
    return f"{chooser.randint(500, 599)}-{chooser.randint(21, 79)}-{chooser.randint(1201, 8999)}"


HARMLESS = "Please write two lines about the tide in a small harbour."


def secret_prompt(seed=1):
    return f"Deploy with the token {github_token(seed)} tonight."


def ssn_prompt(seed=1):
    return f"The employee's social security number (SSN) is {ssn(seed)}, please file it."


POLICY = """\
apiVersion: egresswarden/v1
kind: PolicyBundle
metadata: { name: suite, version: "1" }
spec:
  defaults: { decision: block, mode: enforce, on_unreadable: block, on_untrusting_client: block }
  rules:
    - id: no-secrets
      effect: block
      when: { data: { any: [secret] } }
      message: Credentials must not be sent to a model.
    - id: hide-government-ids
      effect: redact
      when: { data: { any: [pii.gov] } }
    - id: models-allowed
      effect: allow
      when: { destination: { provider: [openai, anthropic] } }
"""
