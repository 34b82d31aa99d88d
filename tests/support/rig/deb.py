# SPDX-License-Identifier: Apache-2.0
"""Builds the Debian package of this tree, the same bytes every time."""
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]


def build_deb():
    """From the release build as it stands: tests/run made it, or `cmake --preset release && cmake --build --preset release`."""
    build = ROOT / "build/release"
    if not (build / "bin/egresswardend").exists():
        raise AssertionError("build/release is not built: cmake --preset release && cmake --build --preset release")
    when = subprocess.run(["dpkg-parsechangelog", "-l", ROOT / "packaging/deb/changelog", "-S", "Timestamp"], capture_output=True, text=True, check=True).stdout.strip()
    done = subprocess.run(["cpack", "-G", "DEB"], cwd=build, capture_output=True, text=True, env={**os.environ, "SOURCE_DATE_EPOCH": when})
    if done.returncode != 0:
        raise AssertionError(done.stdout + done.stderr)
    return next((build / "package").glob("*.deb"))


def depends(deb):
    """Names of the packages it needs, without versions."""
    text = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], capture_output=True, text=True, check=True).stdout
    return [re.sub(r"\(.*?\)", "", one.split("|")[0]).strip() for one in text.split(",")]


def newer(deb, folder, version, path, more):
    """The same package as a later release would bring it, with lines added to one of its files."""
    tree, made = pathlib.Path(folder) / f"tree-{version}", pathlib.Path(folder) / f"egresswarden-{version}.deb"
    subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {version}", control.read_text(), flags=re.MULTILINE))
    with open(tree / path.lstrip("/"), "a") as file:
        file.write(more)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, made], check=True, stdout=subprocess.DEVNULL)
    return made
