#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One way out: way.py WAY ADDRESS PORT NAME CA MARK [MORE...]. Tries to bring MARK to ADDRESS by that way and prints what came of it.
It trusts the provider's authority as well as the host's, so nothing but the agent stands between it and the provider."""
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import time

WAY, ADDRESS, PORT, NAME, CA, MARK, *MORE = sys.argv[1:]
PORT = int(PORT)
WAYS = {}
PAUSE_S = 0.05
UDP_HEADER_BYTES, IPV4_VERSION_AND_LENGTH = 8, 0x45
AF_XDP, SOL_XDP, XDP_UMEM_REG = 44, 283, 4
SO_BINDTODEVICE, MSG_FASTOPEN, IPPROTO_MPTCP, IPPROTO_SCTP = 25, 0x20000000, 262, 132


def way(function):
    WAYS[function.__name__] = function
    return function


def tcp(family=socket.AF_INET, protocol=0):
    made = socket.socket(family, socket.SOCK_STREAM, protocol)
    made.settimeout(8)
    return made


def connected():
    made = tcp()
    made.connect((ADDRESS, PORT))
    return made


def body():
    return json.dumps({"model": "gpt-5", "messages": [{"role": "user", "content": f"The harbour at low tide, {MARK}"}]}).encode()


def request(host=NAME):
    return (f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer test\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body())}\r\nConnection: close\r\n\r\n").encode() + body()


def answer(stream):
    first = stream.recv(4096)
    return f"status {first.split()[1].decode()}" if first.startswith(b"HTTP/") else f"answer {first[:40]!r}"


def context(name=NAME):
    made = ssl.create_default_context(cafile=CA)
    made.check_hostname = name is not None
    return made


def over_tls(made, name=NAME, host=NAME):
    leg = context(name).wrap_socket(made, server_hostname=name)
    leg.sendall(request(host))
    return answer(leg)


def hello():
    """The bytes of a client hello, and the connection in memory that made them."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    leg = context().wrap_bio(incoming, outgoing, server_hostname=NAME)
    try:
        leg.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read(), leg, incoming, outgoing


def in_pieces(pieces, leg, incoming, outgoing):
    made = connected()
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for piece in pieces:
        made.sendall(piece)
    return finish(made, leg, incoming, outgoing)


def finish(made, leg, incoming, outgoing):
    """The rest of a handshake whose hello has been sent, and the request."""
    while True:
        try:
            leg.do_handshake()
            break
        except ssl.SSLWantReadError:
            made.sendall(outgoing.read())
            incoming.write(made.recv(65536))
    leg.write(request())
    made.sendall(outgoing.read())
    return "sent"


@way
def connect():
    return over_tls(connected())


@way
def other_port():
    return connect()


@way
def io_uring():
    """Began as uring, which left the socket that it connected as descriptor 3."""
    made = socket.socket(fileno=3)
    made.settimeout(8)
    return over_tls(made)


@way
def mapped_ipv6():
    made = tcp(socket.AF_INET6)
    made.connect((f"::ffff:{ADDRESS}", PORT))
    return over_tls(made)


@way
def non_blocking():
    made = tcp()
    made.setblocking(False)
    made.connect_ex((ADDRESS, PORT))
    time.sleep(PAUSE_S * 4)
    made.settimeout(8)
    return over_tls(made)


@way
def bound_first():
    made = tcp()
    made.bind(("127.0.0.1", 0))
    made.connect((ADDRESS, PORT))
    return over_tls(made)


@way
def bound_to_device():
    made = tcp()
    made.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, b"lo")
    made.connect((ADDRESS, PORT))
    return over_tls(made)


@way
def disconnected_and_again():
    made = connected()
    import ctypes
    unspec = ctypes.create_string_buffer(16)
    ctypes.CDLL(None, use_errno=True).connect(made.fileno(), unspec, 16)
    made.connect((ADDRESS, PORT))
    return over_tls(made)


@way
def multipath():
    made = tcp(protocol=IPPROTO_MPTCP)
    made.connect((ADDRESS, PORT))
    return over_tls(made)


@way
def fast_open():
    first, leg, incoming, outgoing = hello()
    made = tcp()
    made.settimeout(None)  # a socket with a timeout is a non-blocking one
    made.sendto(first, MSG_FASTOPEN, (ADDRESS, PORT))
    made.settimeout(8)
    return finish(made, leg, incoming, outgoing)


@way
def passed_socket():
    """A child connects and passes the socket to its parent."""
    import array
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        made = connected()
        theirs.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [made.fileno()]))])
        os._exit(0)
    os.wait()
    _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
    made = socket.socket(fileno=struct.unpack("i", ancillary[0][2][:4])[0])
    made.settimeout(8)
    return over_tls(made)


@way
def byte_by_byte():
    first, *rest = hello()
    return in_pieces([bytes([byte]) for byte in first], *rest)


@way
def two_records():
    first, *rest = hello()
    message, middle = first[5:], len(first) // 3
    records = [b"\x16\x03\x01" + struct.pack(">H", len(part)) + part for part in (message[:middle], message[middle:])]
    return in_pieces(records, *rest)


@way
def plain_http():
    made = connected()
    made.sendall(request())
    return answer(made)


@way
def connect_proxy():
    made = connected()
    made.sendall(f"CONNECT {NAME}:443 HTTP/1.1\r\nHost: {NAME}:443\r\n\r\n".encode())
    return over_tls(made) if b" 200" in made.recv(4096) else "no tunnel"


@way
def connect_proxy_by_address():
    made = connected()
    made.sendall(b"CONNECT 192.0.2.1:443 HTTP/1.1\r\n\r\n")
    return over_tls(made) if b" 200" in made.recv(4096) else "no tunnel"


@way
def waiting():
    """Connects before the agent is there, and sends when told to."""
    made = connected()
    print("connected", flush=True)
    sys.stdin.readline()
    return over_tls(made)


@way
def udp_connected():
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.connect((ADDRESS, PORT))
    made.send(MARK.encode())
    return "sent"


@way
def udp_sendto():
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(MARK.encode(), (ADDRESS, PORT))
    return "sent"


def datagram():
    return struct.pack(">HHHH", 4321, PORT, UDP_HEADER_BYTES + len(MARK), 0) + MARK.encode()


@way
def raw_ip():
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).sendto(datagram(), (ADDRESS, 0))
    return "sent"


@way
def sctp():
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
    made.settimeout(8)
    made.connect((ADDRESS, PORT))
    made.sendall(MARK.encode())
    return "sent"


@way
def xdp_socket():
    made = socket.socket(AF_XDP, socket.SOCK_RAW)
    made.setsockopt(SOL_XDP, XDP_UMEM_REG, bytes(32))
    return "memory given"


@way
def packet_socket():
    payload = datagram()
    head = struct.pack(">BBHHHBBH4s4s", IPV4_VERSION_AND_LENGTH, 0, 20 + len(payload), 1, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton("127.0.0.1"), socket.inet_aton(ADDRESS))
    words = struct.unpack(">10H", head)
    total = sum(words)
    total = (total & 0xffff) + (total >> 16)
    head = head[:10] + struct.pack(">H", ~total & 0xffff) + head[12:]
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind(("lo", 0x0800))
    made.send(b"\0" * 12 + b"\x08\x00" + head + payload)
    time.sleep(1)  # somebody who sends prompts stays longer than this
    return "sent"


# Names: MORE is another name, or the address of a resolver that knows where NAME is.


@way
def by_name():
    """As the machine's resolver says, whoever that is."""
    found = socket.getaddrinfo(NAME, PORT, socket.AF_INET, socket.SOCK_STREAM)[0][4]
    if found[0] != ADDRESS:
        return f"{NAME} is at {found[0]}"
    return connect()


def question():
    return struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"".join(bytes([len(label)]) + label.encode() for label in NAME.split(".")) + b"\0\0\1\0\1"


def then_connect(reply):
    made = tcp()
    made.connect((socket.inet_ntoa(reply[-4:]), PORT))
    return over_tls(made)


def resolver(port):
    made = tcp()
    made.connect((MORE[0], port))
    return context(MORE[1]).wrap_socket(made, server_hostname=MORE[1])


@way
def dns_over_tls():
    leg = resolver(853)
    leg.sendall(struct.pack(">H", len(question())) + question())
    return then_connect(leg.recv(4096))


@way
def dns_over_https():
    leg = resolver(443)
    leg.sendall(f"POST /dns-query HTTP/1.1\r\nHost: {MORE[1]}\r\nContent-Type: application/dns-message\r\nContent-Length: {len(question())}\r\n\r\n".encode() + question())
    return then_connect(leg.recv(4096))


@way
def no_server_name():
    return over_tls(connected(), None)


@way
def fronted():
    """The hello names another site, the request the provider: how domain fronting goes, and what the outer name of an
    encrypted hello shows."""
    return over_tls(connected(), MORE[0])


@way
def host_differs():
    return over_tls(connected(), host=MORE[0])


@way
def coalesced_http2():
    """A connection that was opened for another name, used for the provider's by its :authority."""
    done = subprocess.run(["curl", "-sS", "--http2", "--max-time", "8", "--cacert", CA, "--resolve", f"{MORE[0]}:{PORT}:{ADDRESS}", "-H", f"Host: {NAME}",
                           "-o", "/dev/null", "-w", "status %{http_code} by HTTP/%{http_version}", "--data-binary", "@-", f"https://{MORE[0]}:{PORT}/v1/chat/completions"],
                          input=body(), capture_output=True, check=False)
    return (done.stdout + b" " + done.stderr).decode().strip()


# Tunnels


def read_line(made):
    line = b""
    while not line.endswith(b"\n"):
        line += made.recv(1)
    return line


class Masked:
    """A stream whose bytes tell nothing, as an encrypted one's."""

    def __init__(self, made):
        self.made = made

    def send(self, block):
        self.made.sendall(bytes(byte ^ 0xA5 for byte in block))

    def receive(self):
        return bytes(byte ^ 0xA5 for byte in self.made.recv(65536))


@way
def ssh_tunnel():
    made = connected()
    made.sendall(b"SSH-2.0-double\r\n")
    read_line(made)
    tunnel = Masked(made)
    first, leg, incoming, outgoing = hello()
    tunnel.send(first)
    while True:
        try:
            leg.do_handshake()
            break
        except ssl.SSLWantReadError:
            if pending := outgoing.read():
                tunnel.send(pending)
            incoming.write(tunnel.receive())
    leg.write(request())
    tunnel.send(outgoing.read())
    tunnel.receive()
    return "sent"


@way
def wireguard_tunnel():
    """WireGuard's first message (type 1, 148 bytes), and then one of data (type 4)."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.connect((ADDRESS, PORT))
    made.send(b"\1\0\0\0" + os.urandom(144))
    made.send(b"\4\0\0\0" + os.urandom(12) + MARK.encode())
    time.sleep(PAUSE_S * 4)
    return "sent"


def by_socks(address_type, where):
    made = connected()
    made.sendall(b"\x05\x01\x00")
    made.recv(2)
    made.sendall(b"\x05\x01\x00" + bytes([address_type]) + where + struct.pack(">H", 443))
    made.recv(10)
    return over_tls(made)


@way
def socks_proxy():
    return by_socks(3, bytes([len(NAME)]) + NAME.encode())


@way
def socks_proxy_by_address():
    return by_socks(1, socket.inet_aton("192.0.2.1"))


# Root's


def move_to(cgroup):
    with open(f"{cgroup}/cgroup.procs", "w") as file:
        file.write("0")


@way
def another_cgroup():
    move_to(MORE[0])
    return connect()


@way
def born_in_another_cgroup():
    """clone3 with CLONE_INTO_CGROUP."""
    import ctypes
    clone3, into_cgroup, sigchld = 435, 0x200000000, 17
    folder = os.open(MORE[0], os.O_RDONLY | os.O_DIRECTORY)
    arguments = struct.pack("11Q", into_cgroup, 0, 0, 0, sigchld, 0, 0, 0, 0, 0, folder)
    pid = ctypes.CDLL(None, use_errno=True).syscall(clone3, arguments, len(arguments))
    if pid < 0:
        raise OSError(ctypes.get_errno(), "clone3")
    if pid == 0:
        try:
            print(connect(), flush=True)
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    return "the child has"


@way
def pins_removed():
    for folder in ("links", "maps"):
        for name in os.listdir(f"{MORE[0]}/{folder}"):
            os.unlink(f"{MORE[0]}/{folder}/{name}")
    return connect()


@way
def programs_detached():
    for name in os.listdir(f"{MORE[0]}/links"):
        subprocess.run(["bpftool", "link", "detach", "pinned", f"{MORE[0]}/links/{name}"], capture_output=True, check=False)
    return connect()


@way
def detached_from_cgroup():
    """bpftool cgroup detach, for each program that is attached there."""
    shown = json.loads(subprocess.run(["bpftool", "-j", "cgroup", "show", MORE[0]], capture_output=True, check=True).stdout)
    gone = sum(subprocess.run(["bpftool", "cgroup", "detach", MORE[0], one["attach_type"], "id", str(one["id"])], capture_output=True, check=False).returncode == 0
               for one in shown)
    return f"{gone} of {len(shown)} detached, {connect()}"


@way
def listener_taken():
    """Where the agent listened while it was alive."""
    socket.create_server((ADDRESS, PORT))
    return "listening"


@way
def own_namespace():
    """A network namespace of its own, with nothing but loopback, in a user namespace so that anybody may."""
    done = subprocess.run(["unshare", "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, __file__, "connect", *sys.argv[2:7]],
                          capture_output=True, check=False)
    return (done.stdout + done.stderr).decode().strip()


try:
    print(WAYS[WAY]())
except OSError as error:
    print(f"{type(error).__name__} {error.errno or ''}".strip())
except ssl.SSLError as error:
    print(f"SSLError {error.reason}")
