"""Captured eNodeBs and recordings of the air, once more: lies in 3, 7 and 12, evidence that is another's or was used,
messages that come after the UE has left."""

import queue
import socket
import struct
import tempfile
import threading
import unittest

from labtest import LabTest  # first: it finds the others
from campaign import Campaign
from evil import DOWNLINK, UU_PORT, EvilCell, EvilEnb, Peer, RogueUe, body_of, eia2, pack, packed, unpack

NOT_OWNER, BAD_NAS_MAC, NAS_REPLAY, STALE_GENERATION, BAD_EVIDENCE = 13, 69, 70, 85, 93
UNWRAP_FAILED = 87
EMPTY_LIST, LIST_TOO_LONG, OWN_ID = 90, 91, 92


class TwoHostile(LabTest):
    """enb1 and enb2 belong to the attacker, and so does a subscriber; enb3 is honest and serves the victim."""

    def setUp(self):
        self.labs = self.lab(start=False, enbs=3, ues=3, transport="tcp", extra={"ue": "attach: {again: false}\n"})
        self.labs.start()
        self.victim, *rogues = self.labs.imsis
        self.labs.node("ue").call("attach", ue=self.victim, cell="enb3", wait=True)
        self.mme = self.labs.node("mme")
        self.evil = {}
        for n in (1, 2):
            self.labs.stop_node(f"enb{n}")
            self.evil[n] = EvilEnb(self.labs, f"enb{n}", n).join()
            self.addCleanup(self.evil[n].close)
        self.rogue, self.other = (RogueUe(self.evil[1], imsi, *self.labs.subscribers[imsi][:2]).attach()
                                  for imsi in rogues)

    def serving(self, imsi):
        return self.mme.call("ue.show", ue=imsi)["serving"]

    def list_for(self, enb, ue):
        """The generation of a list for it."""
        generation, entries = self.evil[enb].list_for(ue.mme_ue_id, [3])
        self.assertIn(3, entries)
        return generation

    def evidence(self, ue, target, generation):
        return ue.uplink(pack({33: {1: target, 2: generation}}))

    def location_update(self, enb, ue_id, evidence, serving=None):
        """Message 12; (13's generation, None) or (None, cause)."""
        s1 = self.evil[enb].s1
        s1.send(12, {1: ue_id, 2: evidence, 3: packed([3]), 4: serving or enb})
        number, fields = s1.expect(13, 33)
        return (fields[2], None) if number == 13 else (None, fields[1])


class Evidence(TwoHostile):
    def refused(self, cause, enb, ue_id, evidence, serving=None):
        self.assertEqual(self.location_update(enb, ue_id, evidence, serving), (None, cause))

    def test_of_a_ue_that_says_something_else(self):
        ue, generation = self.rogue, self.list_for(1, self.rogue)
        cases = {
            "another target": (BAD_EVIDENCE, 3, generation),
            "a generation that was never issued": (STALE_GENERATION, 2, generation + 1),
            "no generation of its own": (STALE_GENERATION, 2, 1 << 62),
        }
        for what, (cause, target, gen) in cases.items():
            with self.subTest(what):
                self.refused(cause, 2, ue.mme_ue_id, self.evidence(ue, target, gen))
        with self.subTest("in another eNodeB's name"):
            self.refused(NOT_OWNER, 2, ue.mme_ue_id, self.evidence(ue, 3, generation), serving=3)
        with self.subTest("another NAS message in its place"):
            self.refused(BAD_EVIDENCE, 2, ue.mme_ue_id, ue.uplink(pack({32: {}})))
        with self.subTest("plain"):
            self.refused(BAD_EVIDENCE, 2, ue.mme_ue_id, b"\x07" + pack({33: {1: 2, 2: generation}}))
        self.assertEqual(self.serving(ue.imsi), 1)
        with self.subTest("the truth is believed all the same"):
            self.assertIsNone(self.location_update(2, ue.mme_ue_id, self.evidence(ue, 2, generation))[1])
            self.assertEqual(self.serving(ue.imsi), 2)

    def test_of_another_ue(self):
        generation = self.list_for(1, self.other)
        self.refused(BAD_NAS_MAC, 2, self.rogue.mme_ue_id, self.evidence(self.other, 2, generation))
        victim = self.mme.call("ue.show", ue=self.victim)
        self.refused(BAD_NAS_MAC, 2, victim["mme_ue_id"], self.evidence(self.rogue, 2, generation))
        self.assertEqual((self.serving(self.rogue.imsi), self.serving(self.victim)), (1, 3))
        self.assertEqual(self.mme.call("ue.show", ue=self.victim)["nas_rx_next"], victim["nas_rx_next"])

    def test_that_was_used(self):
        ue, generation = self.rogue, self.list_for(1, self.rogue)
        first = self.evidence(ue, 2, generation)
        newer = self.location_update(2, ue.mme_ue_id, first)[0]
        back = self.evidence(ue, 1, newer)
        self.assertIsNone(self.location_update(1, ue.mme_ue_id, back)[1])
        for what, (enb, evidence) in {"to the same": (2, first), "to another": (1, first), "the last one": (1, back)}.items():
            with self.subTest(what):
                self.refused(NAS_REPLAY, enb, ue.mme_ue_id, evidence)
        with self.subTest("a new PDU about a generation that was used"):
            self.refused(STALE_GENERATION, 2, ue.mme_ue_id, self.evidence(ue, 2, generation))
        self.assertEqual(self.serving(ue.imsi), 1)


class Lists(TwoHostile):
    """What a greedy source asks for."""

    def failure(self, ids, ue=None):
        number, fields = self.evil[1].list_for(ue or self.rogue.mme_ue_id, ids)
        return fields[2] if number == 32 else (number, fields)

    def test_refusals(self):
        self.assertEqual(self.failure([]), EMPTY_LIST)
        self.assertEqual(self.failure([77, 78]), EMPTY_LIST)
        self.assertEqual(self.failure([3, 1]), OWN_ID)
        self.assertEqual(self.failure(list(range(100, 133))), LIST_TOO_LONG)
        number, fields = self.evil[2].list_for(self.rogue.mme_ue_id, [3])
        self.assertEqual((number, fields[1]), (33, NOT_OWNER))
        self.assertEqual(self.mme.call("metrics.get")["counters"]["hkeys_issued"],
                         self.hkeys_of_honest())

    def hkeys_of_honest(self):
        return self.mme.call("metrics.get")["counters"]["keys_wrapped"] // 2  # enb3 asks for two neighbours

    def test_duplicates_count_once_and_the_unknown_are_named(self):
        s1 = self.evil[1].s1
        s1.send(3, {1: self.rogue.mme_ue_id, 2: packed([3, 2, 3, 99, 2, 99])})
        _, fields = s1.expect(4)
        self.assertEqual(len(fields[-3]), 2)
        self.assertEqual(fields[4], packed([99]))


class Requests(TwoHostile):
    """Message 7."""

    def setUp(self):
        super().setUp()
        self.x2 = self.evil[1].neighbour("enb3")
        self.addCleanup(self.x2.close)

    def request(self, entry, generation, ue, attempt, label=None):
        fields = {1: attempt, 2: ue, 3: {1: generation, 2: entry[2], 3: entry[3]}, 4: {1: 4, 2: 4}}
        self.x2.send(7, fields | ({5: label} if label else {}))
        number, fields = self.x2.expect(8, 23)
        return None if number == 8 else fields[2]

    def test_for_a_ue_that_the_target_serves(self):
        """An entry of the attacker's own UE, in the victim's name, at the cell that serves the victim."""
        generation, entries = self.evil[1].list_for(self.rogue.mme_ue_id, [3])
        victim = self.mme.call("ue.show", ue=self.victim)["mme_ue_id"]
        before = self.labs.node("enb3").call("ue.show", ue=self.victim)
        self.assertEqual(self.request(entries[3], generation, victim, 1), UNWRAP_FAILED)
        with self.subTest("or only under its label"):
            self.assertIsNone(self.request(entries[3], generation, self.rogue.mme_ue_id, 2, self.victim))
        self.assertEqual(self.labs.node("enb3").call("ue.show", ue=self.victim), before)
        self.assertEqual(self.labs.node("ue").call("traffic.ping", ue=self.victim)["serving"], 3)

    def test_a_lower_generation_after_a_higher_one(self):
        first, old = self.evil[1].list_for(self.rogue.mme_ue_id, [3])
        second, new = self.evil[1].list_for(self.rogue.mme_ue_id, [3])
        self.assertIsNone(self.request(new[3], second, self.rogue.mme_ue_id, 1))
        self.assertEqual(self.request(old[3], first, self.rogue.mme_ue_id, 2), STALE_GENERATION)
        self.assertEqual(self.request(new[3], second, self.rogue.mme_ue_id, 3), STALE_GENERATION)

    def test_arrivals_that_never_come_are_given_up(self):
        """Prepared again and again and never followed by a 10: one context at a time, and none in the end."""
        enb3 = self.labs.node("enb3")
        enb3.subscribe()
        for attempt in range(1, 20):
            generation, entries = self.evil[1].list_for(self.rogue.mme_ue_id, [3])
            self.assertIsNone(self.request(entries[3], generation, self.rogue.mme_ue_id, attempt))
            self.assertEqual(len(enb3.call("ue.list")["items"]), 2)  # and the victim
        self.x2.send(24, {1: 19, 2: 19})
        self.x2.expect(27)
        self.assertEqual(len(enb3.call("ue.list")["items"]), 1)


class Commands(LabTest):
    """Message 9 from a source that lies: the honest UE stays, says why, and uses no key twice."""

    UNKNOWN_GENERATION, TARGET_UNREACHABLE, NO_COMMON_ALGORITHM = 86, 89, 65

    def setUp(self):
        self.labs = self.lab(start=False, enbs=3, transport="tcp", extra={"ue": "attach: {again: false}\nhandover: {confirm_timeout: 200ms}\n"})
        self.labs.start()
        self.imsi, self.ue = self.labs.imsis[0], self.labs.node("ue")
        self.ue.subscribe()
        self.labs.stop_node("enb1")
        self.evil = EvilEnb(self.labs, "enb1", 1).join()
        self.addCleanup(self.evil.close)
        self.cell = EvilCell(self.evil)
        self.addCleanup(self.cell.close)
        self.cell.accept()
        self.ue.wait_event(lambda e: e["topic"] == "cell.up" and e["enb"] == 1, 10)
        attach = self.ue.send("attach", ue=self.imsi, cell="enb1", wait=True)
        self.cell.serve_attach()
        self.assertEqual(self.ue.answer(attach)["serving"], 1)

    def fetch_list(self):
        generation, entries = self.cell.fetch_list([2, 3])
        self.ue.wait_event(lambda e: e["topic"] == "hkey.received" and e["gen"] == generation, 10)
        return generation, entries

    def state(self):
        shown = self.ue.call("ue.show", ue=self.imsi)
        return shown["state"], shown["serving"], shown["kenb_fp"]

    def test_lies(self):
        generation, _ = self.fetch_list()
        before = self.state()
        cases = {
            "a generation that the UE has not": (self.UNKNOWN_GENERATION, (2, generation + 1)),
            "one that was never issued": (self.UNKNOWN_GENERATION, (2, 1 << 60)),
            "a cell out of reach": (self.TARGET_UNREACHABLE, (99, generation)),
            "no ciphering, which nobody configured": (self.NO_COMMON_ALGORITHM, (2, generation, 1, 0, 2)),
            "an algorithm that nobody has": (self.NO_COMMON_ALGORITHM, (2, generation, 1, 7, 2)),
        }
        for what, (cause, args) in cases.items():
            with self.subTest(what):
                self.assertEqual(self.cell.command(*args), cause)
                self.assertEqual(self.state(), before)
        with self.subTest("no integrity: not even a message"):
            self.cell.send(9, {1: 2, 2: generation, 3: 1, 4: 2, 5: 0})
            self.ue.wait_event(lambda e: e["topic"] == "refused" and e["cause"] == "missing-field", 10)
        self.assertEqual(self.ue.call("metrics.get")["counters"]["kenbs_derived"], 0)

    def test_recorded_and_changed(self):
        generation, _ = self.fetch_list()
        before = self.state()
        command = self.cell.pdu(9, {1: 99, 2: generation, 3: 1, 4: 2, 5: 2})
        self.cell.uu.send_raw(command)
        self.cell.expect(33)
        changed = command[:-1] + bytes([command[-1] ^ 1])
        for cause, octets in (("pdcp-replay", command), ("bad-pdcp-mac", changed)):
            with self.subTest(cause):
                self.ue.events.clear()
                refused = self.refused(self.ue, cause)
                self.cell.uu.send_raw(octets)
                self.ue.wait_event(lambda e: e["topic"] == "refused" and e["cause"] == cause, 10)
                self.assertEqual(self.refused(self.ue, cause), refused + 1)
        self.assertEqual(self.state(), before)

    def test_radio_link_failure(self):
        """It comes in clear: the UE asks under its keys, and stays where it is known."""
        before = self.state()
        self.cell.uu.send_raw(pack({1: self.cell.C_RNTI, 3: pack({38: b""})}))
        _, request = self.cell.uu.expect_srb0(34)
        self.cell.uu.send_raw(self.cell.pdu(35, b"\x09" + request[1].to_bytes(8, "little")))
        self.cell.expect(37)
        self.assertEqual(self.state(), before)

    def test_a_generation_is_installed_once(self):
        """9 without a 7: the UE goes, nobody knows it there, and it comes back. Its key of that generation is used up."""
        generation, entries = self.fetch_list()
        self.cell.send(9, {1: 2, 2: generation, 3: 4711, 4: 2, 5: 2})
        derived = self.ue.wait_event(lambda e: e["topic"] == "kenb.derived" and e["gen"] == generation, 10)
        # It is back at the source under its old keys, and asks to be taken.
        frame = self.cell.uu
        number, request = frame.expect_srb0(34)
        self.cell.uu.send_raw(self.cell.pdu(35, b"\x09" + request[1].to_bytes(8, "little")))
        self.cell.expect(37)
        self.assertEqual(self.state()[:2], ("attached", 1))
        with self.subTest("the same 9 again"):
            self.assertEqual(self.cell.command(2, generation), STALE_GENERATION)
        with self.subTest("the same generation for another cell"):
            self.assertEqual(self.cell.command(3, generation), STALE_GENERATION)
        self.assertEqual(self.ue.call("metrics.get")["counters"]["kenbs_derived"], 1)
        newer, _ = self.fetch_list()
        self.assertGreater(newer, derived["gen"])


class Wiretap:
    """Between a ued and a cell on Uu: reads what passes, and says more."""

    def __init__(self, lab, cell):
        self.lab, self.cell = lab, cell
        self.listener = socket.create_server(("127.0.0.1", 0))
        config = lab.path / "ue.yaml"
        port = self.listener.getsockname()[1]
        text = config.read_text()
        old = f"address: {lab.address(cell)}, "
        assert old in text
        config.write_text(text.replace(old, f"address: 127.0.0.1, port: {port}, "))
        self.up = queue.Queue()  # frames of the ued
        threading.Thread(target=self.listen, daemon=True).start()

    def close(self):
        self.listener.close()

    def listen(self):
        self.ued = Peer.of(self.listener.accept()[0])
        self.enb = Peer.of(socket.create_connection((self.lab.address(self.cell), UU_PORT)))
        threading.Thread(target=self.pass_on, args=[self.enb, self.ued], daemon=True).start()
        self.pass_on(self.ued, self.enb, self.up)

    def pass_on(self, source, to, record=None):
        try:
            while True:
                frame = source.receive()
                if record:
                    record.put(frame)
                to.send_raw(frame)
        except OSError:
            to.socket.close()


class RadioLinkFailure(LabTest):
    """Said to a UE by somebody else than its cell."""

    def setUp(self):
        # The tap is one of TCP.
        self.labs = self.lab(start=False, enbs=2, transport="tcp", extra={"ue": "attach: {again: false}\n"})
        self.labs.prepare()
        self.tap = Wiretap(self.labs, "enb1")
        self.addCleanup(self.tap.close)
        for name in ("mme", "enb1", "enb2"):
            self.labs.start_node(name)
        enb1 = self.labs.node("enb1")
        enb1.subscribe(since=0)
        enb1.wait_event(lambda e: e["topic"] == "tunnel.up", 20)
        self.labs.start_node("ue")
        self.ue, self.imsi = self.labs.node("ue"), self.labs.imsis[0]
        self.ue.subscribe(since=0)
        self.ue.wait_event(lambda e: e["topic"] == "cell.up" and e["enb"] == 1, 20)
        self.ue.call("attach", ue=self.imsi, cell="enb1", wait=True)
        self.ue.wait_event(lambda e: e["topic"] == "hkey.received")

    def failure(self):
        """The UE's request for re-establishment."""
        c_rnti = self.ue.call("ue.show", ue=self.imsi)["c_rnti"]
        self.tap.ued.send_raw(pack({1: c_rnti, 3: pack({38: b""})}))
        while True:
            frame = self.tap.up.get(timeout=10)
            fields = unpack(frame)
            if 2 not in fields and body_of(fields[3])[0] == 34:  # SRB0
                return frame

    def test_the_cell_keeps_the_ue(self):
        before = self.ue.call("ue.show", ue=self.imsi)
        self.failure()
        self.ue.wait_event(lambda e: e["topic"] == "ue.reestablished")
        self.assertEqual(self.ue.call("ue.show", ue=self.imsi), before)
        self.assertEqual(self.ue.call("traffic.ping", ue=self.imsi)["serving"], 1)

    def test_the_request_is_good_on_its_own_connection_only(self):
        recorded = self.failure()
        self.ue.wait_event(lambda e: e["topic"] == "ue.reestablished")
        thief = Peer.of(socket.create_connection((self.labs.address("enb1"), UU_PORT), timeout=10))
        self.addCleanup(thief.close)
        thief.send_raw(recorded)
        self.assertEqual(thief.expect_srb0(35, 36)[0], 36)
        self.assertEqual(self.ue.call("traffic.ping", ue=self.imsi)["serving"], 1)


class Late(unittest.TestCase):
    """Lists and H_keys that come for a UE that has left."""

    def run_late(self, step, trigger, leave, cell, then):
        """`step` is on its way from the MME to enb<cell> when the UE leaves; then it comes."""
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            self.c = c = Campaign(path, enbs=2)
            try:
                c.settle(c.imsi)
                before = c.last_event("mme")
                c.fault("mme", fault="delay", message=step, count=1, delay_ms=400)
                trigger()
                c.wait_fired("mme", before)
                enb = c.lab.connect(f"enb{cell}")
                enb.subscribe()
                leave()
                enb.wait_event(lambda e: e["topic"] == "refused" and e["cause"] == "ue-not-found", 10)
                enb.close()
                self.assertEqual(c.enb(cell).call("ue.list")["items"], [])
                then()
            finally:
                self.assertEqual(set(c.close().values()), {0})

    def new_list(self):
        self.c.enb(1).call("wraplist.request", ue=self.c.imsi)

    def move(self):
        self.assertEqual(self.c.handover(self.c.imsi, 1, 2)[0], "completed")

    def move_back(self):
        self.assertEqual(self.c.settle(self.c.imsi), 2)
        self.assertEqual(self.c.handover(self.c.imsi, 2, 1)[0], "completed")

    def detach(self):
        self.c.node("ue").call("detach", ue=self.c.imsi, wait=True)

    def attach_again(self):
        self.assertEqual(self.c.node("mme").call("status")["ues"], 0)
        self.assertEqual(self.c.node("ue").call("attach", ue=self.c.imsi, cell="enb1", wait=True)["serving"], 1)
        self.c.settle(self.c.imsi)

    def test_4_for_a_ue_that_moved(self):
        self.run_late("4", self.new_list, self.move, 1, self.move_back)

    def test_4_for_a_ue_that_detached(self):
        self.run_late("4", self.new_list, self.detach, 1, self.attach_again)

    def test_5_for_a_ue_that_detached(self):
        self.run_late("5", self.new_list, self.detach, 1, self.attach_again)

    def test_13_for_a_ue_that_detached(self):
        self.run_late("13", self.move, self.detach, 2, self.attach_again)


class Air(unittest.TestCase):
    def test_a_recorded_reestablishment_is_taken_once(self):
        """Its short MAC-I does not change while the UE is in the cell: the recording would carry the UE's downlink to
        whoever sends it."""
        with tempfile.TemporaryDirectory(prefix="kh") as path:
            c = Campaign(path, enbs=2, transport="tcp")
            try:
                c.settle(c.imsi)
                c.fault("enb2", fault="drop", message="10", direction="rx", count=0)
                self.assertNotEqual(c.handover(c.imsi, 1, 2)[0], "completed")
                self.assertEqual(c.settle(c.imsi), 1)
                c.clear()
                ue = c.enb(1).call("ue.show", ue=c.imsi)
                key = [bytes.fromhex(x.split()[-1]) for x in (c.lab.path / "enb1.keylog").read_text().splitlines()
                       if x.startswith("k_rrc_int ")][-1]
                source = struct.pack(">IIH", 1, 2, ue["c_rnti"])
                # As 128-EIA2 with all bits of COUNT, BEARER and DIRECTION set (TS 36.331 5.3.7.4).
                mac = eia2(key, 0xFFFFFFFF, DOWNLINK, source, bearer=0x1F)
                body = b"\x09" + bytes(range(8)) + pack({2: ue["c_rnti"], 3: int.from_bytes(mac[2:], "big")})
                recorded = pack({3: pack({34: body})})
                thief = Peer(c.lab, "127.0.0.1", c.lab.address("enb1"), UU_PORT)
                before = c.enb(1).call("metrics.get")["refused"]["bad-state"]
                thief.send_raw(recorded)
                number, _ = thief.expect_srb0(35, 36)
                self.assertEqual(number, 36, "refused")
                self.assertEqual(c.enb(1).call("metrics.get")["refused"]["bad-state"], before + 1)
                thief.close()
                self.assertEqual(c.ping(c.imsi), 1)
            finally:
                self.assertEqual(set(c.close().values()), {0})


if __name__ == "__main__":
    unittest.main()
