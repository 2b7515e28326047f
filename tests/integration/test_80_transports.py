"""Transports: what is the same on all of them, and what only SCTP has."""

import os
import random
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

import sctp_cut
from labtest import ROOT, KeyhopError, LabTest, has_sctp_udp
from lab import plain_topology, wait_until
from lab_local import SCTP_UDP_PORT, kernel_has_sctp

LONG = bool(os.environ.get("KEYHOP_LONG"))


NEEDS_SCTP_UDP = unittest.skipUnless(has_sctp_udp(), "this build has no libusrsctp")
TRANSPORTS = ["tcp"] + ["sctp-udp"] * has_sctp_udp() + ["sctp"] * kernel_has_sctp()
BOUND_S = 5.0  # a peer that is gone is noticed within this


def handovers(lab, imsis, rounds):
    """Every UE goes to and fro; the outcomes that are not "completed"."""
    bad = []
    for turn in range(rounds):
        source, target = ("enb1", "enb2") if turn % 2 == 0 else ("enb2", "enb1")
        node = lab.node(source)
        requests = [node.send("handover.start", ue=imsi, target=target, wait=True) for imsi in imsis]
        for request in requests:
            try:
                node.answer(request, 60.0)
            except KeyhopError as e:
                bad.append(e.name)
        ue = lab.node("ue")
        ue.subscribe(topics=["handover.executed", "hkey.received"])
        wait_until([ue], lambda: all(ue.call("ue.show", ue=i)["serving"] == int(target[3:]) for i in imsis), 30.0,
                   f"all UEs at {target}")
    return bad


class Gone(LabTest):
    """A peer that is gone, on every transport."""

    def watch(self, lab, name):
        node = lab.connect(name)
        self.addCleanup(node.close)
        node.subscribe()
        return node

    def noticed(self, transport, sig):
        lab = self.lab(enbs=2, ues=1, transport=transport)
        mme, enb1, ue = (self.watch(lab, name) for name in ("mme", "enb1", "ue"))
        expected = [(enb1, "x2.down"), (mme, "enb.down")]
        if sig == signal.SIGKILL:  # on Uu nobody asks: that is left to the transport
            expected.append((ue, "cell.down"))
        pid = lab.process["enb2"].pid
        begun = time.monotonic()
        os.kill(pid, sig)
        try:
            for node, topic in expected:
                node.wait_event(lambda e, topic=topic: e["topic"] == topic and e["enb"] == 2, 2 * BOUND_S)
                self.assertLess(time.monotonic() - begun, BOUND_S, f"{transport}: {topic}")
        finally:
            os.kill(pid, signal.SIGCONT)
        return lab

    def test_killed_and_started_again(self):
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                lab = self.noticed(transport, signal.SIGKILL)
                lab.process["enb2"].wait()
                lab.process.pop("enb2")
                lab.control.pop("enb2").close()
                lab.start_node("enb2")
                lab.until_ready()
                lab.attach_all()
                self.assertEqual(handovers(lab, lab.imsis, 2), [])

    def test_stopped(self):
        for transport in TRANSPORTS:
            with self.subTest(transport=transport):
                self.noticed(transport, signal.SIGSTOP).until_ready()


@NEEDS_SCTP_UDP
class Several(LabTest):
    def test_one_mme_serves_several_transports(self):
        """enb1 has S1 and X2 on sctp-udp, enb2 has them on TCP; each reaches the other by what that one listens with."""
        lab = self.lab(start=False, topology=plain_topology(2, 2) | {"transport": "tcp"})
        at = {name: lab.address(name) for name in lab.names()}
        neighbours = {n: [{"id": 3 - n, "address": at[f"enb{3 - n}"], "transport": t}]
                      for n, t in ((1, "tcp"), (2, "sctp-udp"))}
        for node, option, value in (
                ("mme", "s1.listeners", [{"listen": at["mme"], "transport": "sctp-udp"}]),
                ("enb1", "mme.transport", "sctp-udp"), ("enb1", "x2.transport", "sctp-udp"),
                ("enb1", "x2.neighbours", neighbours[1]), ("enb2", "x2.neighbours", neighbours[2])):
            lab.topology["options"].append({"node": node, "option": option, "value": value})
        lab.start()
        lab.attach_all()
        self.assertEqual(handovers(lab, lab.imsis, 4), [])
        listeners = lab.node("mme").call("status")["s1_listeners"]
        self.assertEqual([entry["transport"] for entry in listeners], ["tcp", "sctp-udp"])
        enb1 = lab.node("enb1")
        enb1.subscribe(since=0)
        event = enb1.wait_event(lambda e: e["topic"] == "association.up")
        self.assertTrue(event["detail"].startswith("sctp-udp peer=127."), event)


class Refused(LabTest):
    def check(self, *options):
        lab = self.lab(start=False, enbs=2, transport="tcp")
        lab.prepare()
        command = [str(lab.binary("mme")), "-c", str(lab.path / "mme.yaml"), "--check"]
        done = subprocess.run([*command, *[w for o in options for w in ("-o", o)]], capture_output=True, text=True)
        return done.returncode, done.stderr

    @unittest.skipIf(kernel_has_sctp(), "this kernel has SCTP")
    def test_sctp_without_a_kernel_that_has_it(self):
        code, text = self.check("transport=sctp")
        self.assertEqual(code, 2)
        for word in ("s1.listen", "this kernel has no SCTP", "sctp-udp", "tcp"):
            self.assertIn(word, text)

    def test_addresses_that_do_not_fit(self):
        for options, word in (((), None), (("s1.listen=127.0.0.1 127.0.0.2",), "takes one address"),
                              (("transport=sctp-udp", "s1.listen=::1"), "takes IPv4 addresses only"),
                              (("transport=sctp-udp", "s1.listen=0.0.0.0"), "of one's own"),
                              (("sctp.rto_min=500ms",), "must not fall"), (("s1.transport=udp",), "wants")):
            code, text = self.check(*options)
            self.assertEqual(code, 2 if word else 0, f"{options}: {text}")
            self.assertIn(word or "", text)


@NEEDS_SCTP_UDP
class Impaired(LabTest):
    """What sctp-udp sends is lost, doubled and out of order."""

    def test_handovers_complete(self):
        rounds = 100 if LONG else 10
        impair = "lab: {udp_impair: {loss: 5, duplicate: 5, reorder: 5, seed: %d}}\n"
        extra = {name: impair % seed for seed, name in enumerate(("mme", "*enb", "ue"), 1)}
        extra["*enb"] += "handover: {prepare_timeout: 5s, complete_timeout: 10s, list_wait: 10s}\n"
        extra["ue"] += "handover: {confirm_timeout: 3s}\n"
        lab = self.lab(enbs=2, ues=10, transport="sctp-udp", extra=extra)
        lab.attach_all()
        self.assertEqual(handovers(lab, lab.imsis, rounds), [])
        for name in lab.names():
            self.assertGreater(lab.node(name).call("metrics.get")["counters"]["sctp_udp_impaired"], 0, name)
            self.assertTrue("damaged on purpose" in (lab.path / f"{name}.log").read_text(), name)
        for imsi in lab.imsis:
            self.assertEqual(lab.node("ue").call("traffic.ping", ue=imsi)["outcome"], "completed")


class Relay:
    """Between an eNodeB and an MME on sctp-udp. It loses the first INIT ACKs; armed, it loses the first DATA chunk that
    comes from the eNodeB as often as it is told."""

    DATA, INIT_ACK = 0, 2

    def __init__(self, at, mme, handshakes, copies):
        self.mme, self.handshakes, self.copies = (mme, SCTP_UDP_PORT), handshakes, copies
        self.armed, self.through = threading.Event(), threading.Event()
        self.tsn, self.enb = None, None
        self.front, self.back = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        self.front.bind((at, SCTP_UDP_PORT))
        self.back.bind((at, 0))
        self.stop, self.stopped = os.pipe()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def close(self):
        os.close(self.stopped)
        self.thread.join()
        os.close(self.stop)
        self.front.close()
        self.back.close()

    def run(self):
        while self.stop not in (ready := select.select([self.front, self.back, self.stop], [], [])[0]):
            if self.front in ready:
                data, self.enb = self.front.recvfrom(65536)
                if not self.loses_data(data):
                    self.back.sendto(data, self.mme)
            if self.back in ready:
                data = self.back.recv(65536)
                if data[12] == self.INIT_ACK and self.handshakes > 0:
                    self.handshakes -= 1
                elif self.enb:
                    self.front.sendto(data, self.enb)

    def loses_data(self, data):
        tsns = [struct.unpack_from(">I", chunk, 4)[0] for chunk in sctp_cut.chunks(data[12:]) if chunk[0] == self.DATA]
        if self.armed.is_set() and self.tsn is None and tsns:
            self.tsn = tsns[0]
        if self.through.is_set() or self.tsn is None or self.tsn not in tsns:
            return False
        if self.copies > 0:
            self.copies -= 1
            return True
        self.through.set()
        return False


@NEEDS_SCTP_UDP
class Lossy(LabTest):
    def test_after_a_lost_handshake(self):
        """The wait for an answer that was lost is no round trip: what is lost later is sent again, and soon enough."""
        topology = plain_topology(1, 1) | {"transport": "sctp-udp"}
        lab = self.lab(start=False, topology=topology)
        at = f"{lab.net}.250"
        topology["options"] = [{"node": "enb1", "option": "mme.address", "value": at}]
        relay = Relay(at, lab.address("mme"), handshakes=2, copies=3)
        self.addCleanup(relay.close)
        lab.start()
        enb1 = lab.node("enb1")
        enb1.subscribe()
        relay.armed.set()
        wait_until([enb1], lambda: relay.through.is_set() or not enb1.call("status")["s1_up"], 15, "it is sent again")
        self.assertTrue(relay.through.is_set(), f"the association ended first; copies still to lose: {relay.copies}")
        self.assertTrue(enb1.call("status")["s1_up"])


def init(port, to, tag):
    """An INIT that is right in every way."""
    chunk = struct.pack(">BBHIIHHI", 1, 0, 20, tag, 65536, 1, 1, tag)
    packet = bytearray(struct.pack(">HHII", port, to, 0, 0) + chunk)
    packet[8:12] = struct.pack("<I", sctp_cut.crc32c(packet))
    return bytes(packet)


@NEEDS_SCTP_UDP
class Hostile(LabTest):
    """Datagrams of who knows whom: counted, and forgotten."""

    def flood(self, lab, count):
        """Rubbish and forged INITs from many addresses and ports."""
        to = (lab.address("mme"), SCTP_UDP_PORT)
        rng = random.Random(7)
        sockets = []
        try:
            for _ in range(min(count, 400)):
                s = socket.socket(type=socket.SOCK_DGRAM)
                s.bind((f"127.{rng.randrange(128, 256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}", 0))
                sockets.append(s)
            inits = [init(rng.randrange(1024, 65536), 36512, rng.randrange(1, 1 << 32)) for _ in range(500)]
            for n in range(count):
                data = inits[n // 2 % 500] if n % 2 else rng.randbytes(rng.randrange(100))
                sockets[n % len(sockets)].sendto(data, to)
        finally:
            for s in sockets:
                s.close()

    def memory(self, lab):
        status = lab.node("mme").call("status")
        return status["heap_bytes"], status["fds"]

    def test_flood(self):
        count = 100_000 if LONG else 20_000
        lab = self.lab(start=False, enbs=2, transport="sctp-udp")
        lab.prepare()
        lab.start_node("mme")
        mme = lab.node("mme")
        self.flood(lab, 2000)
        before = self.memory(lab)
        self.flood(lab, count)
        after = self.memory(lab)
        mme.subscribe()
        begun = time.monotonic()
        lab.start_node("enb1")
        lab.start_node("enb2")
        mme.wait_event(lambda e: e["topic"] == "enb.up", 10)
        mme.wait_event(lambda e: e["topic"] == "enb.up", 10)
        joined = time.monotonic() - begun
        self.assertLess(joined, 2.0)
        counters = mme.call("metrics.get")["counters"]
        self.assertGreater(counters["sctp_udp_bad_crc32c"], 100)
        self.assertGreater(counters["sctp_udp_short"], 100)
        self.assertLess(after[0] - before[0], 64 * 1024)
        self.assertEqual(after[1], before[1])
        dropped = {name: n for name, n in counters.items() if name.startswith("sctp_udp_") and n}
        print(f"{count} datagrams: heap {before[0]} -> {after[0]}, two eNodeBs joined in {joined:.2f} s, {dropped}",
              file=sys.stderr)

    def test_while_it_lasts(self):
        lab = self.lab(start=False, enbs=2, transport="sctp-udp")
        lab.prepare()
        lab.start_node("mme")
        mme = lab.node("mme")
        mme.subscribe()
        flood = subprocess.Popen([sys.executable, "-c", "import test_80_transports as t, sys; t.run_flood(*sys.argv[1:])",
                                  lab.address("mme"), f"{lab.net}.250"], cwd=ROOT / "tests" / "integration",
                                 stdout=subprocess.PIPE)
        try:
            self.assertEqual(flood.stdout.readline(), b"begun\n")
            begun = time.monotonic()
            lab.start_node("enb1")
            mme.wait_event(lambda e: e["topic"] == "enb.up", 10)
            self.assertLess(time.monotonic() - begun, 2.0)
            self.assertGreater(mme.call("metrics.get")["counters"]["sctp_udp_limit"], 100)
        finally:
            flood.kill()
            flood.wait()
            flood.stdout.close()


def run_flood(to, source):
    """Rubbish and forged INITs until it is ended, or for a minute."""
    sockets = []
    rng = random.Random(8)
    for _ in range(200):
        s = socket.socket(type=socket.SOCK_DGRAM)
        s.bind((source, 0))
        sockets.append(s)
    data = [init(rng.randrange(1024, 65536), 36512, rng.randrange(1, 1 << 32)) for _ in range(200)]
    data += [rng.randbytes(60) for _ in range(200)]
    print("begun", flush=True)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for n in range(2000):
            sockets[n % 200].sendto(data[n % 400], (to, SCTP_UDP_PORT))


STEPS = ("3 neighbour_list", "4 wrapped_key_list", "7 handover_request", "8 handover_response", "11 handover_complete",
         "12 location_update", "13 new_key_list")


@NEEDS_SCTP_UDP
class Captured(LabTest):
    """What tshark says of the datagrams on the wire."""

    def capture(self, security):
        if not shutil.which("tshark"):
            self.skipTest("no tshark (Debian: tshark)")
        topology = plain_topology(2, 1) | {"transport": "sctp-udp", "security": security}
        if security == "tls":
            topology["options"] = [{"node": role, "option": "tls_keylog", "value": "tls.keys"} for role in ("mme", "enb")]
        lab = self.lab(start=False, topology=topology)
        lab.prepare()
        lab.prepare = lambda: None
        try:
            lab.backend.capture_start()
        except PermissionError as e:
            self.skipTest(f"no capture on loopback: {e}")
        if not lab.backend.capturing:
            self.skipTest("no capture on loopback")
        lab.start()
        lab.attach_all()
        ue = lab.node("ue")
        ue.subscribe(since=0)
        ue.wait_event(lambda e: e["topic"] == "hkey.received")
        # What is captured may lag behind: the first of these are there in any case.
        self.assertEqual(handovers(lab, lab.imsis, 20), [])
        lab.backend.capture_stop()
        return lab

    def tshark(self, lab, *words):
        plugin = ROOT / "scripts" / "wireshark" / "keyhop.lua"
        command = ["tshark", "-r", str(lab.backend.pcap()), "-X", f"lua_script:{plugin}", "-o", "sctp.checksum:CRC 32c",
                   "-o", f"tls.keylog_file:{lab.path / 'tls.keys'}", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def check(self, security):
        lab = self.capture(security)
        status = self.tshark(lab, "-Y", "sctp", "-T", "fields", "-e", "sctp.checksum.status")
        self.assertGreater(len(status), 50)
        self.assertEqual(set(status), {"1"}, "CRC32c: 1 is good")
        info = "\n".join(self.tshark(lab, "-Y", "keyhop"))
        for step in STEPS:
            self.assertIn(step, info, f"{security}: {step}")
        ppids = set(",".join(self.tshark(lab, "-Y", "sctp.data_payload_proto_id", "-T", "fields", "-e",
                                         "sctp.data_payload_proto_id")).split(","))
        clear = {str(0x4B485030 + n) for n in (1, 2, 3)}
        self.assertEqual(ppids, clear if security == "none" else {str(0x4B485054), str(0x4B485033)})

    def test_in_clear(self):
        self.check("none")

    def test_with_tls(self):
        self.check("tls")
