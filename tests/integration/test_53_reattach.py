"""A UE that wants to be attached comes back by itself, whatever it was told by messages that no key vouches for; a
detach whose messages are lost comes to its end."""

import unittest

from campaign import SCALE, CampaignTest, wait_until
from labtest import KeyhopError, LabTest


class Reattach(CampaignTest):
    options = {"enbs": 2, "ues": 1}

    def setUp(self):
        self.imsi = self.c.imsi
        self.source = self.c.settle(self.imsi)
        self.target = 3 - self.source

    def tearDown(self):
        self.c.clear()

    def refused(self, node, cause):
        return self.c.node(node).call("metrics.get")["refused"][cause]

    def test_rejected_while_the_mme_knows_it_elsewhere(self):
        """10 is good and 12 arrives, but the UE hears nothing of it and has no way back: it attaches anew. There the
        AUTHENTICATION REQUEST is damaged, so that the MME rejects the UE. Its context at the target stays until the
        UE is authenticated."""
        if self.source == 2:  # it attaches in cell 1
            self.assertEqual(self.c.handover(self.imsi, 2, 1)[0], "completed")
            self.assertEqual(self.c.settle(self.imsi), 1)
        before = self.refused("ue", "authentication-failed")
        for message in ("rrc.handover_confirm_ack", "rrc.dl_information_transfer"):
            self.c.fault("enb2", fault="drop", message=message, count=0)
        self.c.fault("ue", fault="corrupt", message="rrc.dl_information_transfer", direction="rx", count=1)
        self.assertEqual(self.c.handover(self.imsi, 1, 2)[0], "completed")
        wait_until(self.c.watch.values(), lambda: self.refused("ue", "authentication-failed") > before, 20, "rejected")
        books = self.c.node("mme").call("ue.show", ue=self.imsi)
        self.assertEqual((books["state"], books["serving"]), ("attached", 2))
        self.c.clear()
        self.assertEqual(self.c.settle(self.imsi, 20), 1)

    def attached_anew_in_cell_1(self, meanwhile):
        """The MME knows the UE in cell 2, which it does not hear and so leaves without a word."""
        if self.source == 2:
            self.assertEqual(self.c.handover(self.imsi, 2, 1)[0], "completed")
            self.assertEqual(self.c.settle(self.imsi), 1)
        for message in ("rrc.handover_confirm_ack", "rrc.dl_information_transfer"):
            self.c.fault("enb2", fault="drop", message=message, count=0)
        mme = self.c.lab.connect("mme")
        self.addCleanup(mme.close)
        mme.subscribe(topics=["location_update.received", "ue.attached"])
        self.assertEqual(self.c.handover(self.imsi, 1, 2)[0], "completed")
        mme.wait_event(lambda e: e["topic"] == "location_update.received")
        meanwhile()
        mme.wait_event(lambda e: e["topic"] == "ue.attached")

    def test_release_command_for_what_stayed_behind_is_lost(self):
        """Twice."""
        self.attached_anew_in_cell_1(
            lambda: self.c.fault("mme", fault="drop", message="s1.ue_context_release_command", count=2))
        self.assertEqual(self.c.settle(self.imsi), 1)

    def test_the_cell_of_what_stayed_behind_is_away(self):
        """It is told when it comes back."""
        self.attached_anew_in_cell_1(lambda: self.c.enb(2).call("mme.disconnect"))
        self.c.enb(2).call("mme.connect")
        self.assertEqual(self.c.settle(self.imsi), 1)

    # Radio link failure.
    def test_release_is_not_heard(self):
        """The UE learns with the next thing it says that its cell does not know it any more."""
        self.c.fault("ue", fault="drop", message="rrc.rrc_connection_release", direction="rx", count=1)
        self.c.enb(self.source).call("ue.release", ue=self.imsi)
        self.assertEqual(self.c.node("ue").call("ue.show", ue=self.imsi)["state"], "attached")
        with self.assertRaises(KeyhopError) as caught:
            self.c.ping(self.imsi)
        self.assertEqual(caught.exception.name, "DETACHED")
        self.c.settle(self.imsi)

    def test_detach_where_the_cell_knows_the_ue_no_more(self):
        self.c.fault("ue", fault="drop", message="rrc.rrc_connection_release", direction="rx", count=1)
        self.c.enb(self.source).call("ue.release", ue=self.imsi)
        with self.assertRaises(KeyhopError) as caught:
            self.c.node("ue").call("detach", ue=self.imsi, wait=True)
        self.assertEqual(caught.exception.name, "UE_NOT_FOUND")
        self.detached()
        self.reattached()

    # Detach (T3422, T3421).
    def detach(self, method, node, fault_node, message, count):
        self.c.fault(fault_node, fault="drop", message=message, count=count)
        self.c.node(node).call(method, ue=self.imsi)

    def detached(self):
        """Known to nobody, and not coming back."""
        held = [n for n in self.c.lab.names() if n != "ue"]

        def done():
            return (self.c.node("ue").call("ue.show", ue=self.imsi)["state"] == "detached"
                    and not any(self.c.node(n).call("status")["ues"] for n in held))

        wait_until(self.c.watch.values(), done, 10 * SCALE, "detached everywhere")

    def reattached(self):
        self.c.clear()
        self.c.node("ue").call("attach", ue=self.imsi, cell="enb1", wait=True)
        self.c.settle(self.imsi)

    def test_detach_request_of_the_mme_is_lost(self):
        before = self.refused("mme", "timeout")
        self.detach("ue.detach", "mme", "mme", "s1.downlink_nas", 2)
        self.assertEqual(self.c.node("mme").call("ue.show", ue=self.imsi)["state"], "detaching")
        self.detached()
        self.assertGreaterEqual(self.refused("mme", "timeout"), before + 2)
        self.reattached()

    def test_detach_accept_of_the_ue_is_lost(self):
        self.detach("ue.detach", "mme", "ue", "rrc.ul_information_transfer", 1)
        self.detached()
        self.reattached()

    def test_detach_request_of_the_mme_is_never_heard(self):
        """After five of them the MME releases the UE, which does not know why, and attaches again."""
        watch = self.c.lab.connect("mme")
        self.addCleanup(watch.close)
        watch.subscribe(topics=["ue.detached"])
        before = self.refused("mme", "timeout")
        self.detach("ue.detach", "mme", f"enb{self.source}", "rrc.dl_information_transfer", 5)
        gone = watch.wait_event(lambda e: True, 10 * SCALE)
        self.assertEqual((gone["ue"], gone["cause"]), (self.imsi, "timeout"))
        self.assertEqual(self.refused("mme", "timeout"), before + 5)
        self.c.settle(self.imsi)

    def test_detach_request_of_the_mme_comes_late(self):
        """The UE has two of them in the end, and may have been attached anew when the second one comes."""
        self.c.fault("mme", fault="delay", message="s1.downlink_nas", count=1, delay_ms=int(450 * SCALE))
        self.c.node("mme").call("ue.detach", ue=self.imsi)
        self.detached()
        self.reattached()

    def test_detach_while_the_ue_moves(self):
        """The first DETACH REQUEST is lost at the source; the next one goes where the UE is by then."""
        self.detach("ue.detach", "mme", "mme", "s1.downlink_nas", 1)
        self.c.handover(self.imsi, self.source, self.target)
        self.detached()
        self.reattached()

    def test_detach_request_of_the_ue_is_lost(self):
        self.detach("detach", "ue", "ue", "rrc.ul_information_transfer", 2)
        self.detached()
        self.reattached()

    def test_detach_request_of_the_ue_is_never_heard(self):
        """The UE gives up after five; its next attach takes the place of what stayed behind."""
        before = self.refused("ue", "timeout")
        self.detach("detach", "ue", "ue", "rrc.ul_information_transfer", 5)
        wait_until(self.c.watch.values(), lambda: self.refused("ue", "timeout") == before + 5, 10 * SCALE, "given up")
        self.assertEqual(self.c.node("ue").call("ue.show", ue=self.imsi)["state"], "detached")
        self.reattached()

    def test_uplink_of_a_ue_that_the_mme_has_forgotten(self):
        """It detached the UE, but neither the UE nor the cell heard of it. The cell learns it with the next NAS PDU."""
        self.c.fault("mme", fault="drop", message="s1.ue_context_release_command", count=3)
        self.detach("ue.detach", "mme", f"enb{self.source}", "rrc.dl_information_transfer", 5)
        wait_until(self.c.watch.values(), lambda: not self.c.node("mme").call("status")["ues"], 20, "forgotten")
        self.assertEqual(self.c.ping(self.imsi), self.source)
        self.c.node("ue").call("detach", ue=self.imsi)
        self.detached()
        self.reattached()


class Start(LabTest):
    def test_the_configured_cell_comes_up_late_or_never(self):
        """A UE waits for it, and then goes to another one."""
        lab = self.lab(enbs=2, ues=1, start=False, extra={"ue": "attach: {cell: 1}\n"})
        lab.prepare()
        for name in ("mme", "enb2", "ue"):
            lab.start_node(name)
        ue = lab.node("ue")
        ue.subscribe(since=0, topics=["ue.attached"])
        self.assertEqual(ue.wait_event(lambda e: True, 60)["enb"], 2)

    def test_a_ue_added_later(self):
        lab = self.lab(enbs=2, ues=2, extra={"ue": "attach: {cell: 1}\n"})
        ue, imsi = lab.node("ue"), lab.imsis[0]
        ue.subscribe(since=0, topics=["ue.attached", "ue.released"])
        for _ in lab.imsis:
            ue.wait_event(lambda e: e["topic"] == "ue.attached", 20)
        ue.call("detach", ue=imsi, wait=True)
        ue.call("ue.remove", ue=imsi)
        k, opc, _ = lab.subscribers[imsi]
        ue.call("ue.add", ue=imsi, k=k, opc=opc)
        ue.wait_event(lambda e: e["topic"] == "ue.attached" and e["ue"] == imsi, 20)

    def test_who_was_detached_stays_away_when_the_cell_comes_back(self):
        lab = self.lab(enbs=2, ues=2, extra={"ue": "attach: {cell: 1}\n"})
        ue, (away, other) = lab.node("ue"), lab.imsis
        ue.subscribe(since=0, topics=["ue.attached"])
        for _ in lab.imsis:
            ue.wait_event(lambda e: True, 20)
        ue.call("detach", ue=away, wait=True)
        lab.stop_node("enb1")
        lab.start_node("enb1")
        self.assertEqual(ue.wait_event(lambda e: True, 20)["ue"], other)
        self.assertEqual(ue.call("ue.show", ue=away)["state"], "detached")


if __name__ == "__main__":
    unittest.main()
