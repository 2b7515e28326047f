"""What the tests of captures share: tshark with the plugin and nothing else, tcpdump on loopback, and TCP cut anew."""

import itertools
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from collections import Counter
from pathlib import Path

import sctp_cut
from labtest import ROOT, LabTest
from lab import wait_until

BUILD = Path(os.environ.get("KEYHOP_BUILD") or ROOT / "build")
TOOL = BUILD / "ctl" / "keyhop"
STEPS = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
ROUTINE = {"s1.heartbeat", "x2.heartbeat"}
BOUND_S = 30  # for tcpdump to begin, and to come to the end
SANITIZERS = {"ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"}


class WireTest(LabTest):
    """A lab whose nodes write captures and keylogs, and tools to look at what was written."""

    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        return Path(folder.name)

    def need(self, program, package):
        if not shutil.which(program):
            self.skip(f"no {program} (Debian: {package})")

    def skip(self, reason):
        print(f"skipped: {reason}", flush=True)
        self.skipTest(reason)

    def tool(self, *words, code=0, cwd=None):
        done = subprocess.run([str(TOOL), *map(str, words)], capture_output=True, text=True, timeout=120, cwd=cwd)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stdout}\n{done.stderr}")
        return done.stdout + (done.stderr if code else "")

    def wire_lab(self, enbs=3, ues=1, captures=True, extra="", mme=None, transport=None):
        """As the demo's: keylogs, TLS secrets, captures."""
        lab = self.lab(start=False, enbs=enbs, ues=ues, mme=mme, transport=transport)
        for name in lab.names():
            lab.extra[name] = (f"capture: {name}.pcapng\n" if captures else "") + extra
            lab.extra[name] += "" if name == "ue" else f"tls_keylog: {name}.tlskeys\n"
        return lab

    def dump(self, lab):
        """tcpdump of a lab that is still to be started. PermissionError where one may not."""
        lab.prepare()
        lab.prepare = lambda: None  # start() does it, too
        try:
            dump = Tcpdump(lab, lab.path / "dump.pcap")
        except OSError:
            lab.backend.close()
            raise
        self.addCleanup(dump.close)
        return dump

    def dump_or_skip(self, lab):
        self.need("tcpdump", "tcpdump")
        try:
            return self.dump(lab)
        except PermissionError as e:
            self.skip(str(e))

    def move(self, lab, path):
        """Measurements lead the UEs from cell to cell. Ends when the last list is usable and nothing is on its way."""
        ue = lab.node("ue")
        ue.subscribe(topics=["hkey.received"])
        for source, target in zip(path, path[1:]):
            lab.node(source).subscribe(topics=["handover.completed"])
            for imsi in lab.imsis:
                cells = dict.fromkeys(lab.enb_names(), -95) | {target: -70}
                ue.call("measure", ue=imsi, cells=cells)
                lab.node(source).wait_event(lambda e, imsi=imsi: e["ue"] == imsi, 30)
                ue.wait_event(lambda e, imsi=imsi: e["ue"] == imsi, 30)

    def attach(self, lab):
        """Attached, and with the first H_key."""
        ue = lab.node("ue")
        ue.subscribe(topics=["hkey.received"])
        lab.attach_all()
        for imsi in lab.imsis:
            ue.wait_event(lambda e, imsi=imsi: e["ue"] == imsi, 30)
        ue.call("events.unsubscribe")

    def until_quiet(self, lab):
        """Until all that was sent has come. A lost datagram of SCTP is sent again after a second."""
        nodes = [lab.node(name) for name in lab.names()]
        for node in nodes:
            node.subscribe()
        try:
            wait_until(nodes, lambda: not self.on_the_way(nodes), 30, "nothing is on its way")
        except TimeoutError as e:
            raise AssertionError(f"{e}: {self.on_the_way(nodes)}") from None
        for node in nodes:
            node.call("events.unsubscribe")
            node.events.clear()

    def on_the_way(self, nodes):
        """{message: sent and not yet come}, but for those that come at any time."""
        out = Counter()
        for node in nodes:
            metrics = node.call("metrics.get")
            out.update(metrics["tx"])
            out.subtract(metrics["rx"])
        return {m: n for m, n in out.items() if n and m not in ROUTINE}

    def messages(self, lab):
        """What the nodes' own counters say was sent: {"s1.enb_key": 3, ...}."""
        sent = Counter()
        for name in lab.names():
            sent.update({m: n for m, n in lab.node(name).call("metrics.get")["tx"].items() if n})
        return sent

    # tshark.
    def plugin(self):
        """The environment of a user who ran `keyhop wireshark --user` and did nothing else."""
        self.need("tshark", "tshark")
        home = self.folder()
        env = {k: v for k, v in os.environ.items() if k not in SANITIZERS}
        env |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
        done = subprocess.run([str(TOOL), "wireshark", "--user"], env=env, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return env

    def tshark(self, env, capture, *options):
        done = subprocess.run(["tshark", "-r", str(capture), *options], env=env, capture_output=True, text=True,
                              timeout=300)
        errors = [line for line in done.stderr.splitlines() if "Running as user" not in line]
        self.assertEqual((done.returncode, errors), (0, []))
        return [line for line in done.stdout.splitlines() if line]

    def decoded(self, env, capture):
        """(Counter of messages by interface, steps in order of all, as "", and of each UE). Fails on anything that is
        malformed."""
        bad = self.tshark(env, capture, "-Y", "_ws.malformed || _ws.lua.error || keyhop.frame_too_long")
        self.assertEqual(bad, [])
        lines = self.tshark(env, capture, "-Y", "keyhop", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,",
                            "-e", "keyhop.interface", "-e", "keyhop.message", "-e", "keyhop.step", "-e", "keyhop.ue")
        counts, steps = Counter(), {}
        for line in lines:
            interface, messages, numbers, ues = (line + "\t\t\t").split("\t")[:4]
            counts.update((interface.split(",")[0], m) for m in messages.split(",") if m)
            for who in {"", *ues.split(",")[:1]}:
                steps.setdefault(who, []).extend(int(n) for n in numbers.split(",") if n)
        return counts, steps

    def one_of_each(self, counts):
        """Messages once each: S1 and X2 as they are, RRC and NAS on Uu, where both are there."""
        out = Counter()
        for (interface, message), n in counts.items():
            kind = message.split(".")[0]
            if kind in ("s1", "x2") or (interface == "Uu" and kind in ("rrc", "nas")):
                out[message] += n
        return out

    def same(self, seen, wanted):
        """Numbers of messages; of routine ones there may be more at any time."""
        seen, wanted = ({m: n for m, n in c.items() if n and m not in ROUTINE} for c in (seen, wanted))
        wrong = {m: (seen.get(m, 0), wanted.get(m, 0)) for m in {*seen, *wanted} if seen.get(m) != wanted.get(m)}
        self.assertEqual(wrong, {}, "message: (seen, wanted)")

    def in_order(self, steps, moves):
        """2, then 3, 4 and 5, and then for every move 6 to 13 in this order, with a 5 after the 13."""
        text = " ".join(map(str, dedup(steps)))
        self.assertRegex(text, rf"^2 3 4 5( 6 7 8 9 10 11 12 13 5){{{moves}}}$")


def dedup(steps):
    """A 5 goes two hops, on S1 and on Uu; a 2 goes to every eNodeB."""
    return [s for i, s in enumerate(steps) if i == 0 or s != steps[i - 1]]


class Tcpdump:
    """tcpdump on loopback, of one lab's addresses."""

    # dumpcap does without another user, which there is none of in a namespace of one's own.
    PROGRAMS = ((b"listening on", "tcpdump -i lo -U --immediate-mode -B 65536 -s 0 -w -"),
                (b"File:", "dumpcap -q -P -i lo -B 64 -w - -f"))

    reader = None

    def __init__(self, lab, path):
        self.lab, self.path = lab, path
        if not any(self.begin(*program) for program in self.PROGRAMS if shutil.which(program[1].split()[0])):
            raise PermissionError("neither tcpdump nor dumpcap may capture here")

    def begin(self, ready, command):
        words = command.split()
        net = f"net {self.lab.net}.0/24"
        words += net.split() if words[0] == "tcpdump" else [net]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        late = threading.Timer(BOUND_S, self.process.kill)
        late.start()
        line = b""
        while ready not in line:
            line = self.process.stderr.readline()
            if not line or b"permission" in line.lower():
                late.cancel()
                self.close()
                return False
        late.cancel()
        self.marker, self.data, self.done = os.urandom(16), bytearray(), threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        return True

    def read(self):
        """All the time: with a full pipe tcpdump stands still, and what then finds no room in the kernel is not seen."""
        while more := self.process.stdout.read1(1 << 20):
            start = max(len(self.data) - len(self.marker), 0)
            self.data += more
            if self.data.find(self.marker, start) >= 0:
                self.done.set()

    def finish(self):
        """Ends with a datagram of our own that comes by: everything before it is there, too."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(self.marker, (f"{self.lab.net}.250", 9))
        seen = self.done.wait(BOUND_S)
        said = self.close()
        if not seen:
            raise TimeoutError(f"tcpdump does not see the end: {len(self.data)} octets, {said}")
        lost = re.search(r"(\d+) packets? dropped by kernel|dropped on interface .*: \d+/(\d+)", said)
        if lost and any(int(n or 0) for n in lost.groups()):
            raise RuntimeError(f"tcpdump missed packets: {said}")
        before = itertools.takewhile(lambda p: self.marker not in p[2], packets(self.data))
        self.path.write_bytes(bytes(self.data[:24]) + b"".join(record(*p) for p in before))

    def close(self):
        """What it said to the end."""
        if self.process.stderr.closed:
            return ""
        if self.process.poll() is None:
            self.process.terminate()
        said = self.process.stderr.read().decode(errors="replace")
        self.process.wait()
        if self.reader:
            self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return said


def packets(data):
    """(seconds, microseconds, octets) of each whole packet of a pcap file."""
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length = struct.unpack_from("<III", data, at)
        if at + 16 + length > len(data):
            return
        yield seconds, micros, data[at + 16 : at + 16 + length]
        at += 16 + length


def record(seconds, micros, octets):
    return struct.pack("<IIII", seconds, micros, len(octets), len(octets)) + octets


def with_payload(packet, seq, payload):
    """A packet of Ethernet, IPv4 and TCP with another payload."""
    ip = bytearray(packet[14:34])
    header = (packet[46] >> 4) * 4
    tcp = bytearray(packet[34 : 34 + header])
    ip[2:4] = struct.pack(">H", 20 + header + len(payload))
    ip[10:12] = b"\0\0"  # checksums are not checked
    tcp[4:8] = struct.pack(">I", seq & 0xFFFFFFFF)
    tcp[16:18] = b"\0\0"
    return packet[:14] + bytes(ip) + bytes(tcp) + payload


def segments(data):
    """(time, packet, connection and direction, seq, payload) of a capture of loopback."""
    for seconds, micros, packet in packets(data):
        if packet[23] != 6:
            continue
        total = struct.unpack_from(">H", packet, 16)[0]
        header = (packet[46] >> 4) * 4
        seq = struct.unpack_from(">I", packet, 38)[0]
        yield (seconds, micros), packet, packet[26:38], seq, packet[34 + header : 14 + total]


def sctp(data):
    for seconds, micros, packet in packets(data):
        if sctp_cut.is_sctp(packet):
            yield sctp_cut.Packet((seconds, micros), packet)


def split(data):
    """The same streams, one octet a segment."""
    out = data[:24] + b"".join(record(*time, octets) for time, octets in sctp_cut.split(sctp(data)))
    for time, packet, _, seq, payload in segments(data):
        if not payload:
            out += record(*time, packet)
        out += b"".join(record(*time, with_payload(packet, seq + i, payload[i : i + 1])) for i in range(len(payload)))
    return out


def coalesce(data, most=30000):
    """The same streams, with as much in a segment as comes before the other end says something."""
    out, held = data[:24] + b"".join(record(*time, octets) for time, octets in sctp_cut.coalesce(sctp(data))), {}

    def flush(key):
        if key in held:
            time, packet, seq, payload = held.pop(key)
            return record(*time, with_payload(packet, seq, payload))
        return b""

    for time, packet, key, seq, payload in segments(data):
        other = key[4:8] + key[:4] + key[10:12] + key[8:10]
        if payload:
            out += flush(other)
        if payload and key in held and len(held[key][3]) + len(payload) < most:
            held[key] = (time, *held[key][1:3], held[key][3] + payload)
        elif payload:
            out += flush(key)
            held[key] = (time, packet, seq, payload)
        elif packet[47] & 7:  # SYN, FIN, RST
            out += flush(key) + flush(other) + record(*time, packet)
    return out + b"".join(flush(key) for key in list(held))


def blocks(path):
    """(interface, comment, octets) of every packet of a pcapng file that is written in this machine's byte order."""
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        body = data[at + 8 : at + length - 4]
        if kind == 1:
            names.append(options(body[8:]).get(2, b"").decode())
        elif kind == 6:
            interface, size = struct.unpack_from("=I", body)[0], struct.unpack_from("=I", body, 12)[0]
            found = options(body[20 + (size + 3) // 4 * 4 :])
            yield names[interface], found.get(1, b"").decode(), body[20 : 20 + size]
        at += length


def options(data):
    out, at = {}, 0
    while at + 4 <= len(data):
        code, length = struct.unpack_from("=HH", data, at)
        out[code] = data[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return out


def keys_of(folder):
    """{octets: where} of every line of every keylog."""
    out = {}
    for keylog in folder.glob("*.keylog"):
        for line in keylog.read_text().splitlines():
            key = line.split()[-1]
            assert re.fullmatch(r"([0-9a-f]{2}){16,32}", key), line
            out[bytes.fromhex(key)] = f"{keylog.name}: {line.split()[0]}"
    return out
