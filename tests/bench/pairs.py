"""What something costs that nodes can do or leave: handovers per second with and without it, in turns, in one run; and
the processor time of the nodes for a handover, which other load on the machine disturbs less."""

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


def compare(what, with_it, epilog):
    """Prints the rounds and, in the last line, the figure: what it costs. `with_it(lab, measured)` calls measured() while
    the nodes do it; it returns what that gave, and a line about the round."""
    p = argparse.ArgumentParser(description=epilog, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=21)
    p.add_argument("--ues", type=int, default=100)
    p.add_argument("--moves", type=int, default=10, help="of each UE in a round, an even number")
    p.add_argument("--quiet-nodes", action="store_true", help="log at warn, events to /dev/null")
    a = p.parse_args()
    os.environ.setdefault("KEYHOP_BUILD", str(ROOT / "build"))
    with tempfile.TemporaryDirectory(prefix="kh") as folder, Lab(folder, enbs=2, ues=a.ues) as lab:
        if a.quiet_nodes:
            lab.topology["options"] = [{"node": role, "option": option, "value": value} for role in ("mme", "enb", "ue")
                                       for option, value in (("log.level", "warn"), ("events", "/dev/null"))]
        scenario = Path(folder) / "scenario.yaml"
        lab.start()
        scenario.write_text(SCENARIO % (a.moves + a.moves % 2))

        def measured():
            return measure(lab, scenario)

        measured()  # attaches
        pairs, said = [], ""
        print(f"{'round':>5} {'without /s':>11} {'with /s':>9} {'ratio':>6} {'us each':>9} {'us each':>9} {'ratio':>6}   "
              f"{a.ues * a.moves} handovers each")
        for i in range(a.rounds):
            # In turns, and each goes first as often as the other.
            off = measured() if i % 2 == 0 else None
            on, said = with_it(lab, measured)
            off = off or measured()
            pairs.append((on[0] / off[0], on[1] / off[1]))
            print(f"{i + 1:5} {off[0]:11.0f} {on[0]:9.0f} {pairs[-1][0]:6.3f} {off[1]:9.0f} {on[1]:9.0f} "
                  f"{pairs[-1][1]:6.3f}", flush=True)
        rate, time = (statistics.median(p) for p in zip(*pairs))
        print(said)
        print(f"{what} costs {100 * (1 - rate):.1f} % of handovers per second and {100 * (1 - 1 / time):.1f} % by processor "
              f"time (medians of {a.rounds} pairs)")
    return 0
