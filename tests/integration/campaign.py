"""What the campaigns share: a lab with short timers and faults allowed, and the end state of a UE."""

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from keyhop import KeyhopError, having_news, wait_until  # noqa: E402
from lab import Lab  # noqa: E402

LONG = bool(os.environ.get("KEYHOP_LONG"))


def scale_of_build():
    """A build with sanitizers is slower, and its timers are longer."""
    mmed = Path(os.environ.get("KEYHOP_BUILD") or Path(__file__).resolve().parents[2] / "build") / "mmed" / "mmed"
    return "2" if mmed.exists() and b"__asan_init" in mmed.read_bytes() else "1"


SCALE = float(os.environ.get("KEYHOP_TIME_SCALE") or scale_of_build())

FAULTS = "lab: {faults: true}\n"


def ms(value):
    return f"{int(value * SCALE)}ms"


def fast_options(cell=1):
    """Timers as short as a loaded machine allows; every recovery is then a matter of a second. UEs attach to `cell` by
    themselves, 0: to none."""
    enb = (FAULTS + f"handover: {{prepare_timeout: {ms(300)}, complete_timeout: {ms(900)}, list_wait: {ms(600)}}}\n"
           f"setup_timeout: {ms(2000)}\n")
    ue = FAULTS + (f"handover: {{confirm_timeout: {ms(150)}}}\ntraffic: {{timeout: {ms(500)}}}\n"
                   f"attach: {{cell: {cell}, timeout: {ms(2000)}, rejected: {ms(1000)}}}\n"
                   f"detach: {{timeout: {ms(300)}}}\n")
    mme = FAULTS + f"attach_timeout: {ms(2000)}\ndetach_timeout: {ms(300)}\nrelease_timeout: {ms(1000)}\n"
    return {"*enb": enb, "ue": ue, "mme": mme}


class Campaign:
    """A lab whose UEs attach by themselves, with every node subscribed to events."""

    def __init__(self, path, enbs=3, ues=1, mme=None, extra=None, transport=None):
        options = fast_options()
        for name, text in (extra or {}).items():
            options[name] = options.get(name, "") + text
        self.lab = Lab(path, enbs=enbs, ues=ues, mme=mme, extra=options, transport=transport)
        self.lab.start()
        self.imsi = self.lab.imsis[0]
        self.watch = {}
        for name in self.lab.names():
            self.subscribe(name)
        self.settle_all()

    def subscribe(self, name):
        """Events of a node come on a connection of their own."""
        old = self.watch.pop(name, None)
        if old:
            old.close()
        self.watch[name] = self.lab.connect(name)
        self.watch[name].subscribe()

    def read_events(self):
        """Takes in what the subscriptions have to say, so that no daemon has to keep it."""
        while True:
            ready = having_news(self.watch.values(), 0)
            if not ready:
                return
            for node in ready:
                node.pump()
                node.events.clear()

    def node(self, name):
        return self.lab.node(name)

    def enb(self, number):
        return self.node(f"enb{number}")

    def close(self):
        for node in self.watch.values():
            node.close()
        return self.lab.stop()

    # End states.
    def serving(self, imsi):
        """The cell a UE is served by, when UE, cell and MME agree; else None."""
        mine = self.node("ue").call("ue.show", ue=imsi)
        if mine["state"] != "attached" or not mine["serving"]:
            return None
        try:
            theirs = self.enb(mine["serving"]).call("ue.show", ue=imsi)
            books = self.node("mme").call("ue.show", ue=imsi)
        except KeyhopError:
            return None
        agreed = (theirs["state"] == "active" and theirs["kenb_fp"] == mine["kenb_fp"]
                  and books["state"] == "attached" and books["serving"] == mine["serving"])
        return mine["serving"] if agreed else None

    def elsewhere(self, imsi, cell):
        """Cells other than `cell` that hold a context of the UE."""
        return [n for n in range(1, self.lab.enbs + 1) if n != cell
                and any(u["ue"] == imsi for u in self.enb(n).call("ue.list")["items"])]

    def settle(self, imsi, timeout=8.0):
        """Waits until the UE is served by one cell, with a list in hand, and known nowhere else."""
        def done():
            if any(self.node(n).call("fault.list")["held"] for n in self.lab.names()):
                return None
            cell = self.serving(imsi)
            if not cell or self.elsewhere(imsi, cell):
                return None
            entries = self.enb(cell).call("wraplist.show", ue=imsi)["items"]
            return cell if entries and all(e["usable"] for e in entries) else None

        try:
            return wait_until(self.watch.values(), done, timeout * SCALE, f"{imsi} settled")
        except TimeoutError as e:
            raise TimeoutError(f"{e}: {self.states(imsi)}") from None

    def states(self, imsi):
        """What every node has to say about a UE: all contexts that bear its name, also those that only a list shows."""
        out = {}
        for name in self.lab.names():
            keys = ("state", "serving", "mme_ue_id", "c_rnti", "kenb_fp", "generation", "list_generation")
            out[name] = [{k: ue[k] for k in keys if k in ue}
                         for ue in self.node(name).call("ue.list")["items"] if ue["ue"] == imsi]
            if name.startswith("enb") and out[name]:
                out[name, "list"] = self.usable(imsi, name)
            held = self.node(name).call("fault.list")["held"]
            if held:
                out[name, "held"] = held
        return out

    def usable(self, imsi, name):
        """Which entries of a UE's list are good still, by target."""
        try:
            return {e["enb"]: e["usable"] for e in self.node(name).call("wraplist.show", ue=imsi)["items"]}
        except KeyhopError as e:
            return e.name

    def associated(self, timeout=8.0):
        """Waits until every S1 and X2 association and every cell is up."""
        def done():
            states = [self.enb(n).call("status") for n in range(1, self.lab.enbs + 1)]
            return (self.node("ue").call("status")["cells_up"] == self.lab.enbs
                    and all(s["s1_up"] and s["x2_up"] == self.lab.enbs - 1 for s in states))

        wait_until(self.watch.values(), done, timeout * SCALE, "all associations up")

    def settle_all(self, timeout=20.0):
        return {imsi: self.settle(imsi, timeout) for imsi in self.lab.imsis}

    def ping(self, imsi):
        return self.node("ue").call("traffic.ping", ue=imsi)["serving"]

    def handover(self, imsi, source, target):
        """("completed", result) or (NAME, data)."""
        try:
            return "completed", self.enb(source).call("handover.start", timeout=30, ue=imsi, target=f"enb{target}",
                                                      wait=True)
        except KeyhopError as e:
            return e.name, e.data

    # Faults.
    def fault(self, node, **params):
        return self.node(node).call("fault.set", **params)["id"]

    def clear(self):
        for name in self.lab.names():
            self.node(name).call("fault.clear")

    def wait_fired(self, node, after, timeout=5.0):
        """The fault of `node` has fired; `after` is the event number before it was set."""
        watch = self.lab.connect(node)
        watch.subscribe(since=after, topics=["fault.fired"])
        event = watch.wait_event(lambda e: True, timeout * SCALE)
        watch.close()
        return event

    def last_event(self, node):
        """Number of the newest event of a node."""
        probe = self.lab.connect(node)
        seq = probe.subscribe()
        probe.close()
        return seq


class CampaignTest(unittest.TestCase):
    """self.c: one campaign for all tests of the class, made with `options`."""

    options = {}

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="kh")
        cls.c = Campaign(cls.folder.name, **cls.options)

    @classmethod
    def tearDownClass(cls):
        codes = cls.c.close()
        cls.folder.cleanup()
        if any(codes.values()):
            raise AssertionError(f"daemons ended with {codes}")


def other_cells(campaign, cell):
    return [n for n in range(1, campaign.lab.enbs + 1) if n != cell]
