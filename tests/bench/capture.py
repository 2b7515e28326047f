"""What captures by all nodes cost: handovers per second with and without, in turns, in one run; and the processor time
of the nodes for a handover, which other load on the machine disturbs less.

    python3 tests/bench/capture.py [--rounds N] [--ues N] [--moves N] [--quiet-nodes]

The nodes are those of the demo (log at info, events to a file); --quiet-nodes takes both away, so that the capture is
all that is written. The last line is the figure: how much of the handovers per second a capture costs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
from lab import Lab  # noqa: E402

SCENARIO = "steps:\n  - {do: ready}\n  - {do: attach, cell: enb1}\n  - {do: move, path: enb2 enb1, moves: %d}\n"


def processor_us(lab):
    """Time that all nodes have had a processor for."""
    return sum(int(Path(f"/proc/{p.pid}/schedstat").read_text().split()[0]) for p in lab.process.values()) / 1000


def measure(lab, scenario):
    """(handovers per second, microseconds of processor time for each)"""
    before = processor_us(lab)
    done = subprocess.run([str(lab.build / "ctl" / "keyhop"), "run", str(scenario), "--run", str(lab.path), "-o", "json"],
                          capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    assert result["failed"] == 0, result["causes"]
    took = next(s["duration_us"] for s in result["steps"] if s["step"] == "move")
    return result["completed"] * 1e6 / took, (processor_us(lab) - before) / result["completed"]


def captured(lab, scenario):
    for name in lab.names():
        lab.node(name).call("capture.start", file=f"{name}.pcapng")
    try:
        return measure(lab, scenario)
    finally:
        ends = [lab.node(name).call("capture.stop") for name in lab.names()]
        captured.size = sum(e["bytes"] for e in ends)
        captured.packets = sum(e["packets"] for e in ends)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=21)
    p.add_argument("--ues", type=int, default=100)
    p.add_argument("--moves", type=int, default=10, help="of each UE in a round, an even number")
    p.add_argument("--quiet-nodes", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="kh") as folder, Lab(folder, enbs=2, ues=a.ues) as lab:
        if a.quiet_nodes:
            lab.topology["options"] = [{"node": role, "option": option, "value": value} for role in ("mme", "enb", "ue")
                                       for option, value in (("log.level", "warn"), ("events", "/dev/null"))]
        scenario = Path(folder) / "scenario.yaml"
        lab.start()
        scenario.write_text(SCENARIO % (a.moves + a.moves % 2))
        measure(lab, scenario)  # attaches
        pairs = []
        print(f"{'round':>5} {'without /s':>11} {'with /s':>9} {'ratio':>6} {'us each':>9} {'us each':>9} {'ratio':>6}   "
              f"{a.ues * a.moves} handovers each")
        for i in range(a.rounds):
            # In turns, and each goes first as often as the other.
            off = measure(lab, scenario) if i % 2 == 0 else None
            on = captured(lab, scenario)
            off = off or measure(lab, scenario)
            pairs.append((on[0] / off[0], on[1] / off[1]))
            print(f"{i + 1:5} {off[0]:11.0f} {on[0]:9.0f} {pairs[-1][0]:6.3f} {off[1]:9.0f} {on[1]:9.0f} "
                  f"{pairs[-1][1]:6.3f}", flush=True)
        rate, time = (statistics.median(p) for p in zip(*pairs))
        print(f"{captured.packets} packets, {captured.size} octets a round")
        print(f"capture costs {100 * (1 - rate):.1f} % of handovers per second and {100 * (1 - 1 / time):.1f} % by processor "
              f"time (medians of {a.rounds} pairs)")
    return 0


if __name__ == "__main__":
    os.environ.setdefault("KEYHOP_BUILD", str(ROOT / "build"))
    sys.exit(main())
