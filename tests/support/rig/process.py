# SPDX-License-Identifier: Apache-2.0
"""Processes in a chosen cgroup under a chosen user. A child enters its cgroup before it becomes the program, so that all
the program does happens there."""
import os
import pathlib
import re
import signal
import subprocess
import time


def command(argv, cgroup=None, uid=None, with_parent=False, loginuid=None):
    words = [str(word) for word in argv]
    if with_parent:  # daemons end with the suite even if it is killed
        words = ["setpriv", "--pdeathsig", "KILL", *words]
    if uid is not None:
        words = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *words]
    if loginuid is not None:
        words = ["sh", "-c", 'echo "$0" > /proc/self/loginuid; exec "$@"', str(loginuid), *words]
    if cgroup is not None:
        words = cgroup.started(words)
    return words


def pid_of(started):
    """The pid, as the host counts, of what `command` describes: of a Popen, or of what has ended and ran in a container. There
    what was started is the runtime's, and it wrote the number down."""
    words = list(map(str, started.args))
    if "--pid-file" not in words:
        return started.pid
    return int(wait_until(lambda: _read(words[words.index("--pid-file") + 1]), 10, "the runtime wrote the pid down"))


def pid_inside(ancestor, number):
    """The pid of that process, `ancestor` or one below it, which calls itself `number` in its own pid namespace."""
    for pid in [ancestor, *children_of(ancestor)]:
        numbers = re.search(r"^NSpid:.*\t(\d+)$", _read(f"/proc/{pid}/status"), re.MULTILINE)
        if numbers and int(numbers[1]) == number:
            return pid
    raise AssertionError(f"no process below {ancestor} calls itself {number}")


def _read(path):
    return pathlib.Path(path).read_text() if os.path.exists(path) else ""


def environment(more=None):
    """Clients get a small, known environment: nothing of the tester's shell may decide a test."""
    known = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LANG": "C.UTF-8"}
    known.update({name: str(value) for name, value in (more or {}).items()})
    return known


def run(argv, *, cgroup=None, uid=None, env=None, stdin=b"", timeout_s=60, loginuid=None, cwd="/"):
    if isinstance(stdin, str):
        stdin = stdin.encode()
    return subprocess.run(command(argv, cgroup, uid, loginuid=loginuid), input=stdin, capture_output=True, env=environment(env),
                          timeout=timeout_s, cwd=cwd)


class Daemon:
    """A process that the stage started and will end, with its output in a file."""

    def __init__(self, argv, log, *, cgroup=None, uid=None, env=None):
        self.name = os.path.basename(str(argv[0]))
        self.log = pathlib.Path(log)
        self.output = open(self.log, "ab")
        self.child = subprocess.Popen(command(argv, cgroup, uid, with_parent=True), stdin=subprocess.DEVNULL, stdout=self.output,
                                      stderr=self.output, env=environment(env), cwd="/", start_new_session=True)

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child.poll() is None

    def tail(self, lines=12):
        return " | ".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_for(self, path, seconds, what):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self.running():
                raise AssertionError(f"{what} ended with {self.child.returncode} before it was ready: {self.tail()}")
            if os.path.exists(path):
                return
            time.sleep(0.02)
        raise AssertionError(f"{what} was not ready after {seconds} s: {self.tail()}")

    def send(self, number):
        if self.running():
            self.child.send_signal(number)

    def end(self, seconds=10, number=signal.SIGTERM):
        """Returns the exit status; a process that does not obey is killed and that is said by the status."""
        self.send(number)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGCONT)
            self.child.kill()
            self.child.wait(5)
        self.output.close()
        return self.child.returncode

    def kill(self):
        self.child.kill()
        self.child.wait(5)
        self.output.close()


def children_of(pid):
    """All descendants, by /proc."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = pathlib.Path(f"/proc/{name}/stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(name))
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def wait_until(condition, seconds, what, pause_s=0.05):
    """`what` may be a function, asked only when the time is up: what a log says then, not before."""
    deadline = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(pause_s)
