"""A captured eNodeB: what it can do with other wraps than the default, and what it cannot with it. Also messages of
an earlier run, messages about the UEs of others, and the handover crashes of other cores as regressions (T30, T31)."""

import signal
import unittest

from campaign import wait_until
from evil import EvilEnb, RogueUe, confirm, fingerprint, kenb_for
from labtest import LabTest

NOT_OWNER, UE_NOT_FOUND, MISSING_FIELD = 13, 14, 8
UNKNOWN_KEY_ID, STALE_GENERATION, UNWRAP_FAILED, WRAP_MISMATCH = 84, 85, 87, 96


class HostileEnb(LabTest):
    """enb1 was captured: the attacker goes on in its place. The victim's UE does not notice."""

    def capture(self, wrap="aes-gcm", enbs=2):
        lab = self.lab(start=False, enbs=enbs, ues=2, transport="tcp", mme={"wrap": wrap}, extra={"ue": "attach: {again: false}\n"})
        lab.start()
        victim, rogue = lab.imsis
        lab.node("ue").call("attach", ue=victim, cell="enb1", wait=True)
        instance = lab.node("enb1").call("status")["instance"]
        lab.stop_node("enb1", signal.SIGKILL)
        self.evil = EvilEnb(lab, "enb1", instance).join()
        self.addCleanup(self.evil.close)
        k, opc, _ = lab.subscribers[rogue]
        self.rogue = RogueUe(self.evil, rogue, k, opc).attach()
        self.victim, self.victim_id = victim, lab.node("mme").call("ue.show", ue=victim)["mme_ue_id"]
        self.x2 = self.evil.neighbour("enb2")
        self.addCleanup(self.x2.close)
        self.attempts = 0
        return lab

    def request(self, entry, generation, ue):
        """Message 7; (8's fields, None) or (None, cause)."""
        self.attempts += 1
        key = {1: generation, 2: entry[2], 3: entry[3]}
        self.x2.send(7, {1: self.attempts, 2: ue, 3: key, 4: {1: 4, 2: 4}, 5: self.victim})
        number, fields = self.x2.expect(8, 23)
        return (fields, None) if number == 8 else (None, fields[2])

    def hijack(self, lab):
        """The rogue's own entry in a message 7 for the victim."""
        generation, entries = self.evil.list_for(self.rogue.mme_ue_id, [2])
        _, h_key = self.rogue.h_key()
        return *self.request(entries[2], generation, self.victim_id), kenb_for(h_key, 2)

    def assert_hijacked(self, wrap):
        lab = self.capture(wrap)
        enb2 = lab.node("enb2")
        response, cause, kenb = self.hijack(lab)
        self.assertIsNone(cause)
        self.assertEqual(enb2.call("ue.show", ue=self.victim)["kenb_fp"], fingerprint("kenb", kenb))
        uu, answer = confirm(lab, self.evil.address, "enb2", response[3], kenb)
        self.addCleanup(uu.close)
        self.assertEqual(answer[0], 32, "the honest target acknowledges the attacker's 10")
        self.x2.expect(11)
        enb2.subscribe(since=0)
        done = enb2.wait_event(lambda e: e["topic"] == "handover.confirmed")
        self.assertEqual((done["ue"], done["mme_ue_id"]), (self.victim, self.victim_id))
        # What ends it is not the wrap: the MME believes no move without the victim's own evidence.
        enb2.wait_event(lambda e: e["topic"] == "ue.released" and e["cause"] == "not-owner")
        self.assertEqual(lab.node("mme").call("ue.show", ue=self.victim)["serving"], 1)

    def test_hijack_with_aes_block(self):
        self.assert_hijacked("aes-block")

    def test_hijack_with_aes_kw(self):
        self.assert_hijacked("aes-kw")

    def test_hijack_is_stopped_by_the_default_wrap(self):
        lab = self.capture()
        response, cause, _ = self.hijack(lab)
        self.assertIsNone(response)
        self.assertEqual(cause, UNWRAP_FAILED)
        self.assertEqual(lab.node("enb2").call("ue.list")["items"], [])
        self.assertEqual(self.refused(lab.node("enb2"), "unwrap-failed"), 1)

    def test_entries_that_are_not_what_they_say(self):
        lab = self.capture(enbs=3)
        generation, entries = self.evil.list_for(self.victim_id, [2, 3])
        mine, other = entries[2], entries[3]
        flipped = bytes([mine[3][0]]) + mine[3][1:-1] + bytes([mine[3][-1] ^ 1])
        cases = {
            "another UE": ((mine, generation, self.rogue.mme_ue_id), {}, UNWRAP_FAILED),
            "another target": ((other, generation, self.victim_id), {}, UNKNOWN_KEY_ID),
            "another generation": ((mine, generation + 1, self.victim_id), {}, UNWRAP_FAILED),
            "another key id": ((mine, generation, self.victim_id), {2: mine[2] + 1}, UNKNOWN_KEY_ID),
            "a flipped bit": ((mine, generation, self.victim_id), {3: flipped}, UNWRAP_FAILED),
            "another length": ((mine, generation, self.victim_id), {3: mine[3][:-1]}, WRAP_MISMATCH),
        }
        for what, (args, changes, cause) in cases.items():
            with self.subTest(what):
                entry, gen, ue = args
                self.assertEqual(self.request(entry | changes, gen, ue), (None, cause))
        with self.subTest("stolen by another source"):
            thief = EvilEnb(lab, "enb3", lab.node("enb3").call("status")["instance"])
            lab.stop_node("enb3", signal.SIGKILL)
            own, self.x2 = self.x2, thief.neighbour("enb2")
            self.addCleanup(self.x2.close)
            self.assertEqual(self.request(mine, generation, self.victim_id), (None, UNWRAP_FAILED))
            self.x2 = own
        with self.subTest("the entry itself, once"):
            response, cause = self.request(mine, generation, self.victim_id)
            self.assertIsNone(cause)
        with self.subTest("and a second time"):
            self.assertEqual(self.request(mine, generation, self.victim_id), (None, STALE_GENERATION))
        self.assertEqual(lab.node("enb2").call("metrics.get")["counters"]["keys_unwrapped"], 1)

    def test_messages_of_an_earlier_run_have_no_effect(self):
        lab = self.capture()
        generation, entries = self.evil.list_for(self.victim_id, [2])
        self.assertIsNone(self.request(entries[2], generation, self.victim_id)[1])
        run = [("s1", m) for m in self.evil.s1.sent[2:]] + [("x2", m) for m in self.x2.sent[1:]]
        # A later run of everybody: new instances, new tunnels, new MME-eNB_keys.
        self.evil.close()
        self.x2.close()
        for name in ("mme", "enb2"):
            lab.stop_node(name, signal.SIGKILL)
            lab.start_node(name)
        mme, enb2 = lab.node("mme"), lab.node("enb2")
        for node in (mme, enb2):
            node.subscribe(since=0)
        wait_until([mme, enb2], lambda: enb2.call("status")["s1_up"], 10, "enb2 joins")
        self.evil = EvilEnb(lab, "enb1", self.evil.instance).join()
        self.addCleanup(self.evil.close)
        x2 = self.evil.neighbour("enb2")
        self.addCleanup(x2.close)
        before = mme.call("ue.show", ue=self.victim)
        for link, message in run:
            (self.evil.s1 if link == "s1" else x2).send_raw(message)
        _, failure = x2.expect(23)
        self.assertEqual(failure[2], UNKNOWN_KEY_ID)
        self.evil.s1.send(35, {1: 1})
        self.evil.s1.expect(35)
        self.assertEqual(enb2.call("metrics.get")["counters"]["keys_unwrapped"], 0)
        after = mme.call("ue.show", ue=self.victim)
        self.assertEqual((before["serving"], before["nas_rx_next"]), (after["serving"], after["nas_rx_next"]))
        self.assertEqual(mme.call("metrics.get")["counters"]["handovers_completed"], 0)
        self.assertEqual(mme.call("metrics.get")["counters"]["attaches"], 0)


class Regressions(LabTest):
    """The handover crashes of other cores, in keyhop's terms."""

    def hostile(self, **options):
        lab = self.lab(enbs=3, transport="tcp", **options)
        lab.attach_all()
        lab.stop_node("enb3")
        evil = EvilEnb(lab, "enb3", 3).join()
        self.addCleanup(evil.close)
        return lab, evil

    def alive(self, lab):
        imsi = lab.imsis[0]
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=imsi)["outcome"], "completed")
        self.assertEqual(lab.node("enb1").call("handover.start", ue=imsi, target="enb2", wait=True)["outcome"],
                         "completed")

    def error_for(self, evil, number, fields):
        evil.s1.send(number, fields)
        return evil.s1.expect(33)[1]

    def test_t30_retry_after_failed_handover(self):
        lab = self.lab(enbs=2, extra={"*enb": "lab: {faults: true}\nhandover: {prepare_timeout: 100ms}\n"})
        lab.attach_all()
        enb, imsi = lab.node("enb1"), lab.imsis[0]
        for fault in ("drop", "corrupt"):
            enb.call("fault.set", fault=fault, message="7")
            with self.assertRaises(Exception):
                enb.call("handover.start", ue=imsi, target="enb2", wait=True)
        self.alive(lab)

    def test_t30_cancel_without_target(self):
        lab, evil = self.hostile()
        imsi = lab.imsis[0]
        self.named("BAD_STATE", lab.node("enb1").call, "handover.cancel", ue=imsi)
        x2 = evil.neighbour("enb1")
        self.addCleanup(x2.close)
        x2.send(24, {1: 0xFFFFFFFF, 2: 19})
        self.assertEqual(x2.expect(27)[1][1], 0xFFFFFFFF)
        x2.send(27, {1: 5})  # an acknowledgement of nothing
        x2.send(11, {1: 5, 2: 6})  # complete, of nothing
        x2.send(8, {1: 5, 2: 6, 3: 70, 4: 2, 5: 2})  # a response to nothing
        x2.send(23, {1: 5, 2: 19})
        x2.send(26, {1: 1})
        x2.expect(26)
        self.assertEqual(self.refused(lab.node("enb1"), "ue-not-found"), 3)
        self.alive(lab)

    def test_t30_refresh_after_handover(self):
        lab = self.lab(enbs=2)
        lab.attach_all()
        imsi, mme = lab.imsis[0], lab.node("mme")
        self.assertEqual(lab.node("enb1").call("handover.start", ue=imsi, target="enb2", wait=True)["outcome"],
                         "completed")
        enb2 = lab.node("enb2")
        enb2.subscribe(since=0)
        enb2.wait_event(lambda e: e["topic"] == "wraplist.received")
        first = mme.call("hkey.issue", ue=imsi, enbs=[1])["generation"]
        enb2.wait_event(lambda e: e["topic"] == "hkey.relayed" and e["gen"] == first)
        done = enb2.call("handover.start", ue=imsi, target="enb1", wait=True)
        self.assertEqual((done["outcome"], done["generation"]), ("completed", first))

    def test_t30_id_that_an_error_reply_must_encode(self):
        lab, evil = self.hostile()
        for ue in (1, 0x7FFFFFFF, 0xFFFFFFFF):
            with self.subTest(ue):
                reply = self.error_for(evil, 3, {1: ue, 2: b"\x01"})
                self.assertEqual(reply[2], ue)
                self.assertEqual(reply[1], NOT_OWNER if ue == 1 else UE_NOT_FOUND)
        self.alive(lab)

    def test_t30_acknowledge_without_id(self):
        lab, evil = self.hostile()
        for number in (34, 27, 31, 12, 3):
            with self.subTest(number):
                self.assertEqual(self.error_for(evil, number, {})[1], MISSING_FIELD)
        x2 = evil.neighbour("enb1")
        self.addCleanup(x2.close)
        for number in (7, 8, 11, 23, 24, 27):
            x2.send(number, {})
        x2.send(26, {1: 1})
        x2.expect(26)
        self.assertEqual(self.refused(lab.node("enb1"), "missing-field"), 6)
        self.alive(lab)

    def test_t31_messages_about_a_ue_of_another_enb(self):
        lab, evil = self.hostile()
        imsi, mme = lab.imsis[0], lab.node("mme")
        context = mme.call("ue.show", ue=imsi)
        ue = context["mme_ue_id"]
        for number, fields in ((3, {1: ue, 2: b"\x01"}), (27, {1: ue}), (28, {1: ue, 2: 19}), (29, {1: ue, 2: 19}),
                               (31, {1: ue}), (12, {1: ue, 2: b"\x07x", 3: b"\x02", 4: 1})):
            with self.subTest(number):
                self.assertEqual(self.error_for(evil, number, fields)[1], NOT_OWNER)
        with self.subTest("location update that names itself, without the UE's evidence"):
            reply = self.error_for(evil, 12, {1: ue, 2: b"\x27" + bytes(20), 3: b"\x02", 4: 3})
            self.assertIn(reply[1], (69, 93))
        evil.s1.send(25, {1: ue, 2: b"\x07x"})  # NAS in the UE's name
        evil.s1.send(33, {1: UE_NOT_FOUND, 2: ue})  # "I have lost it"
        evil.s1.send(35, {1: 1})
        evil.s1.expect(35)
        self.assertEqual(mme.call("ue.show", ue=imsi), context)
        self.alive(lab)

    def test_t31_x2_messages_about_attempts_of_others(self):
        """enb3 answers, completes and cancels an attempt from enb1 to enb2: nothing of it counts."""
        lab = self.lab(enbs=3, transport="tcp", extra={"*enb": "lab: {faults: true}\n"})
        lab.attach_all()
        lab.stop_node("enb3")
        evil = EvilEnb(lab, "enb3", 3).join()
        self.addCleanup(evil.close)
        x2 = evil.neighbour("enb1")
        self.addCleanup(x2.close)
        enb1, imsi = lab.node("enb1"), lab.imsis[0]
        lab.node("enb2").call("fault.set", fault="delay", message="8", delay_ms=300)
        waiting = enb1.send("handover.start", ue=imsi, target="enb2", wait=True)
        for number, fields in ((8, {1: 1, 2: 1, 3: 70, 4: 2, 5: 2}), (23, {1: 1, 2: 19}), (11, {1: 1, 2: 1})):
            x2.send(number, fields)
        x2.send(24, {1: 1, 2: 19})
        x2.expect(27)
        self.assertEqual(enb1.answer(waiting)["outcome"], "completed")
        self.assertEqual(self.refused(enb1, "ue-not-found"), 3)


if __name__ == "__main__":
    unittest.main()
