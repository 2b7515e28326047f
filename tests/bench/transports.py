"""Handovers per second and CPU per handover on every transport that works here, in rounds that take turns.

    python3 tests/bench/transports.py [--rounds N] [--ues N] [--build DIR] [--security tls|none]

The ratios are what counts: a round of each transport, one after the other, again and again; medians of them. Every UE
goes to and fro between two cells, all at once, one handover after the other; CPU is that of all four processes.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "scripts"))
from lab import Lab, plain_topology  # noqa: E402
from lab_local import kernel_has_sctp  # noqa: E402


def cpu(pid):
    """Seconds of a process, from /proc/PID/schedstat: exact, where stat counts ticks."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


class Bench:
    def __init__(self, folder, transport, ues, build, security):
        self.transport = transport
        topology = plain_topology(2, ues) | {"transport": transport, "security": security, "keylog": False}
        topology["options"] = [{"node": role, "option": "log.level", "value": "warn"} for role in ("mme", "enb", "ue")]
        self.lab = Lab(Path(folder) / transport, topology=topology, build=build)
        self.lab.start()
        self.lab.attach_all()
        self.at = 1
        self.samples = []

    def cpu(self):
        return sum(cpu(p.pid) for p in self.lab.process.values())

    def round(self, handovers):
        """So many handovers of every UE; (a second, CPU microseconds of each)."""
        begun, used = time.monotonic(), self.cpu()
        for _ in range(handovers):
            source, target = self.lab.node(f"enb{self.at}"), f"enb{3 - self.at}"
            requests = [source.send("handover.start", ue=imsi, target=target, wait=True) for imsi in self.lab.imsis]
            for request in requests:
                source.answer(request, 60)
            self.at = 3 - self.at
        n = handovers * len(self.lab.imsis)
        return n / (time.monotonic() - begun), (self.cpu() - used) / n * 1e6


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=9)
    p.add_argument("--handovers", type=int, default=20, help="of every UE in a round")
    p.add_argument("--ues", type=int, default=50)
    p.add_argument("--build")
    p.add_argument("--security", default="tls", choices=["tls", "none"])
    a = p.parse_args()
    transports = ["tcp"] + (["sctp"] if kernel_has_sctp() else []) + ["sctp-udp"]
    with tempfile.TemporaryDirectory(prefix="kh") as folder:
        benches = [Bench(folder, t, a.ues, a.build, a.security) for t in transports]
        for bench in benches:
            bench.round(a.handovers)
        for _ in range(a.rounds):
            for bench in benches:
                bench.samples.append(bench.round(a.handovers))
        for bench in benches:
            bench.lab.stop()
    base = benches[0].samples
    print(f"{a.ues} UEs, {a.rounds} rounds of {a.handovers} handovers each, security {a.security}, {os.cpu_count()} CPUs"
          + ("" if "sctp" in transports else "; this kernel has no SCTP"))
    print("| transport | handovers/s | CPU us a handover | rate / tcp | CPU / tcp |\n|---|---|---|---|---|")
    for bench in benches:
        rate, used = (statistics.median(s[i] for s in bench.samples) for i in (0, 1))
        ratios = [statistics.median(s[i] / t[i] for s, t in zip(bench.samples, base)) for i in (0, 1)]
        print(f"| {bench.transport} | {rate:.0f} | {used:.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")


if __name__ == "__main__":
    main()
