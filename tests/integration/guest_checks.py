"""What is checked on the kernel's SCTP, inside of a guest (test_93_sctp.py starts it).

usage: guest_checks.py [TEXT]       TEXT: only checks whose name contains it. Results, captures and logs go to the
folder $KEYHOP_GUEST_OUT."""

import ctypes
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import faults
import kills
import test_30_handover
import test_45_failures
import walk
from campaign import LONG
from guest_lab import KERNEL, UDP, MixedLab
from keyhop import KeyhopError, wait_until
from lab_local import IPPROTO_SCTP
from labtest import ROOT

OUT = Path(os.environ.get("KEYHOP_GUEST_OUT") or ".")
BUILD = Path(os.environ.get("KEYHOP_BUILD") or ROOT / "build")
BOUND_S = 5.0  # in which a peer that is gone is noticed
IMPAIRED = ("delay", "2ms", "1ms", "loss", "5%", "duplicate", "5%", "reorder", "25%")
UES = 100
FAULT_SAMPLE = 37  # every so many cases, all of them in the long run; coprime to the number of faults
RECONNECTS = 1000 if LONG else 200
KILL_SAMPLE = ("7-mme", "12-target")
S1_PORT = 36512
CLONE_NEWNET = 0x40000000


class World:
    """A lab of mixed transports that several checks share, with an event subscription to every node."""

    def __init__(self, **options):
        self.watch = {}
        self.folder = tempfile.TemporaryDirectory(prefix="kh")
        self.lab = MixedLab(Path(self.folder.name) / "run", **options)
        try:
            self.lab.start()
        except BaseException:
            self.close("failed")
            raise
        self.watch = {name: self.subscribed(name) for name in self.lab.names()}
        self.lab.attach_all("enb3")
        self.imsi = self.lab.imsis[0]

    def subscribed(self, name):
        watch = self.lab.connect(name)
        watch.subscribe()
        return watch

    def close(self, keep):
        """Ends the lab; what is of use on the host goes to OUT/keep. {name: exit code}"""
        for watch in self.watch.values():
            watch.close()
        codes = self.lab.stop()
        (OUT / keep).mkdir(exist_ok=True)
        for file in self.lab.path.glob("*"):
            if file.suffix in (".log", ".stderr", ".yaml", ".keylog", ".ndjson", ".pcap", ".pcapng"):
                shutil.copy(file, OUT / keep)
        self.folder.cleanup()
        return codes

    def enb(self, number):
        return self.lab.node(f"enb{number}")

    def kill(self, name):
        """kill -9."""
        self.watch.pop(name).close()
        self.lab.stop_node(name, signal.SIGKILL)

    def start(self, name):
        self.lab.start_node(name)
        self.watch[name] = self.subscribed(name)

    def forget(self):
        for watch in self.watch.values():
            watch.pump()
            watch.events.clear()

    def until(self, condition, timeout, what):
        return wait_until(self.watch.values(), condition, timeout, what)

    def noticed(self, name, topic, detail="", since=None):
        """Waits for an event, which comes in time; the seconds that it took."""
        since = since or time.monotonic()
        left = since + BOUND_S - time.monotonic()
        self.event(name, lambda e: e["topic"] == topic and detail in e.get("detail", ""), max(left, 0.1))
        return round(time.monotonic() - since, 1)

    def event(self, name, wanted, timeout=10):
        return self.watch[name].wait_event(wanted, timeout)

    # UEs.
    def settled(self):
        """The cell that serves the first UE and has a list in hand, when the MME agrees; else None."""
        mine = self.lab.node("ue").call("ue.show", ue=self.imsi)
        cell = mine["serving"]
        if mine["state"] != "attached" or not cell:
            return None
        try:
            entries = self.enb(cell).call("wraplist.show", ue=self.imsi)["items"]
        except KeyhopError:
            return None
        books = self.lab.node("mme").call("ue.show", ue=self.imsi)
        return cell if entries and all(e["usable"] for e in entries) and books["serving"] == cell else None

    def settle(self, timeout=15):
        return self.until(self.settled, timeout, "the UE is settled")

    def begin(self, source, target):
        return self.enb(source).send("handover.start", ue=self.imsi, target=f"enb{target}", wait=True)

    def arrive(self, source, target, request):
        """The handover completes, and user data goes over the new cell."""
        self.enb(source).answer(request, 30)
        serving = self.lab.node("ue").call("traffic.ping", ue=self.imsi)["serving"]
        if serving != target:
            raise AssertionError(f"user data goes to enb{serving}, not to enb{target}")

    def move(self, *cells):
        for target in cells:
            source = self.settle()
            if source != target:
                self.arrive(source, target, self.begin(source, target))
        self.settle()

    def scenario(self, *steps, in_flight=64):
        file = self.lab.path / "scenario.yaml"
        file.write_text(f"in_flight: {in_flight}\nsteps:\n" + "".join(f"  - {{{step}}}\n" for step in steps))
        done = subprocess.run([BUILD / "ctl/keyhop", "run", file, "--run", self.lab.path, "-o", "json"],
                              capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(done.stdout + done.stderr)
        return json.loads(done.stdout)


class Mixed(unittest.TestCase):
    """One MME with the kernel's SCTP, also in UDP, and all kinds of eNodeBs. In alphabetical order."""

    @classmethod
    def setUpClass(cls):
        cls.world = World(ues=UES)
        cls.lab = cls.world.lab

    @classmethod
    def tearDownClass(cls):
        codes = cls.world.close("mixed")
        if any(codes.values()):
            raise AssertionError(f"daemons ended with {codes}")

    def setUp(self):
        self.w = self.world
        self.w.until(self.lab.is_ready, 30, "all is up")
        self.w.settle()
        self.w.forget()

    def test_1_handovers_between_udp_and_kernel(self):
        self.w.move(1, 4, 2, 1, 3, 4, 1, 3)
        self.lab.backend.capture_stop()
        for name in KERNEL + UDP:
            lines = (self.lab.path / f"{name}.events.ndjson").read_text().splitlines()
            ups = [e["detail"].split()[0] for e in map(json.loads, lines) if e["topic"] == "association.up"]
            self.assertEqual(set(ups), {"sctp" if name in KERNEL else "sctp-udp"}, name)

    def test_2_a_path_is_cut_in_mid_handover(self):
        backend = self.lab.backend
        self.w.move(3)
        self.w.forget()
        self.w.enb(4).call("fault.set", fault="delay", message="8", direction="tx", count=1, delay_ms=300)
        request = self.w.begin(3, 4)
        self.w.noticed("enb4", "fault.fired")
        for pair in (("mme", "enb3"), ("mme", "enb4"), ("enb3", "enb4")):
            backend.partition(*pair)
        self.w.arrive(3, 4, request)
        for name, path in (("enb4", "mme"), ("mme", "enb4"), ("enb3", "enb4")):
            self.w.noticed(name, "path.down", detail=f"peer={backend.address(path)}:")
        self.w.settle()  # 12 and 13 took the other path
        self.assertTrue(self.lab.is_ready())
        self.w.move(3, 4)
        backend.heal()
        self.w.noticed("enb4", "path.up", f"peer={backend.address('mme')}:")
        downs = [e for name in KERNEL for e in self.w.watch[name].events if e["topic"] == "association.down"]
        self.assertEqual(downs, [])

    def dies(self, name, *watchers):
        """kill -9; all the others notice it in time."""
        self.w.kill(name)
        killed = time.monotonic()
        took = {who: self.w.noticed(who, topic, since=killed) for who, topic in watchers}
        self.w.start(name)
        self.w.until(self.lab.is_ready, 30, f"{name} is back")
        return took

    def test_3_a_killed_peer_is_noticed(self):
        took = {"enb4": self.dies("enb4", ("mme", "enb.down"), ("enb3", "x2.down"), ("enb1", "x2.down")),
                "enb1": self.dies("enb1", ("mme", "enb.down"), ("enb2", "x2.down"), ("enb4", "x2.down")),
                "mme": self.dies("mme", *((f"enb{n}", "tunnel.down") for n in range(1, 5)))}
        print(f"kill -9 noticed after (seconds): {took}", flush=True)

    def test_4_a_machine_that_is_silent_is_noticed(self):
        """Nothing comes from it, no ABORT either."""
        cards = [port for _, port, _, _ in self.lab.backend.cards("enb4")]
        self.lab.backend.batch("", [f"link set {card} down" for card in cards])
        silent = time.monotonic()
        took = {who: self.w.noticed(who, topic, since=silent)
                for who, topic in (("mme", "enb.down"), ("enb4", "tunnel.down"), ("enb1", "x2.down"))}
        self.lab.backend.batch("", [f"link set {card} up" for card in cards])
        print(f"silence noticed after (seconds): {took}", flush=True)

    def comes_back(self, client, port):
        """A peer dies without a word, and comes back from the same port. What the MME has to say of it."""
        backend = self.lab.backend
        backend.partition("ue", "mme")
        client.vanish()
        backend.heal()
        client.connect(port, may_be_reset=True)
        said = self.w.event("mme", lambda e: e["topic"] in ("association.restart", "association.down")
                            and e["detail"].endswith(f":{port}"))
        return said["topic"]

    def test_5_an_association_that_is_set_up_anew_has_ended(self):
        for _ in range(5):  # on a slow machine the MME may notice the silence before the peer is back
            client = Client("ue", self.lab.address("ue"), self.lab.address("mme"))
            port = client.connect()
            self.w.noticed("mme", "association.up", f":{port}")
            if self.comes_back(client, port) == "association.restart":
                break
            client.vanish()
        else:
            self.fail("the MME was always faster")
        self.assertTrue(client.is_given_up())
        client.connect(port)
        self.w.noticed("mme", "association.up", f":{port}")
        client.vanish()

    def come_and_go(self, times):
        """Peers that connect and vanish, one after the other. (descriptors, KiB of memory) of the MME after them."""
        client = Client("ue", self.lab.address("ue"), self.lab.address("mme"))
        for _ in range(times):
            port = client.connect()
            self.w.noticed("mme", "association.up", f":{port}")
            client.vanish()
            self.w.noticed("mme", "association.down", f":{port}")
        process = Path(f"/proc/{self.lab.process['mme'].pid}")
        resident = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS"))
        return len(list((process / "fd").iterdir())), int(resident.split()[1])

    def test_8_associations_that_come_and_go_leave_nothing(self):
        before, least = self.come_and_go(100)
        after, most = self.come_and_go(RECONNECTS)
        print(f"{RECONNECTS} associations: {before} and {after} descriptors, {least} and {most} KiB", flush=True)
        self.assertEqual(before, after)
        self.assertLess(most - least, 256)

    def thousand(self, here, there):
        self.w.scenario(f"do: move, path: {here}")
        self.gather(here)
        self.lab.backend.capture_stop()
        self.lab.backend.netem(*IMPAIRED)
        began = time.monotonic()
        try:
            summary = self.w.scenario(f"do: move, path: {there} {here}, moves: {1000 // UES}", in_flight=UES)
        finally:
            took = time.monotonic() - began
            sent, dropped = self.lab.backend.netem_counts()
            self.lab.backend.netem()
        self.assertEqual((summary["completed"], summary["failed"]), (1000, 0))
        self.gather(here)
        self.assertEqual(self.w.scenario("do: ping")["pings"], UES)
        self.assertGreater(dropped, 0.02 * sent)
        print(f"{here}, {there}: 1000 handovers in {took:.1f} s, {dropped} of {sent} packets lost", flush=True)

    def elsewhere(self, cell):
        """UEs that are not served by that cell, or not so in the books of the MME."""
        books = [(name, u) for name in ("mme", "ue") for u in self.lab.node(name).call("ue.list", limit=UES)["items"]]
        return [(name, u["ue"], u["state"], u["serving"]) for name, u in books
                if u["state"] != "attached" or u["serving"] != int(cell[3:])]

    def gather(self, cell):
        try:
            self.w.until(lambda: not self.elsewhere(cell), 30, "all UEs in one cell")
        except TimeoutError as e:
            self.fail(f"{e}: not at {cell}: {self.elsewhere(cell)}")

    def test_6_loss_duplication_reordering_with_the_kernels_sctp(self):
        self.thousand("enb3", "enb4")

    def test_7_loss_duplication_reordering_with_sctp_in_udp(self):
        self.thousand("enb1", "enb2")


class Client:
    """A kernel-SCTP socket where a node is."""

    def __init__(self, name, address, peer):
        self.name, self.address, self.peer = name, address, peer

    def connect(self, port=0, may_be_reset=False):
        """The port that it comes from."""
        here, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        enter_netns(there)
        try:
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP)
        finally:
            enter_netns(here)
            os.close(here)
            os.close(there)
        self.socket.settimeout(10)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.bind((self.address, port))
        self.is_reset = False
        try:
            self.socket.connect((self.peer, S1_PORT))
        except ConnectionResetError:
            self.is_reset = True
            if not may_be_reset:
                raise
        return self.socket.getsockname()[1]

    def vanish(self):
        """The association is forgotten here; the ABORT may be lost."""
        self.socket.close()

    def is_given_up(self):
        """The peer has aborted the association, perhaps as soon as it was there."""
        try:
            return self.is_reset or self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        finally:
            self.socket.close()


def enter_netns(fd):
    if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Clear(unittest.TestCase):
    def test_messages_in_clear(self):
        world = World(enbs=("enb1", "enb3"), security="none")
        try:
            world.move(1, 3, 1, 3)
        finally:
            codes = world.close("clear")
        self.assertEqual(set(codes.values()), {0})


class Campaigns(unittest.TestCase):
    """All nodes on loopback, all links on the kernel's SCTP, and so for the tests of the integration suite below."""

    def test_demo(self):
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            demo = subprocess.run([sys.executable, ROOT / "scripts/demo.py", "--build", BUILD, "--transport", "sctp",
                                   "--out", path], capture_output=True, text=True)
            self.assertEqual(demo.returncode, 0, demo.stdout + demo.stderr)
            summary = json.loads((Path(path) / "summary.json").read_text())
        self.assertEqual((summary["verdict"], summary["transport"]), ("ok", "sctp"))

    def test_faults(self):
        cases = faults.cases()
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            self.assertEqual(faults.run_all(cases if LONG else cases[::FAULT_SAMPLE], path, report=print), {})

    def test_kills(self):
        wanted = [c for c in kills.cases() if LONG or c[0] in KILL_SAMPLE]
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            self.assertEqual(kills.run_all(wanted, path, report=print), {})


    def test_walk(self):
        seed = random.SystemRandom().randrange(1 << 32)
        print(f"walk.py --seed {seed}: {walk.walk(seed, 2000 if LONG else 200)}", flush=True)


class Result(unittest.TextTestResult):
    """Every result is in OUT/results.ndjson as soon as it is there."""

    began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def write(self, test, result, error=None):
        text = self._exc_info_to_string(error, test) if error else ""
        line = {"check": test.id().split(".", 1)[-1], "result": result, "text": text,
                "seconds": round(time.monotonic() - self.began, 1)}
        with open(OUT / "results.ndjson", "a") as f:
            f.write(json.dumps(line) + "\n")

    def addSuccess(self, test):
        super().addSuccess(test)
        self.write(test, "ok")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.write(test, "failed", err)

    def addError(self, test, err):
        super().addError(test, err)
        self.write(test, "failed", err)


def suite(text=""):
    cases = [Mixed, Clear, Campaigns]
    if LONG:
        cases += [test_30_handover.Handover, test_45_failures.Failures]
    out = unittest.TestSuite()
    for case in cases:
        out.addTests(t for t in unittest.defaultTestLoader.loadTestsFromTestCase(case) if text in t.id())
    return out


def names():
    return [t.id().split(".", 1)[-1] for t in suite()]


def main():
    os.environ["KEYHOP_TRANSPORT"] = "sctp"
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Result).run(suite(*sys.argv[1:2]))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
