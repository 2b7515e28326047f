"""What a UE context costs each daemon: octets of heap per attached UE, as ratios to the goal of 1 KiB at the MME.

    python3 tests/bench/contexts.py [--few N] [--many N]
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
from keyhop import wait_until  # noqa: E402
from lab import Lab  # noqa: E402

GOAL = 1024


def heap(ues):
    """{node: octets of heap} with that many UEs attached, each with a list in hand."""
    with tempfile.TemporaryDirectory(prefix="kh") as path:
        with Lab(path, enbs=2, ues=ues, build=os.environ.get("KEYHOP_BUILD"), keylog=False) as lab:
            # No ring of events: it would be most of what is measured.
            lab.topology["options"] = [{"node": role, "option": "control.event_ring", "value": 0}
                                       for role in ("mme", "enb", "ue")]
            lab.start()
            lab.attach_all()
            watch = lab.connect("enb1")
            watch.subscribe()
            wait_until([watch], lambda: lab.node("enb1").call("metrics.get")["counters"]["attaches"] >= ues, 60, "attached")
            mme = lab.node("mme")
            wait_until([watch], lambda: mme.call("metrics.get")["counters"]["hkeys_issued"] >= ues, 60, "lists")
            watch.close()
            return {name: lab.node(name).call("status")["heap_bytes"] for name in ("mme", "enb1", "ue")}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--few", type=int, default=200)
    p.add_argument("--many", type=int, default=2000)
    a = p.parse_args()
    few, many = heap(a.few), heap(a.many)
    for name in few:
        each = (many[name] - few[name]) / (a.many - a.few)
        goal = f", {each / GOAL:.2f} of the goal" if name == "mme" else ""
        print(f"{name}: {each:.0f} octets of heap per UE{goal}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
