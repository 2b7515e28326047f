"""Back ends of a lab whose nodes are processes of this machine: on loopback, and in network namespaces."""

import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PORTS = (36512, 36522, 36532)
SCTP_UDP_PORT = 9899
IPPROTO_SCTP = 132


class LabError(Exception):
    """What a back end cannot do, or what is missing for it; the text is for people."""


def is_free(address):
    """Are the default ports free at this address, those of TCP and that of SCTP in UDP?"""
    for port in PORTS:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((address, port))
            except OSError:
                return False
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        try:
            s.bind((address, SCTP_UDP_PORT))
        except OSError:
            return False
    return True


def kernel_has_sctp():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP).close()
        return True
    except OSError:
        return False


def numbers(lab):
    """The last octet of each node's address: 1 the MME, 10 and up the ueds, 101 and up the eNodeBs."""
    ues = {name: 10 + i for i, name in enumerate(lab.of_role("ue"))}
    enbs = lab.enb_names()
    if len(enbs) > 154 or len(ues) > 90:
        raise LabError("a lab has at most 154 eNodeBs and 90 ueds")
    by_id = all(1 <= lab.nodes[n]["id"] <= 154 for n in enbs)
    out = {name: 100 + (lab.nodes[name]["id"] if by_id else i) for i, name in enumerate(enbs, 1)}
    return out | ues | {name: 1 for name in lab.of_role("mme")}


class Loopback:
    """Every node has an address of its own in 127.0.0.0/16. No privileges."""

    name = "loopback"
    at_once = False  # the MME goes first
    patience = 1.0  # what time-outs are multiplied by
    capturing = None
    own_captures = False
    claim = None  # of our addresses

    def __init__(self, lab):
        self.lab = lab
        self.notify = {}
        self.number = numbers(lab)
        self.net = self.pick_net()

    def pick_net(self):
        """Addresses that are free, and stay so: no other lab of this machine takes them while this process lives."""
        for _ in range(100):
            net = f"127.0.{random.randint(1, 254)}"
            self.claim = socket.socket(socket.AF_UNIX)
            try:
                self.claim.bind(f"\0keyhop-lab-{net}")
            except OSError:
                self.claim.close()
                continue
            if all(is_free(f"{net}.{n}") for n in self.number.values()):
                return net
            self.claim.close()
        raise LabError("no free addresses in 127.0.0.0/16")

    def address(self, name):
        return f"{self.net}.{self.number[name]}"

    def control(self, name):
        """The control socket as the node's configuration names it."""
        return self.lab.socket_path(name)

    def has_sctp(self):
        return kernel_has_sctp()

    def open(self):
        if self.lab.topology["links"]:
            self.lab.notes.append("loopback: delay, jitter and loss of links are not applied")

    # Daemons.
    def enter(self, name):
        """Words before a command that make it run where the node is."""
        return []

    def start(self, name):
        self.drop_notify(name)
        notify = self.notify[name] = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = str(self.lab.short_path(f"{name}.notify"))
        notify.bind(path)
        environment = os.environ | {"NOTIFY_SOCKET": path}
        command = [*self.enter(name), str(self.lab.binary(name)), "-c", str(self.lab.path / f"{name}.yaml"),
                   *self.lab.words.get(name, [])]
        with open(self.lab.path / f"{name}.stderr", "ab") as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=err, stderr=err,
                                       start_new_session=True, env=environment)
        self.lab.process[name] = process
        (self.lab.path / f"{name}.pid").write_text(f"{process.pid}\n")

    def drop_notify(self, name):
        notify = self.notify.pop(name, None)
        if notify:
            notify.close()
            self.lab.short_path(f"{name}.notify").unlink(missing_ok=True)

    def wait_ready(self, name, timeout):
        if name not in self.notify:
            return
        notify, process = self.notify[name], self.lab.process[name]
        ended = os.pidfd_open(process.pid)
        try:
            ready = select.select([notify, ended], [], [], timeout)[0]
        finally:
            os.close(ended)
        if notify not in ready:
            state = f"ended with {process.wait()}" if ready else "is not ready in time"
            raise RuntimeError(f"{name} {state}:\n{self.lab.tail(name)}")
        self.drop_notify(name)

    def is_up(self, name):
        process = self.lab.process.get(name)
        return process is not None and process.poll() is None

    def code(self, name):
        """Exit code of a daemon that ended by itself."""
        process = self.lab.process.get(name)
        return process.poll() if process else None

    def stop(self, name, sig):
        process = self.lab.process.pop(name, None)
        if not process:
            return None
        process.send_signal(sig)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            (self.lab.path / f"{name}.pid").unlink(missing_ok=True)

    def close(self):
        self.capture_stop()
        for name in list(self.notify):
            self.drop_notify(name)
        for control in self.lab.control.values():
            control.close()
        self.lab.control.clear()
        if self.claim:
            self.claim.close()

    # The network.
    def partition(self, a, b):
        raise LabError("on loopback there is nothing between two nodes that could be cut: use --backend netns or vm, "
                       "or break single messages with `keyhop NODE fault set`")

    def heal(self, a=None, b=None):
        raise LabError("on loopback there are no partitions")

    def partitions(self):
        return []

    # Capture.
    def pcap(self):
        return self.lab.path / "lan.pcap"

    def sniffer(self):
        """The command that captures everything between the nodes; "ready" is its first word."""
        return [sys.executable, str(HERE / "lab_pcap.py"), "lo", str(self.pcap()), self.net + "."]

    def capture_start(self):
        if self.capturing:
            return
        capturing = subprocess.Popen(self.sniffer(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     start_new_session=True, text=True)
        said = capturing.stdout.readline().strip()
        if said == "ready":
            self.capturing = capturing
            return
        end(capturing)
        self.capture_fails(said or "it ended")

    def capture_fails(self, why):
        """Without the right to listen, the nodes themselves write what they send and receive."""
        for name in filter(self.is_up, self.lab.names()):
            self.lab.node(name).call("capture.start", file=f"{name}.pcapng")
        self.own_captures = True

    def capture_stop(self):
        if self.capturing:
            end(self.capturing)
        self.capturing = None
        for name in self.lab.names() if self.own_captures else []:
            if self.is_up(name):
                self.lab.node(name).call("capture.stop")
        self.own_captures = False

    def capture_status(self):
        if self.own_captures:
            return {"running": True, "file": str(self.lab.path / "NODE.pcapng")}
        return {"running": self.capturing is not None and self.capturing.poll() is None, "file": str(self.pcap())}


class Tools:
    """Programs outside of the project; a missing one is named together with its package."""

    PACKAGES = {"ip": "iproute2", "tc": "iproute2", "nft": "nftables", "unshare": "util-linux",
                "nsenter": "util-linux", "qemu-system-x86_64": "qemu-system-x86", "busybox": "busybox-static"}

    @classmethod
    def find(cls, *names):
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        missing = [n for n in names if not shutil.which(n, path=path)]
        if missing:
            wanted = sorted({cls.PACKAGES.get(n, n) for n in missing})
            raise LabError(f"not installed: {', '.join(missing)} (Debian: {' '.join(wanted)})")
        return [shutil.which(n, path=path) for n in names]


def end(process):
    """Ends a process of ours and waits for it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()


class Netns(Loopback):
    """Every node in a network namespace of its own, on one bridge in another. In a user namespace where that is
    allowed, so without privileges. The namespaces live as long as their holders do."""

    name = "netns"

    def __init__(self, lab):
        self.lab = lab
        self.notify = {}
        self.number = numbers(lab)
        self.net = "10.78.0"
        self.holders = {}
        self.cut = []
        self.user = False

    def address(self, name):
        return f"{self.net}.{self.number[name]}"

    # Namespaces.
    def hold(self, name, command):
        """A process that does nothing but keep its namespaces, until our end of its input is closed."""
        holder = subprocess.Popen([*command, "sh", "-c", "echo; exec cat"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        if not holder.stdout.readline():
            why = holder.stderr.read().decode().strip()
            end(holder)
            raise LabError(f"no network namespace: {why}")
        self.holders[name] = holder

    def enter(self, name):
        holder = self.holders[name].pid
        user = ["-U", "--preserve-credentials"] if self.user else []
        return [self.nsenter, "-t", str(holder), *user, "-n", "--"]

    def hold_switch(self):
        self.user = True
        try:
            self.hold("", [self.unshare, "-Urn"])
        except LabError as e:
            if os.geteuid() != 0:
                raise LabError(f"{e} (user namespaces may be forbidden here: sysctl kernel.unprivileged_userns_clone, "
                               "user.max_user_namespaces)") from None
            self.user = False
            self.hold("", [self.unshare, "-n"])

    def run(self, name, *command, text=None, check=True):
        done = subprocess.run([*self.enter(name), *command], input=text, text=True, capture_output=True)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done

    def batch(self, name, lines):
        self.run(name, self.ip, "-batch", "-", text="\n".join(lines) + "\n")

    def open(self):
        self.ip, self.nft, self.nsenter, self.unshare = Tools.find("ip", "nft", "nsenter", "unshare")
        self.hold_switch()
        self.quiet("")
        lines = ["link set lo up", "link add br0 type bridge stp_state 0 mcast_snooping 0", "link set br0 up"]
        for name in self.number:
            self.hold(name, [*self.enter(""), self.unshare, "-n"])
            lines += [f"link add p-{name} type veth peer name eth0 netns {self.holders[name].pid}",
                      f"link set p-{name} master br0 up"]
        self.batch("", lines)
        for name in self.number:
            self.quiet(name)
            self.batch(name, ["link set lo up", f"addr add {self.address(name)}/24 dev eth0", "link set eth0 up"])
        self.filter()
        self.impair()
        if self.lab.topology["capture"]:
            try:
                self.capture_start()
            except LabError as e:
                self.lab.notes.append(str(e))

    def quiet(self, name):
        """Nothing on the wire that no node sent."""
        self.run(name, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; "
                                   "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6", check=False)

    def filter(self):
        done = self.run("", self.nft, "-f", "-", check=False, text="""add table bridge keyhop
add chain bridge keyhop cut { type filter hook forward priority 0; }
add chain bridge keyhop loss { type filter hook forward priority 10; }
""")
        self.filtering = done.returncode == 0
        if not self.filtering:
            self.lab.notes.append(f"no partitions and no loss: nft: {done.stderr.splitlines()[0]}")

    # Impairments.
    def impair(self):
        delays = {}
        for link in self.lab.topology["links"]:
            a, b = re.findall(r"[^ ,]+", link["between"])
            if link["loss"] and self.filtering:
                chance = [] if link["loss"] >= 100 else ["numgen", "random", "mod", "10000", "<",
                                                         str(round(link["loss"] * 100))]
                for x, y in ((a, b), (b, a)):
                    self.run("", self.nft, "add", "rule", "bridge", "keyhop", "loss", "iifname", f"p-{x}", "oifname",
                             f"p-{y}", *chance, "drop")
            if link["delay"] or link["jitter"]:
                for x, y in ((a, b), (b, a)):
                    delays.setdefault(x, []).append((y, link["delay"], link["jitter"]))
        if delays:
            self.delay(delays)

    def delay(self, delays):
        """netem on the way out of each node, one band for each peer that is far away."""
        tc, = Tools.find("tc")
        probe = self.run("", tc, "qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms", check=False)
        if probe.returncode:
            self.lab.notes.append("this kernel has no netem (sch_netem): delay and jitter of links are not applied")
            return
        self.run("", tc, "qdisc", "del", "dev", "lo", "root")
        for name, peers in delays.items():
            if len(peers) > 15:
                self.lab.notes.append(f"{name}: only the first 15 delays of its links are applied")
            peers = peers[:15]
            bands = len(peers) + 1
            lines = [f"qdisc add dev eth0 root handle 1: prio bands {max(bands, 2)} "
                     f"priomap {' '.join([str(bands - 1)] * 16)}"]
            for band, (peer, delay, jitter) in enumerate(peers, 1):
                # netem's delay is a mean: from `delay` to `delay` and `jitter` is half of it either way.
                lines += [f"qdisc add dev eth0 parent 1:{band:x} netem limit 10000 delay {delay + jitter / 2}ms"
                          f"{f' {jitter / 2}ms' if jitter else ''}",
                          f"filter add dev eth0 parent 1: protocol ip u32 match ip dst {self.address(peer)}/32 "
                          f"flowid 1:{band:x}"]
            self.run(name, tc, "-batch", "-", text="\n".join(lines) + "\n")

    # Partitions.
    def write_cuts(self):
        if not self.filtering:
            raise LabError("nft has no bridge family in this kernel: no partitions")
        text = "flush chain bridge keyhop cut\n"
        for a, b in self.cut:
            text += f'add rule bridge keyhop cut iifname "p-{a}" oifname "p-{b}" counter drop\n'
            text += f'add rule bridge keyhop cut iifname "p-{b}" oifname "p-{a}" counter drop\n'
        self.run("", self.nft, "-f", "-", text=text)

    def partition(self, a, b):
        self.cut = [pair for pair in self.cut if set(pair) != {a, b}] + [(a, b)]
        self.write_cuts()

    def heal(self, a=None, b=None):
        before = len(self.cut)
        self.cut = [pair for pair in self.cut if a and set(pair) != {a, b}]
        self.write_cuts()
        return before - len(self.cut)

    def partitions(self):
        return list(self.cut)

    def capture_fails(self, why):
        raise LabError(f"no capture: {why}")

    def sniffer(self):
        return [*self.enter(""), sys.executable, str(HERE / "lab_pcap.py"), "br0", str(self.pcap())]

    def close(self):
        super().close()
        for name in reversed(list(self.holders)):
            end(self.holders.pop(name))
