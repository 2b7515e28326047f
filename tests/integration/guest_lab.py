"""A lab for guests of scripts/uml: an MME and two eNodeBs with the kernel's SCTP, two eNodeBs with SCTP in UDP, and
two bridges, of which the second is a path that only the kernel's SCTP takes."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from lab import Lab, plain_topology  # noqa: E402
from lab_local import Netns, Tools  # noqa: E402

UDP_PORT = 9899
KERNEL = ("mme", "enb3", "enb4")  # an eNodeB of SCTP in UDP has the lower id: it is the one that connects X2
UDP = ("enb1", "enb2")


class TwoPaths(Netns):
    """Named network namespaces on two bridges, with few commands, as a guest is slow to start one. Nodes with the
    kernel's SCTP have a second address, and take SCTP in UDP, too."""

    SECOND = "10.79.0"

    def second(self, name):
        return f"{self.SECOND}.{self.number[name]}"

    def enter(self, name):
        return [self.nsenter, f"--net=/run/netns/{name}", "--"] if name else []

    def cards(self, name):
        """[(card, its port, bridge, address)]"""
        first = ("eth0", f"p-{name}", "br0", self.address(name))
        return [first, ("eth1", f"q-{name}", "br1", self.second(name))] if name in KERNEL else [first]

    def open(self):
        self.ip, self.nft, self.nsenter, self.ethtool = Tools.find("ip", "nft", "nsenter", "ethtool")
        self.quiet("")
        lines = []
        for bridge in ("br0", "br1"):
            lines += [f"link add {bridge} type bridge stp_state 0 mcast_snooping 0", f"link set {bridge} up"]
        for name in self.number:
            lines.append(f"netns add {name}")
            for card, port, bridge, _ in self.cards(name):
                lines += [f"link add {port} type veth peer name {card} netns {name}",
                          f"link set {port} master {bridge} up"]
        self.batch("", lines)
        for name in self.number:
            self.open_node(name)
        self.filter()
        if self.lab.topology["capture"]:
            self.capture_start()

    def open_node(self, name):
        """Nothing on the wire that no node sent, and on the wire as a capture shall see it: one packet one frame (what
        is segmented late does not fit in UDP, either), and with its checksum."""
        script = "for i in all default; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done\n"
        if name in KERNEL:
            script += f"echo {UDP_PORT} >/proc/sys/net/sctp/udp_port\n"
        for card, *_ in self.cards(name):
            script += f"{self.ethtool} -K {card} tx-checksum-sctp off\n"
        script += f"{self.ip} -batch - <<END\nlink set lo up\n"
        for card, _, _, address in self.cards(name):
            script += f"addr add {address}/24 dev {card}\nlink set {card} up gso_max_size 1500 gso_max_segs 1\n"
        self.run(name, "sh", "-e", text=script + "END\n")

    def close(self):
        super().close()
        lines = [f"netns del {name}" for name in self.number] + ["link del br0", "link del br1"]
        self.run("", "ip", "-force", "-batch", "-", text="\n".join(lines) + "\n", check=False)

    def ports(self):
        return [port for name in self.number for _, port, _, _ in self.cards(name)]

    def netem(self, *words):
        """On the way from every bridge to every node; no words: an end to it."""
        what = ["root", "netem", *words] if words else ["root"]
        lines = [" ".join(["qdisc", "replace" if words else "del", "dev", port, *what]) for port in self.ports()]
        self.run("", "tc", "-batch", "-", text="\n".join(lines) + "\n")


    def netem_counts(self):
        """(packets that passed, packets that were lost)"""
        shown = json.loads(self.run("", "tc", "-s", "-j", "qdisc", "show").stdout)
        mine = [q for q in shown if q["kind"] == "netem"]
        return sum(q["packets"] for q in mine), sum(q["drops"] for q in mine)


class MixedLab(Lab):
    """`enbs` names the eNodeBs. Faults are allowed, and lan.pcap has what crosses the first bridge until
    capture_stop(). Without TLS the nodes write captures and keylogs of their own."""

    def __init__(self, path, enbs=UDP + KERNEL[1:], security="tls", ues=1):
        topology = plain_topology(4, ues) | {"security": security, "faults": True, "capture": True,
                                             "keylog": security == "none"}
        topology["nodes"] = [n for n in topology["nodes"] if n["role"] != "enb" or n["name"] in enbs]
        # With loss, a message may be some time-outs of SCTP late.
        patient = {"*enb": "handover: {prepare_timeout: 5s, complete_timeout: 10s}\n",
                   "ue": "handover: {confirm_timeout: 2s}\n"}
        super().__init__(path, topology=topology, backend=TwoPaths, extra=patient)

    def paths(self, name):
        """All addresses of a node with the kernel's SCTP."""
        return f"{self.address(name)} {self.backend.second(name)}" if name in KERNEL else self.address(name)

    def common(self, name):
        out = super().common(name)
        out["transport"] = "sctp" if name in KERNEL else "sctp-udp"
        out["control"]["event_ring"] = 1024  # full soon: what grows after that is a leak
        out["log"]["level"] = "warn"  # a guest is slow to write; the events say as much
        if "tls" in out:
            out["tls_keylog"] = f"{name}.tls.keylog"
        else:
            out["capture"] = f"{name}.pcapng"
        return out

    def mme_config(self, name):
        out = super().mme_config(name)
        out["s1"]["listen"] = self.paths(name)
        return out

    def reach(self, name, by):
        """Options of a peer, as the node `by` reaches it."""
        if name in KERNEL:
            return {"address": self.paths(name) if by in KERNEL else self.address(name)}
        return {"address": self.address(name)} | ({"udp_port": UDP_PORT} if by in KERNEL else {})

    def enb_config(self, name):
        out = super().enb_config(name)
        out["mme"] |= self.reach("mme", name)
        out["x2"]["listen"] = self.paths(name)
        out["x2"]["neighbours"] = [self.peer(n) | self.reach(n, name) for n in self.neighbours(name)]
        return out

    def ue_config(self, name):
        out = super().ue_config(name)
        out["cells"] = [self.peer(n) | {"transport": "sctp" if n in KERNEL else "sctp-udp"} for n in self.cells(name)]
        return out
