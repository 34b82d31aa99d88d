# SPDX-License-Identifier: Apache-2.0
"""One line per case: `PASS suite: case`, `FAIL suite: case: reason`, `SKIP suite: case: reason`. tests/run counts them."""
import contextlib
import os
import sys
import time
import traceback


class Skip(Exception):
    """Raised inside a case that this machine cannot run. Must be listed in tests/README.md, or the run fails."""


class Stop(Exception):
    """Raised when nothing after it can mean anything (the agent did not start)."""


def check(condition, reason):
    if not condition:
        raise AssertionError(reason)


def short(value):
    text = repr(value)
    return text if len(text) <= 400 else text[:200] + " ... " + text[-180:]


def equal(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: got {short(got)}, wanted {short(wanted)}")


class Report:
    def __init__(self, suite):
        where = os.environ.get("WARDEN_CLIENTS_IN")
        self.suite = f"{suite} in {where}" if where else suite
        self.passed = self.failed = self.skipped = 0

    def __enter__(self):
        return self

    def line(self, word, name, reason=""):
        tail = ": " + " | ".join(reason.strip().splitlines()) if reason else ""
        print(f"{word} {self.suite}: {name}{tail}", flush=True)

    @contextlib.contextmanager
    def case(self, name, fatal=False):
        started = time.monotonic()
        try:
            yield
        except Skip as why:
            self.skipped += 1
            self.line("SKIP", name, str(why))
        except AssertionError as why:
            self.failed += 1
            self.line("FAIL", name, str(why) or "an assertion without words:" + traceback.format_exc(limit=-2))
            if fatal:
                raise Stop(name) from why
        except Exception as why:
            self.failed += 1
            self.line("FAIL", name, f"{type(why).__name__}: {why}")
            traceback.print_exc(file=sys.stderr)
            if fatal:
                raise Stop(name) from why
        else:
            self.passed += 1
            self.line("PASS", f"{name} ({time.monotonic() - started:.1f} s)")

    def __exit__(self, kind, error, trace):
        if kind is not None and kind is not Stop and issubclass(kind, Exception):
            self.failed += 1
            self.line("FAIL", "the suite ran to its end", f"{kind.__name__}: {error}")
            traceback.print_exception(kind, error, trace, file=sys.stderr)
        # A suite that checked nothing must not look green.
        if self.passed + self.failed + self.skipped == 0:
            self.failed += 1
            self.line("FAIL", "the suite has cases", "no case ran")
        print(f"{self.suite}: {self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        if kind is not None and not issubclass(kind, Exception):
            return False
        if self.failed:
            raise SystemExit(1)
        return True
