"""A disk that fills up under the store: nothing new is taken, what is there is served, and nothing is told that a
restart would not know."""

import fcntl
import os
import signal
import subprocess
import unittest

from labtest import LabTest  # first: it finds the others
from keyhop import KeyhopError, wait_until

SIZE = "6m"
OPTIONS = {"*enb": "handover: {list_wait: 500ms}\nliveness: {interval: 300ms}\n",
           "mme": "lab: {faults: true}\nliveness: {interval: 300ms}\n",
           "ue": "attach: {timeout: 2s, again: false}\n"}


class SmallDisk(LabTest):
    """The MME's store is on a tmpfs in a mount namespace that a process of ours holds."""

    def small_disk(self, ues):
        lab = self.lab(start=False, enbs=2, ues=ues, extra=OPTIONS)
        disk = lab.path / "disk"
        root = [] if os.geteuid() == 0 else ["-r"]
        script = f'mkdir -p "{disk}" && mount -t tmpfs -o size={SIZE} keyhop-test "{disk}" && echo ready && exec cat'
        self.holder = subprocess.Popen(["unshare", "-m", *root, "sh", "-c", script], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(self.end_holder)
        if self.holder.stdout.readline() != b"ready\n":
            print("skipped: no mount namespace of our own here", flush=True)
            self.skipTest("no mount namespace of our own here")
        enter = ["nsenter", "-t", str(self.holder.pid), "-m"] + (["-U", "--preserve-credentials"] if root else [])
        lab.backend.enter = lambda name: enter if name == "mme" else []
        lab.topology["options"] = [{"node": "mme", "option": "store", "value": "disk/mme.db"}]
        self.filler = f"/proc/{self.holder.pid}/root{disk}/filler"
        return lab.start()

    def end_holder(self):
        self.holder.stdin.close()
        self.holder.wait(10)
        self.holder.stdout.close()

    def fill(self, leave=0):
        with open(self.filler, "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(4096))
            except OSError:
                pass
        if leave:
            os.truncate(self.filler, max(0, os.path.getsize(self.filler) - leave))

    def has_list(self, lab, cell, imsi):
        items = lab.node(cell).call("wraplist.show", ue=imsi)["items"]
        return bool(items) and all(e["usable"] for e in items)

    def until(self, lab, what, condition):
        nodes = [lab.node(n) for n in lab.names()]
        for node in nodes:
            node.subscribe()
        wait_until(nodes, condition, 20, what)
        for node in nodes:
            node.call("events.unsubscribe")
            node.events.clear()

    def attached(self, ues=3, leave=0):
        """Two UEs with lists in hand, then the disk is full."""
        lab = self.small_disk(ues)
        ue, mme = lab.node("ue"), lab.node("mme")
        for imsi in lab.imsis[:2]:
            ue.call("attach", ue=imsi, cell="enb1", wait=True)
        self.until(lab, "lists", lambda: all(self.has_list(lab, "enb1", i) for i in lab.imsis[:2]))
        mme.subscribe()
        self.fill(leave)
        mme.wait_event(lambda e: e["topic"] == "store.full" and e["cause"] == "store-full", 10)
        mme.call("events.unsubscribe")
        self.assertIn(mme.call("status")["store"], ("low", "full"))
        return lab

    def handover(self, lab, imsi, source, target):
        self.assertEqual(lab.node(source).call("handover.start", ue=imsi, target=target, wait=True)["outcome"],
                         "completed")
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=imsi)["serving"], int(target[3:]))

    def test_full(self):
        lab = self.attached()
        ue, mme = lab.node("ue"), lab.node("mme")
        first, second, third = lab.imsis
        with self.subTest("new attaches are refused by name"):
            self.named("STORE_FULL", ue.call, "attach", ue=third, cell="enb1", wait=True)
            self.assertGreater(self.refused(mme, "store-full"), 0)
        with self.subTest("who is attached is served, and moves with the list in hand"):
            self.handover(lab, first, "enb1", "enb2")
            self.assertEqual(ue.call("traffic.ping", ue=second)["serving"], 1)
            self.assertTrue(all(lab.node(n).call("status")["s1_up"] for n in ("enb1", "enb2")))
        self.assertIn("room on its disk", (lab.path / "mme.log").read_text())
        with self.subTest("there is room again"):
            mme.subscribe()
            os.unlink(self.filler)
            mme.wait_event(lambda e: e["topic"] == "store.room", 10)
            mme.call("events.unsubscribe")
            self.until(lab, "12 is answered", lambda: mme.call("ue.show", ue=first)["serving"] == 2
                       and self.has_list(lab, "enb2", first))
            self.assertEqual(ue.call("attach", ue=third, cell="enb1", wait=True)["serving"], 1)
            self.handover(lab, first, "enb2", "enb1")

    def test_killed_while_full(self):
        """What the MME told is what it knows after a restart."""
        lab = self.attached()
        for imsi in lab.imsis[:2]:
            self.handover(lab, imsi, "enb1", "enb2")
        lab.stop_node("mme", signal.SIGKILL)
        os.unlink(self.filler)
        lab.start_node("mme")
        mme = lab.node("mme")
        self.until(lab, "all UEs at enb2", lambda: all(mme.call("ue.show", ue=i)["serving"] == 2
                                                       and self.has_list(lab, "enb2", i) for i in lab.imsis[:2]))
        for imsi in lab.imsis[:2]:
            self.handover(lab, imsi, "enb2", "enb1")
        for name in lab.names():
            lines = [x.split() for x in (lab.path / f"{name}.keylog").read_text().splitlines()]
            fresh = [(x[0], x[-1]) for x in lines if x[0] in ("h_key", "kasme", "k_rrc_enc", "k_rrc_int")]
            self.assertEqual(len(fresh), len(set(fresh)), name)

    def test_pipes_that_nobody_reads(self):
        """Of log and events: lines are lost, and the daemon goes on."""
        lab = self.lab(enbs=2, ues=1, start=False)
        lab.topology["options"] = [{"node": "enb1", "option": "log.file", "value": "log.pipe"},
                                   {"node": "enb1", "option": "events", "value": "events.pipe"}]
        lab.path.mkdir(exist_ok=True)
        for name in ("log.pipe", "events.pipe"):
            os.mkfifo(lab.path / name)
            reader = os.open(lab.path / name, os.O_RDONLY | os.O_NONBLOCK)
            self.addCleanup(os.close, reader)
            fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        lab.start()
        lab.attach_all()
        for _ in range(10):
            for source, target in (("enb1", "enb2"), ("enb2", "enb1")):
                self.handover(lab, lab.imsis[0], source, target)
        self.assertGreater(lab.node("enb1").subscribe(), 100, "more events than the pipe takes")

    def test_it_fills_up_under_load(self):
        """UEs come and go and move until writes fail in the middle of things."""
        lab = self.attached(ues=12, leave=64 * 1024)
        ue, mme, imsi = lab.node("ue"), lab.node("mme"), lab.imsis[0]
        cells = ["enb1", "enb2"]
        for _ in range(200):
            try:
                lab.node(cells[0]).call("handover.start", ue=imsi, target=cells[1], wait=True)
                cells.reverse()
            except KeyhopError as e:
                self.assertIn(e.name, ("NO_WRAPPED_KEY", "LIST_NOT_DELIVERED", "ENTRY_BURNT", "TIMEOUT"))
                break
        for other in lab.imsis[2:]:
            self.named("STORE_FULL", ue.call, "attach", ue=other, cell="enb1", wait=True)
        os.unlink(self.filler)
        self.until(lab, "room", lambda: mme.call("status")["store"] == "ok")
        self.until(lab, "served", lambda: self.has_list(lab, cells[0], imsi))
        self.handover(lab, imsi, cells[0], cells[1])
        for other in lab.imsis[2:]:
            ue.call("attach", ue=other, cell="enb1", wait=True)


if __name__ == "__main__":
    unittest.main()
