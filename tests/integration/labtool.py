"""What the tests of `keyhop lab` share: the tool in a folder of its own, and the state of a UE in all books."""

import json
import os
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from labtest import ROOT
from keyhop import KeyhopError, Node, wait_until

CONF = ROOT / "conf"
LONG = bool(os.environ.get("KEYHOP_LONG"))
TOOL = Path(os.environ.get("KEYHOP_BUILD") or ROOT / "build") / "ctl" / "keyhop"


NODES = """name: small
nodes:
  - {name: mme, role: mme}
  - {name: enb1, role: enb}
  - {name: enb2, role: enb}
  - {name: ue, role: ue}
"""


class ToolTest(unittest.TestCase):
    """self.up(...) makes a lab by the tool; it is ended with the test, whatever came of it."""

    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="kh")
        self.addCleanup(folder.cleanup)
        return Path(folder.name)

    def tool(self, *args, code=0, timeout=120):
        done = subprocess.run([str(TOOL), *map(str, args)], capture_output=True, text=True, timeout=timeout,
                              stdin=subprocess.DEVNULL)
        if code is not None:
            self.assertEqual(done.returncode, code, f"{args}\n{done.stdout}\n{done.stderr}")
        return done

    def lab(self, run, *args, code=0, timeout=120):
        """An action on the lab of a folder; its answer."""
        done = self.tool("lab", *args[:1], "--out", run, "-o", "json", *args[1:], code=code, timeout=timeout)
        return json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else done

    def topology(self, text):
        file = self.folder() / "topology.yaml"
        file.write_text(text)
        return file

    def up(self, topology, backend):
        run = self.folder() / "run"
        done = self.tool("lab", "up", "-t", topology, "--backend", backend, "--out", run, code=None)
        if done.returncode == 6:
            self.skip(f"{backend}: {done.stderr.strip()}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.addCleanup(self.tool, "lab", "down", "--out", run, code=None)
        return run

    def skip(self, reason):
        print(f"skipped: {reason}", flush=True)
        self.skipTest(reason)

    def down(self, run):
        self.assertEqual(set(self.lab(run, "down")["exit"].values()), {0})

    def scenario(self, text):
        file = self.folder() / "scenario.yaml"
        file.write_text(text)
        return file

    def run_scenario(self, run, file, code=0):
        return json.loads(self.tool("run", file, "--run", run, "-o", "json", code=code).stdout)

    def steps(self, a, b):
        """The two runs took the same steps in the same order per UE."""
        done = subprocess.run(["python3", str(ROOT / "scripts/lab_steps.py"), str(a), str(b)], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        print(f"{a.parent.name} and {b.parent.name}: {done.stdout.strip()}", flush=True)


class PartitionTest(ToolTest):
    """enb1 loses the MME while UEs move."""

    interval = "200ms"  # a tunnel is given up after four of them

    def attached(self, backend):
        """A lab with four UEs in enb2, each with a list in hand."""
        quick = "".join(f"  - {{node: {node}, option: liveness.interval, value: {self.interval}}}\n"
                        for node in ("mme", "enb"))
        wait = "  - {node: enb, option: handover.list_wait, value: 300ms}\n"
        ues = "ues:\n  - {node: ue, count: 4}\n"
        run = self.up(self.topology(NODES + ues + "options:\n" + quick + wait), backend)
        self.run_scenario(run, self.scenario("settle: true\nsteps:\n  - {do: ready}\n  - {do: attach, cell: enb2}\n"))
        books = Books(self, run)
        books.balance()
        return run, books

    def lists_in_hand(self, run, books):
        """Handovers to enb1 go on while it is cut off from the MME; 12 follows after the heal."""
        self.lab(run, "partition", "enb1", "mme")
        books.until("S1 is down", lambda: not books.node["enb1"].call("status")["s1_up"])
        for imsi in books.imsis:
            result = books.node["enb2"].call("handover.start", ue=imsi, target="enb1", wait=True)
            self.assertEqual(result["outcome"], "completed")
            self.assertEqual(books.node["ue"].call("traffic.ping", ue=imsi)["serving"], 1)
            self.assertEqual(books.node["mme"].call("ue.show", ue=imsi)["serving"], 2)  # no 12 so far
            with self.assertRaises(KeyhopError):
                books.node["enb1"].call("handover.start", ue=imsi, target="enb2", wait=True)  # no 13 so far
        self.lab(run, "heal")
        books.balance()
        served = [books.node["mme"].call("ue.show", ue=imsi)["serving"] for imsi in books.imsis]
        self.assertEqual(served, [1] * 4)
        self.run_scenario(run, self.scenario("settle: true\nsteps:\n  - {do: move, path: enb2 enb1, moves: 2}\n"))

    def in_the_middle(self, run, books, seconds, rate=50):
        """A walk that fails where there is no list, and goes on where there is one; 12 follows after the heal. The walk
        takes twice as long as the partition."""
        moves = int(2 * seconds * rate / len(books.imsis))
        walk = self.scenario(f"rate: {rate}\nsteps:\n  - {{do: walk, moves: {moves}, may_fail: true}}\n")
        watch, mme = books.watch["enb1"], books.watch["mme"]
        player = subprocess.Popen([str(TOOL), "run", str(walk), "--run", str(run)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(player.wait)
        self.addCleanup(player.kill)
        watch.wait_event(lambda e: e["topic"] == "handover.completed", 30)
        self.lab(run, "partition", "enb1", "mme")
        for node in (watch, mme):
            node.pump()
            node.events.clear()
        end = time.monotonic() + seconds
        moved = set()
        while (left := end - time.monotonic()) > 0:
            try:
                moved.add(watch.wait_event(lambda e: e["topic"] == "handover.confirmed", left)["ue"])
            except TimeoutError:
                break
        self.assertTrue(moved)  # lists in hand led to enb1
        mme.pump()
        self.assertEqual([e for e in mme.events if e["topic"] == "location_update.received" and e["enb"] == 1], [])
        self.lab(run, "heal")
        for _ in range(len(moved)):
            came = mme.wait_event(lambda e: e["topic"] == "location_update.received" and e["ue"] in moved, 60)
            moved.remove(came["ue"])
        self.assertEqual(player.wait(180), 0)
        books.balance()
        self.run_scenario(run, self.scenario("settle: true\nsteps:\n  - {do: walk, moves: 3}\n  - {do: ping}\n"))
        books.balance()


class Books:
    """Connections to all nodes of a run directory, with events."""

    def __init__(self, test, run):
        state = json.loads((run / "lab.json").read_text())
        self.names = [n["name"] for n in state["topology"]["nodes"]]
        self.enbs = {n["id"]: n["name"] for n in state["topology"]["nodes"] if n["role"] == "enb"}
        self.node = {name: Node(run / f"{name}.sock", timeout=30) for name in self.names}
        self.watch = {name: Node(run / f"{name}.sock") for name in self.names}
        for watch in self.watch.values():
            watch.subscribe()
        for node in [*self.node.values(), *self.watch.values()]:
            test.addCleanup(node.close)
        self.imsis = [u["ue"] for u in self.node["ue"].call("ue.list")["items"]]

    def wrong(self, imsi):
        """Why the books do not balance for a UE; None when UE, serving cell and MME agree, the cell has a list in hand
        and no other cell knows the UE."""
        mine = self.node["ue"].call("ue.show", ue=imsi)
        if mine["state"] != "attached" or not mine["serving"]:
            return f"ue: {mine['state']}"
        cell = self.enbs[mine["serving"]]
        try:
            theirs = self.node[cell].call("ue.show", ue=imsi)
            books = self.node["mme"].call("ue.show", ue=imsi)
            entries = self.node[cell].call("wraplist.show", ue=imsi)["items"]
        except KeyhopError as e:
            return str(e)
        if theirs["state"] != "active" or theirs["kenb_fp"] != mine["kenb_fp"]:
            return f"{cell}: {theirs['state']} {theirs['kenb_fp']}, ue {mine['kenb_fp']}"
        if books["serving"] != mine["serving"]:
            return f"mme: serving {books['serving']}, ue {mine['serving']}"
        if not entries or not all(e["usable"] for e in entries):
            return f"{cell}: no list in hand"
        others = [n for n in self.enbs.values() if n != cell
                  and any(u["ue"] == imsi for u in self.node[n].call("ue.list")["items"])]
        return f"contexts at {others}" if others else None

    def balance(self, timeout=30):
        for imsi in self.imsis:
            try:
                wait_until(self.watch.values(), lambda ue=imsi: self.wrong(ue) is None, timeout, "balance")
            except TimeoutError:
                raise AssertionError(f"{imsi}: {self.wrong(imsi)}") from None

    def until(self, what, condition, timeout=30):
        return wait_until(self.watch.values(), condition, timeout, what)


def processes_of(run):
    """Processes that name the folder on their command line, or live in a network namespace of those."""
    out, spaces = set(), set()
    everyone = [p for p in Path("/proc").iterdir() if p.name.isdigit()]
    for process in everyone:
        try:
            if str(run).encode() in (process / "cmdline").read_bytes():
                out.add(int(process.name))
                spaces.add(os.readlink(process / "ns/net"))
        except OSError:
            continue
    spaces.discard(os.readlink("/proc/self/ns/net"))
    return out, spaces


def processes_in(spaces):
    out = []
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and os.readlink(process / "ns/net") in spaces:
                out.append(int(process.name))
        except OSError:
            continue
    return out
