# SPDX-License-Identifier: Apache-2.0
"""The stage on which the end-to-end tests play: a private mount namespace, cgroups, a provider double, an agent and a
collector of their own, clients in chosen cgroups under chosen users, and a report of one line per case.

A suite is a script:

    from rig import Report, Stage
    with Stage("name") as stage, Report("name") as report:
        with report.case("what is promised"):
            assert ...

Everything a Stage made is ended and removed when it is left, whatever happened inside.
"""
from . import samples
from .report import Report, Skip, check, equal
from .stage import Stage

__all__ = ["Report", "Skip", "Stage", "check", "equal", "samples"]
