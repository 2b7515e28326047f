"""Restarts and what is left of a store; peers that are there and do not answer; more than there is room for."""

import os
import resource
import signal
import socket
import sqlite3
import unittest

from labtest import LabTest, frame, raw  # first: it finds the others
from evil import EvilEnb, pack
from keyhop import KeyhopError, wait_until
from kills import repeated_keys


class Store(LabTest):
    """mmed with a store that is not as it should be says so and does not start."""

    def lab_with_store(self):
        lab = self.lab(enbs=2, ues=2)
        self.attach_all(lab)
        lab.stop_node("mme")
        return lab

    def attach_all(self, lab):
        """Until the MME knows it, too, which is later than the UEs do."""
        mme = lab.node("mme")
        mme.subscribe(topics=["ue.attached"])
        lab.attach_all()
        for _ in lab.imsis:
            mme.wait_event(lambda e: True)

    def refused_start(self, lab, *words):
        lab.start_node("mme")
        with self.assertRaises(RuntimeError) as caught:
            lab.connect("mme")
        for word in ("store", *words):
            self.assertIn(word, str(caught.exception))
        lab.process.pop("mme").wait()

    def test_damaged(self):
        lab = self.lab_with_store()
        path = lab.path / "mme.db"
        data = bytearray(path.read_bytes())
        for what, change in {"header": slice(0, 64), "middle": slice(4096, 8192)}.items():
            with self.subTest(what):
                broken = bytearray(data)
                broken[change] = os.urandom(change.stop - change.start)
                path.write_bytes(broken)
                self.refused_start(lab, "mme.db", "move")
        # The way out that the message names.
        path.write_bytes(data)
        lab.start_node("mme")
        self.assertEqual(lab.node("mme").call("status")["ues"], 2)

    def test_the_way_out(self):
        """An empty store in place of a damaged one: all UEs attach again, and move."""
        lab = self.lab(enbs=2, ues=2)
        self.attach_all(lab)
        ue = lab.node("ue")
        for cell, target in (("enb1", "enb2"), ("enb2", "enb1")):
            for imsi in lab.imsis:
                lab.node(cell).call("handover.start", ue=imsi, target=target, wait=True)
        lab.stop_node("mme", signal.SIGKILL)
        os.truncate(lab.path / "mme.db", 0)
        self.refused_start(lab, "empty", "move it away with its -wal file")
        (lab.path / "mme.db").unlink()
        self.refused_start(lab, "-wal file is")
        (lab.path / "mme.db-wal").unlink()
        ue.subscribe(topics=["ue.attached"])
        lab.start_node("mme")
        for _ in lab.imsis:
            ue.wait_event(lambda e: True, 20)
        for imsi in lab.imsis:
            cell = ue.call("ue.show", ue=imsi)["serving"]
            done = lab.node(f"enb{cell}").call("handover.start", ue=imsi, target=f"enb{3 - cell}", wait=True)
            self.assertEqual(done["outcome"], "completed")
            self.assertEqual(ue.call("traffic.ping", ue=imsi)["serving"], 3 - cell)

    def test_another_version(self):
        lab = self.lab_with_store()
        with sqlite3.connect(lab.path / "mme.db") as db:
            db.execute("PRAGMA user_version = 0")
        db.close()
        self.refused_start(lab, "schema version 0", "move it away")

    def test_a_file_without_certificates(self):
        """As it was before they were kept: all else is in it."""
        lab = self.lab_with_store()
        with sqlite3.connect(lab.path / "mme.db") as db:
            db.execute("DROP TABLE enb_certificate")
        db.close()
        lab.start_node("mme")
        self.assertEqual(lab.node("mme").call("status")["ues"], 2)

    def test_a_certificate_that_does_not_open(self):
        lab = self.lab_with_store()
        with sqlite3.connect(lab.path / "mme.db") as db:
            db.execute("UPDATE enb_certificate SET der = substr(der, 1, length(der) - 1) WHERE id = 2")
        db.close()
        self.refused_start(lab, "eNodeB 2", "damaged", "move it away")

    def test_a_row_that_does_not_open(self):
        lab = self.lab_with_store()
        with sqlite3.connect(lab.path / "mme.db") as db:
            sealed = bytearray(db.execute("SELECT sealed FROM ue WHERE id = 1").fetchone()[0])
            sealed[40] ^= 1
            db.execute("UPDATE ue SET sealed = ? WHERE id = 1", (bytes(sealed),))
        db.close()
        self.refused_start(lab, "UE 1", "damaged")

    def test_rows_of_two_ues_exchanged(self):
        lab = self.lab_with_store()
        with sqlite3.connect(lab.path / "mme.db") as db:
            first, second = (db.execute("SELECT sealed FROM ue WHERE id = ?", (n,)).fetchone()[0] for n in (1, 2))
            db.execute("UPDATE ue SET sealed = ? WHERE id = 1", (second,))
            db.execute("UPDATE ue SET sealed = ? WHERE id = 2", (first,))
        db.close()
        self.refused_start(lab, "UE 1", "damaged")

    def test_another_key(self):
        lab = self.lab_with_store()
        (lab.path / "mme.db.key").write_text("00" * 32 + "\n")
        self.refused_start(lab, "sealed by another key")

    def test_key_that_others_may_read(self):
        lab = self.lab_with_store()
        (lab.path / "mme.db.key").chmod(0o644)
        self.refused_start(lab, "mme.db.key", "0600")

    def test_a_database_of_something_else(self):
        lab = self.lab_with_store()
        (lab.path / "mme.db").unlink()
        with sqlite3.connect(lab.path / "mme.db") as db:
            db.execute("CREATE TABLE recipes(name TEXT)")
        db.close()
        self.refused_start(lab, "something else")

    def test_in_use(self):
        lab = self.lab(enbs=2)
        second = (lab.path / "mme.yaml").read_text().replace("mme.sock", "mme2.sock")
        (lab.path / "mme.yaml").write_text(second)
        first = lab.process.pop("mme")
        self.refused_start(lab, "locked")
        lab.process["mme"] = first

    def test_no_key_octets_in_it(self):
        lab = self.lab(enbs=2, ues=3)
        self.attach_all(lab)
        lab.stop_node("mme", signal.SIGKILL)
        keys = [bytes.fromhex(line.split()[-1]) for line in (lab.path / "mme.keylog").read_text().splitlines()]
        stored = b"".join(p.read_bytes() for p in lab.path.glob("mme.db*") if p.suffix != ".key")
        self.assertGreater(len(keys), 10)
        for key in keys:
            self.assertNotIn(key, stored)

    def test_memory_keeps_nothing(self):
        lab = self.lab(enbs=2, mme={}, start=False)
        lab.prepare()
        text = (lab.path / "mme.yaml").read_text().replace("store: mme.db", "store: memory")
        (lab.path / "mme.yaml").write_text(text)
        for name in lab.names():
            lab.start_node(name)
        lab.until_ready()
        self.attach_all(lab)
        imsi, ue = lab.imsis[0], lab.node("ue")
        ue.subscribe(topics=["ue."])
        lab.stop_node("mme", signal.SIGKILL)
        lab.start_node("mme")
        self.assertEqual(lab.node("mme").call("status")["store"], "memory")
        # Its eNodeB learns that the MME knows nobody, and the UE attaches again.
        ue.wait_event(lambda e: e["topic"] == "ue.released" and e["cause"] == "ue-not-found", 20)
        ue.wait_event(lambda e: e["topic"] == "ue.attached", 20)
        self.assertEqual(ue.call("traffic.ping", ue=imsi)["outcome"], "completed")
        self.assertFalse(list(lab.path.glob("mme.db*")) + list(lab.path.glob("memory*")))


class Together(LabTest):
    def test_all_at_once(self):
        """Everybody is killed and comes back in any order: UEs are served, with new keys, and move."""
        lab = self.lab(enbs=3, ues=4, extra={"ue": "attach: {cell: 1}\n"})
        wait_until([self.watch(lab, "enb1")], lambda: len(lab.node("enb1").call("ue.list")["items"]) == 4, 20, "attached")
        for order in (("ue", "enb3", "enb2", "enb1", "mme"), ("mme", "enb1", "enb2", "enb3", "ue")):
            with self.subTest(order):
                for name in lab.names():
                    lab.stop_node(name, signal.SIGKILL)
                for name in order:
                    lab.start_node(name)
                watch = [self.watch(lab, name) for name in lab.names()]
                wait_until(watch, lambda: self.served(lab), 30, "all UEs served, with lists in hand")
                for imsi in lab.imsis:
                    done = lab.node("enb1").call("handover.start", ue=imsi, target="enb2", wait=True)
                    self.assertEqual(done["outcome"], "completed")
                    self.assertEqual(lab.node("ue").call("traffic.ping", ue=imsi)["serving"], 2)
        self.assertEqual(repeated_keys(lab), [])

    def watch(self, lab, name):
        node = lab.connect(name)
        self.addCleanup(node.close)
        node.subscribe()
        return node

    def served(self, lab):
        try:
            lists = [lab.node("enb1").call("wraplist.show", ue=imsi)["items"] for imsi in lab.imsis]
            up = lab.node("enb1").call("status")["x2_up"], lab.node("mme").call("status")["enbs_up"]
        except KeyhopError:
            return False
        # A neighbour that was not back yet when the list was made has no entry: the handover asks for it.
        return up == (2, 3) and all(items and all(e["usable"] for e in items) for items in lists)


FAST = "liveness: {interval: 100ms, misses: 2}\n"


class Liveness(LabTest):
    """A process that is stopped keeps its connections and answers nothing."""

    def half_open(self, who, watcher, topic, **wanted):
        lab = self.lab(enbs=2, extra={"mme": FAST, "*enb": FAST})
        lab.attach_all()
        node = lab.node(watcher)
        node.subscribe(since=0)
        node.wait_event(lambda e: e["topic"] in ("hkey.relayed", "location_update.received", "wraplist.sent"))
        process = lab.process[who]
        process.send_signal(signal.SIGSTOP)
        try:
            node.wait_event(lambda e: e.get("cause") == "peer-silent", 10)
            node.wait_event(lambda e: e["topic"] == topic and all(e[k] == v for k, v in wanted.items()), 10)
        finally:
            process.send_signal(signal.SIGCONT)
        return lab, node

    def ready_again(self, lab):
        nodes = [lab.node(n) for n in lab.names()]
        for node in nodes:
            node.subscribe()
        wait_until(nodes, lab.is_ready, 15, "all associations up again")

    def test_mme_silent(self):
        lab, _ = self.half_open("mme", "enb1", "tunnel.down")
        self.ready_again(lab)
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")

    def test_enb_silent_at_the_mme(self):
        lab, _ = self.half_open("enb2", "mme", "enb.down", enb=2)
        self.ready_again(lab)

    def test_neighbour_silent(self):
        lab, enb = self.half_open("enb2", "enb1", "x2.down", enb=2)
        self.named("TARGET_UNREACHABLE", enb.call, "handover.start", ue=lab.imsis[0], target="enb2", wait=True)
        self.ready_again(lab)
        self.assertEqual(enb.call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)["outcome"],
                         "completed")

    def test_second_association_waits_until_the_first_is_dead(self):
        """A second process with the certificate of enb2, while enb2 does not answer."""
        lab = self.lab(enbs=2, extra={"mme": FAST})
        mme = lab.node("mme")
        mme.subscribe()
        first = lab.process["enb2"]
        first.send_signal(signal.SIGSTOP)
        try:
            text = (lab.path / "enb2.yaml").read_text().replace(lab.address("enb2"), f"{lab.net}.200")
            (lab.path / "enb3.yaml").write_text(text.replace("enb2.sock", "enb3.sock").replace("enb2.log", "enb3.log"))
            lab.start_node("enb3")
            lab.connect("enb3").close()
            refused = mme.wait_event(lambda e: e["topic"] == "auth.failed")
            self.assertEqual((refused["cause"], refused["enb"]), ("duplicate-association", 2))
            mme.wait_event(lambda e: e["topic"] == "enb.down" and e["enb"] == 2, 10)
            mme.wait_event(lambda e: e["topic"] == "enb.up" and e["enb"] == 2, 10)
        finally:
            lab.stop_node("enb3")
            first.send_signal(signal.SIGCONT)


class Limits(LabTest):
    def test_attaches_are_shed_and_handovers_are_not(self):
        lab = self.lab(enbs=2, ues=30, start=False, mme={"limits": "{attaches: 1}"},
                       extra={"mme": "lab: {faults: true}\n"})
        lab.start()
        ue, mme, imsi = lab.node("ue"), lab.node("mme"), lab.imsis[0]
        ue.call("attach", ue=imsi, cell="enb1", wait=True)
        # One attach hangs, so that the next ones find no room.
        mme.call("fault.set", fault="drop", message="s1.initial_context_setup_request")
        ue.call("attach", ue=lab.imsis[1], cell="enb1")
        mme.subscribe(since=0)
        mme.wait_event(lambda e: e["topic"] == "fault.fired")
        for other in lab.imsis[2:5]:
            self.named("BUSY", ue.call, "attach", ue=other, cell="enb1", wait=True)
        self.assertEqual(lab.node("enb1").call("handover.start", ue=imsi, target="enb2", wait=True)["outcome"],
                         "completed")
        self.assertEqual(self.refused(mme, "busy"), 3)

    def test_an_enb_gets_its_share_of_the_attaches(self):
        """One eNodeB whose attaches never end leaves room for those of others; another like it gets as much as is left
        for a third."""
        lab = self.lab(enbs=3, ues=9, mme={"limits": "{attaches: 6}"}, extra={"mme": "lab: {faults: true}\n"})
        ue, mme, imsis = lab.node("ue"), lab.node("mme"), list(lab.imsis)
        mme.call("fault.set", fault="drop", message="s1.initial_context_setup_request", count=0)
        mme.subscribe(topics=["fault.fired"])

        def hang(cell, n):
            for _ in range(n):
                ue.call("attach", ue=imsis.pop(), cell=cell)
                mme.wait_event(lambda e: True)

        hang("enb1", 3)
        self.named("ENB_SHARE", ue.call, "attach", ue=imsis[0], cell="enb1", wait=True)
        hang("enb2", 2)
        self.named("ENB_SHARE", ue.call, "attach", ue=imsis[0], cell="enb2", wait=True)
        hang("enb3", 1)
        self.named("BUSY", ue.call, "attach", ue=imsis[0], cell="enb3", wait=True)
        self.assertEqual((self.refused(mme, "enb-share"), self.refused(mme, "busy")), (2, 1))
        # Those that hang are given back when they end.
        mme.call("fault.clear")
        lab.stop_node("enb1")
        ue.call("attach", ue=imsis[0], cell="enb3", wait=True)

    def test_most_ues_of_a_cell(self):
        lab = self.lab(enbs=2, ues=3, extra={"*enb": "limits: {ues: 2}\n", "ue": "attach: {again: false}\n"})
        ue = lab.node("ue")
        for imsi in lab.imsis[:2]:
            ue.call("attach", ue=imsi, cell="enb1", wait=True)
        self.named("NO_RESOURCES", ue.call, "attach", ue=lab.imsis[2], cell="enb1", wait=True)
        ue.call("attach", ue=lab.imsis[2], cell="enb2", wait=True)
        enb2 = lab.node("enb2")
        enb2.subscribe(since=0)
        enb2.wait_event(lambda e: e["topic"] == "hkey.relayed")
        self.named("NO_RESOURCES", enb2.call, "handover.start", ue=lab.imsis[2], target="enb1", wait=True)
        self.assertEqual(ue.call("traffic.ping", ue=lab.imsis[2])["serving"], 2)

    def test_rubbish_fills_counters_and_not_logs(self):
        lab = self.lab(enbs=2, transport="tcp")
        lab.attach_all()
        enb = lab.node("enb1")
        before = self.refused(enb, "not-protobuf")
        raw(lab.address("enb1"), 36532, frame(b"\xff\xff\xff\xff") * 5000)
        enb.subscribe()
        wait_until([enb], lambda: self.refused(enb, "not-protobuf") == before + 5000, 10, "5000 refusals")
        lines = (lab.path / "enb1.log").read_text().count("cause=not-protobuf")
        self.assertLess(lines, 200)
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")

    def test_who_sends_too_fast_waits(self):
        """Nothing that a fast peer sends is lost, and nobody else waits for it."""
        lab = self.lab(enbs=3, transport="tcp", extra={"mme": "limits: {frames: 10000}\n", "*enb": "limits: {frames: 10000}\n"})
        lab.attach_all()
        lab.stop_node("enb3")
        evil = EvilEnb(lab, "enb3", 3).join()
        self.addCleanup(evil.close)
        x2 = evil.neighbour("enb1")
        self.addCleanup(x2.close)
        flood = 5000
        for name, peer, number in (("mme", evil.s1, 35), ("enb1", x2, 26)):
            with self.subTest(name):
                peer.socket.sendall(frame(pack({number: {1: 1}})) * flood)
                self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")
                for _ in range(flood):
                    peer.expect(number)
                self.assertGreater(self.refused(lab.node(name), "busy"), 0)

    def test_most_connections_of_a_cell(self):
        lab = self.lab(enbs=2, transport="tcp")
        lab.attach_all()
        enb = lab.node("enb1")
        enb.subscribe()
        crowd = [socket.create_connection((lab.address("enb1"), 36532)) for _ in range(240)]
        many = [socket.create_connection((lab.address("enb1"), 36532)) for _ in range(40)]
        enb.wait_event(lambda e: e.get("cause") == "busy", 15)
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")
        for s in crowd + many:
            s.close()

    def crowd(self, lab, name, connect):
        """Takes all descriptors of a node and more; it goes on serving those it has, and takes new ones afterwards."""
        node, pid = lab.node(name), lab.process[name].pid
        node.subscribe()
        used = node.call("status")["fds"]
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 4, before[1]))
        crowd = [connect() for _ in range(20)]
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")
        for s in crowd:
            s.close()
        wait_until([node], lambda: node.call("status")["fds"] <= used, 15, "descriptors free again")
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        node.call("events.unsubscribe")

    def test_listening_goes_on_without_descriptors(self):
        lab = self.lab(enbs=2, transport="tcp", extra={"*enb": "metrics: {listen: 127.0.0.1, port: 0}\n"})
        lab.attach_all()
        tcp = {"enb1 Uu": ("enb1", 36532), "enb1 X2": ("enb1", 36522), "mme S1": ("mme", 36512)}
        for what, (name, port) in tcp.items():
            with self.subTest(what):
                self.crowd(lab, name, lambda n=name, p=port: socket.create_connection((lab.address(n), p)))
        for name in ("mme", "enb1", "ue"):
            with self.subTest(f"{name} control"):
                self.crowd(lab, name, lambda n=name: self.control(lab, n))
        self.assertEqual(raw(lab.address("enb1"), 36532, frame(b"\xff\xff\xff\xff")), b"")
        done = lab.node("enb1").call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)
        self.assertEqual(done["outcome"], "completed")

    def control(self, lab, name):
        s = socket.socket(socket.AF_UNIX)
        s.connect(os.path.realpath(lab.socket_path(name)))
        return s


class Faults(LabTest):
    def test_off_unless_the_configuration_allows_them(self):
        lab = self.lab(enbs=2)
        for name in lab.names():
            self.named("FAULTS_OFF", lab.node(name).call, "fault.set", fault="drop", message="7")
            self.assertEqual(lab.node(name).call("fault.list")["items"], [])

    def test_wrong_parameters(self):
        lab = self.lab(enbs=2, extra={"*enb": "lab: {faults: true}\n"})
        enb = lab.node("enb1")
        for params in ({"fault": "melt", "message": "7"}, {"fault": "drop", "message": "6a"},
                       {"fault": "drop", "message": "7", "direction": "up"},
                       {"fault": "drop", "message": "7", "probability": 2}):
            with self.assertRaises(KeyhopError) as caught:
                enb.call("fault.set", **params)
            self.assertEqual(caught.exception.code, -32602)
        self.named("NOT_FOUND", enb.call, "fault.clear", id=7)

    def test_close_and_stall(self):
        lab = self.lab(enbs=2, extra={"*enb": "lab: {faults: true}\n"})
        lab.attach_all()
        enb, imsi = lab.node("enb1"), lab.imsis[0]
        enb.subscribe(since=0)
        enb.wait_event(lambda e: e["topic"] == "hkey.relayed")
        enb.call("fault.set", fault="stall", message="8", direction="rx", delay_ms=50)
        self.assertEqual(enb.call("handover.start", ue=imsi, target="enb2", wait=True)["outcome"], "completed")
        enb2 = lab.node("enb2")
        enb2.subscribe(since=0)
        enb2.wait_event(lambda e: e["topic"] == "hkey.relayed")
        enb2.call("fault.set", fault="close", message="7")
        with self.assertRaises(KeyhopError):
            enb2.call("handover.start", ue=imsi, target="enb1", wait=True)
        enb2.wait_event(lambda e: e["topic"] == "x2.down")
        enb2.wait_event(lambda e: e["topic"] == "x2.up")
        self.assertEqual(enb2.call("handover.start", ue=imsi, target="enb1", wait=True)["outcome"], "completed")


if __name__ == "__main__":
    unittest.main()
