# SPDX-License-Identifier: Apache-2.0
"""What the kernel hooks cost those whom they do not concern: connect() and throughput inside and outside the guarded cgroup
in turns, and the time of each program by the kernel's own count (bpf_stats), by kind of packet."""
import contextlib
import json
import pathlib
import ssl
import statistics
import struct
import subprocess

from rig import check
from rig.process import Daemon, command, environment, wait_until

HERE = pathlib.Path(__file__).resolve().parent
SWITCH = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
LLM, OTHER = "api.openai.com", "www.example.test"


def client_hello(name):
    outgoing = ssl.MemoryBIO()
    context = ssl.create_default_context()
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


def dns_answer(name, address):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes(map(int, address.split(".")))
    return struct.pack(">HHHHHH", 1, 0x8180, 1, 1, 0, 0) + labels + struct.pack(">HH", 1, 1) + record


@contextlib.contextmanager
def counting():
    """Every program of the machine is slower meanwhile."""
    before = SWITCH.read_text()
    SWITCH.write_text("1")
    try:
        yield
    finally:
        SWITCH.write_text(before)


def program_times(bpffs):
    """{program: (ns, runs)} so far."""
    told = {}
    for link in pathlib.Path(bpffs, "links").iterdir():
        show = lambda *what: json.loads(subprocess.run(["bpftool", "-j", *what], check=True, capture_output=True).stdout)  # noqa: E731
        program = show("prog", "show", "id", str(show("link", "show", "pinned", str(link))["prog_id"]))
        told[link.name] = (program.get("run_time_ns", 0), program.get("run_cnt", 0))
    return told


class Traffic:
    def __init__(self, stage, options):
        self.stage, self.options = stage, options
        self.program = stage.folder / "hooks"
        subprocess.run(["cc", "-O2", "-Wall", "-o", self.program, HERE / "hooks.c"], check=True)

    def file(self, name, content):
        (self.stage.folder / name).write_bytes(content)
        return self.stage.folder / name

    def serve(self, address, port, *file):
        log = self.stage.folder / f"serve-{address}-{port}.log"
        server = Daemon(["taskset", "-c", self.options.proxy_core, self.program, "serve", address, port, *file], log)
        self.stage.daemons.append(server)
        wait_until(lambda: "ready" in log.read_text(), 10, f"a server at {address}")

    def run(self, cgroup, *what):
        done = subprocess.run(command(["taskset", "-c", self.options.load_core, self.program, *what], cgroup), capture_output=True, text=True, env=environment(), timeout=120)
        check(done.returncode == 0, f"hooks {what} failed: {done.stderr[-300:]}")
        return [float(word) for word in done.stdout.split()]


def compare(traffic, name, take, *what):
    """Outside and inside in turns; `take` is which number of the output counts."""
    ways = {"outside": traffic.stage.outside, "inside": traffic.stage.guarded}
    got = {way: [] for way in ways}
    for number in range(traffic.options.hook_rounds):
        for way in list(ways) if number % 2 else list(reversed(ways)):
            got[way].append(traffic.run(ways[way], *what)[take])
    row = {}
    for way, values in got.items():
        quarters = statistics.quantiles(values, n=4)
        row[way] = {"median": statistics.median(values), "low": quarters[0], "high": quarters[2]}
    row["ratio"] = row["inside"]["median"] / row["outside"]["median"]
    print(f"  {name:34}" + "".join(f"  {way} {one['median']:.0f} ({one['low']:.0f} to {one['high']:.0f})" for way, one in row.items() if way != "ratio") + f"  ratio {row['ratio']:.3f}", flush=True)
    return row


def count(traffic, bpffs, what, each, program=None):
    """Runs `what` inside; ns of `program`, or of every program, for one of `each`, and how often the program ran for it."""
    before = program_times(bpffs)
    traffic.run(traffic.stage.guarded, *what)
    spent = {name: (ns - before[name][0], runs - before[name][1]) for name, (ns, runs) in program_times(bpffs).items()}
    ns, runs = spent[program] if program else map(sum, zip(*spent.values()))
    return {"ns": ns / each, "runs": runs / each, "ns_per_run": ns / runs if runs else 0, "by_program": {name: {"ns": one[0] / each, "runs": one[1] / each, "ns_per_run": one[0] / one[1]} for name, one in spent.items() if one[1]}}


def measure(stage, agent, options):
    """The section's results; prints them as it goes. Two clock reads of the counting are in each run: the floor shows them."""
    traffic = Traffic(stage, options)
    bpffs = stage.bpffs / agent.folder.name
    plain, known, unknown = (f"{stage.block}.{last}" for last in (40, 41, 42))
    hello = traffic.file("hello", client_hello(OTHER))
    traffic.serve(plain, 8443, traffic.file("nothing", b"0123456789"))
    traffic.serve(known, 53, traffic.file("known", dns_answer(LLM, "192.0.2.77")))
    traffic.serve(unknown, 53, traffic.file("unknown", dns_answer(OTHER, "192.0.2.78")))
    print(f"kernel hooks: no LLM's destinations, {options.hook_rounds} rounds in turns, median (quartiles)")
    report = {"compare": {
        "connect(), TCP, ns": compare(traffic, "connect(), TCP, ns", 0, "tcp", plain, 8443, 2000),
        "connect(), UDP, ns": compare(traffic, "connect(), UDP, ns", 0, "udp", plain, 8443, 200000),
        "throughput, bytes/s": compare(traffic, "throughput, bytes/s", 0, "stream", plain, 8443, 1)}}
    n = 5000
    with counting():
        kinds = {
            "floor: a hook that returns at once": count(traffic, bpffs, ("peer", plain, 8443, n), n, "ew_getpeername4"),
            "connect(), UDP": count(traffic, bpffs, ("udp", plain, 8443, n), n, "ew_connect4"),
            "connect(), TCP": count(traffic, bpffs, ("tcp", plain, 8443, n), n, "ew_connect4"),
            "a TCP connection without data, all hooks": count(traffic, bpffs, ("hello", plain, 8443, n), n),
            "a TCP connection with a TLS hello, all hooks": count(traffic, bpffs, ("hello", plain, 8443, n, hello), n),
            "tripwire, later packets": count(traffic, bpffs, ("send", plain, 8443, 20 * n), 20 * n, "ew_tripwire"),
            "tripwire, datagrams": count(traffic, bpffs, ("ask", plain, 8443, n), n, "ew_tripwire"),
            "DNS, packets from other ports": count(traffic, bpffs, ("ask", plain, 8443, n), n, "ew_dns"),
            "DNS, answers with an LLM's name": count(traffic, bpffs, ("ask", known, 53, n), n, "ew_dns"),
            "DNS, other answers": count(traffic, bpffs, ("ask", unknown, 53, n), n, "ew_dns")}
    without, whole = kinds["a TCP connection without data, all hooks"], kinds["a TCP connection with a TLS hello, all hooks"]
    spent = lambda one: one["by_program"]["ew_tripwire"]["ns"]  # noqa: E731
    report["hello_ns"] = spent(whole) - spent(without)
    print("  by the kernel's count (two clock reads in each run)     ns   ns/run     runs")
    for name, one in kinds.items():
        print(f"  {name:50} {one['ns']:8.0f} {one['ns_per_run']:8.0f} {one['runs']:8.2f}")
    print(f"  {'tripwire, reading a TLS hello of ' + str(hello.stat().st_size) + ' bytes':50} {report['hello_ns']:8.0f}")
    print("  of the TCP connection with a hello: " + ", ".join(f"{name} {one['ns']:.0f} ns in {one['runs']:.1f} runs" for name, one in sorted(whole["by_program"].items())))
    report["by_kind"] = kinds
    return report
