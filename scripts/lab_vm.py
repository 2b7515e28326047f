"""The back end of a lab whose nodes are virtual machines: one QEMU guest a node, without privileges, on a network that
is a process of ours (lab_hub.py) and touches none of the host's."""

import base64
import json
import os
import socket
import subprocess
import sys
import threading

from lab_image import accelerator, base_image, kernel, libraries, machine, node_image
from lab_local import HERE, Loopback, LabError, Tools, end, numbers

QEMU = "qemu-system-x86_64"
CMDLINE = "console=ttyS0 quiet panic=-1 no_timer_check ipv6.disable_ipv6=1"
MIB = 1 << 20


class HubClient:
    """A connection to the hub: a line of JSON there, a line back."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("rb")

    def ask(self, do, limit=60.0, **params):
        self.socket.settimeout(limit)
        self.send({"do": do} | params)
        line = self.file.readline()
        if not line:
            raise RuntimeError("the hub of the virtual machines ended; see vm/hub.log")
        return json.loads(line)

    def send(self, what):
        self.socket.sendall(json.dumps(what).encode() + b"\n")

    def close(self):
        self.file.close()
        self.socket.close()


class Vm(Loopback):
    name = "vm"
    at_once = True
    patience = 3.0

    def __init__(self, lab):
        self.lab = lab
        self.number = numbers(lab)
        self.net = "10.77.0"
        self.notify = {}
        self.started = set()
        self.cut = []
        self.hub = self.client = None

    def address(self, name):
        return f"{self.net}.{self.number[name]}"

    def control(self, name):
        return f"{name}.sock"

    def has_sctp(self):
        return True

    # Files of the machines.
    def folder(self):
        return self.lab.path / "vm"

    def files(self, name):
        """What the guest of a node gets of the run directory: its own things and nobody else's."""
        role = self.lab.nodes[name]["role"]
        wanted = [f"{name}.yaml"]
        if role != "ue" and self.lab.topology["security"] == "tls":
            wanted += ["ca.pem", "crl.pem", f"{name}.pem", f"{name}.key"]
        wanted += {"mme": ["subscribers.csv"], "ue": [f"{name}-subscribers.csv"]}.get(role, [])
        return {file: self.lab.path / file for file in wanted}

    def programs(self):
        """The daemons, the tool, the helper; and whether they are built for memory checks."""
        lab = self.lab
        helper = [p for p in (lab.build / "ctl/keyhop-guest", lab.build / "libexec/keyhop/keyhop-guest",
                              HERE / "keyhop-guest") if p.exists()]
        tool = [p for p in (lab.build / "ctl/keyhop", lab.build / "bin/keyhop") if p.exists()]
        if not helper:
            raise LabError("keyhop-guest is not built")
        return [*(lab.program(d) for d in ("mmed", "enbd", "ued")), *tool[:1], helper[0]]

    def command(self, qemu, accel, boot, name, sockets):
        node = self.lab.nodes[name]
        daemon = {"mme": "mmed", "enb": "enbd", "ue": "ued"}[node["role"]]
        memory = max(node.get("memory", 128 * MIB) // MIB, self.least)
        return [qemu, *machine(accel, memory), "-kernel", str(boot / "vmlinuz"),
                "-initrd", str(self.folder() / f"{name}.img"), "-serial", f"file:{self.folder() / f'{name}.console'}",
                "-append", f"{CMDLINE} kh.name={name} kh.addr={self.address(name)}/24 kh.daemon={daemon}",
                "-netdev", f"stream,id=lan,server=off,addr.type=unix,addr.path={sockets['wire']}",
                "-device", f"virtio-net-pci,netdev=lan,romfile=,mac={self.mac(name)}",
                "-chardev", f"socket,id=port,server=off,path={sockets['port']}",
                "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,name=keyhop",
                "-device", "virtio-rng-pci"]

    def mac(self, name):
        return f"52:54:00:6b:68:{self.number[name]:02x}"

    def settings(self, qemu, accel, boot):
        nodes = {}
        for name in self.lab.names():
            sockets = {what: str(self.lab.sockets() / f"{name}.{what}") for what in ("wire", "port")}
            nodes[name] = sockets | {"mac": self.mac(name), "socket": str(self.lab.socket_path(name)),
                                     "command": self.command(qemu, accel, boot, name, sockets)}
        links = [[*link["between"].replace(",", " ").split(), link["delay"], link["jitter"], link["loss"]]
                 for link in self.lab.topology["links"]]
        return {"run": str(self.lab.path), "control": str(self.hub_path()), "pcap": str(self.pcap()),
                "errors": str(self.folder() / "qemu.log"), "nodes": nodes, "links": links}

    def hub_path(self):
        return self.lab.sockets() / "hub"

    # From nothing to machines that boot.
    def open(self):
        if os.uname().machine != "x86_64":
            raise LabError(f"virtual machines are for x86_64, not {os.uname().machine}")
        self.qemu, = Tools.find(QEMU)
        self.boot = kernel()
        self.folder().mkdir(exist_ok=True)
        programs = self.programs()
        checked = any("san.so" in library for program in programs for library in libraries(program))
        self.least = 512 if checked else 0
        self.image = base_image(self.boot, programs)

    def launch(self):
        """Once all files of all nodes are there."""
        base = self.folder() / "base.img"
        base.write_bytes(self.image)
        accel = accelerator(self.qemu, self.boot, base)
        base.unlink()
        if accel != "kvm":
            self.patience = 6.0
        for name in self.lab.names():
            image = self.folder() / f"{name}.img"
            image.touch(0o600)
            image.write_bytes(self.image + node_image(self.files(name)))
        self.image = None
        file = self.folder() / "hub.json"
        file.write_text(json.dumps(self.settings(self.qemu, accel, self.boot), indent=1) + "\n")
        with open(self.folder() / "hub.log", "ab") as log:
            self.hub = subprocess.Popen([sys.executable, str(HERE / "lab_hub.py"), str(file)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        if self.hub.stdout.readline() != b"ready\n":
            end(self.hub)
            self.hub = None
            raise RuntimeError(f"the hub does not start:\n{(self.folder() / 'hub.log').read_text()}")
        self.client = HubClient(self.hub_path())
        if self.lab.topology["capture"]:
            self.capture_start()

    # Daemons.
    def start(self, name):
        if not self.client:
            self.launch()
        self.client.ask("start", node=name)
        self.started.add(name)

    def wait_ready(self, name, timeout):
        if name not in self.started:
            return
        state = self.client.ask("wait", timeout + 30, node=name, timeout=timeout)["state"]
        if state != "ready":
            console = (self.folder() / f"{name}.console").read_text(errors="replace").splitlines()[-10:]
            raise RuntimeError(f"{name} {state}:\n{self.lab.tail(name)}" + "\n".join(console))
        self.started.discard(name)

    def is_up(self, name):
        return self.client is not None and self.client.ask("state")["nodes"][name]["up"]

    def code(self, name):
        return self.client.ask("state")["nodes"][name]["code"]

    def stop(self, name, sig):
        if not self.client:
            return None
        return self.client.ask("stop", 60, node=name, signal=int(sig), timeout=20)["code"]

    def close(self):
        for control in self.lab.control.values():
            control.close()
        self.lab.control.clear()
        if self.client:
            try:
                self.client.ask("quit", 120)
            except (RuntimeError, OSError):
                pass
            self.client.close()
        if self.hub:
            self.hub.stdin.close()
            try:
                self.hub.wait(30)
            except subprocess.TimeoutExpired:
                pass
            end(self.hub)
        self.client = self.hub = None
        for image in self.folder().glob("*.img") if self.folder().exists() else []:
            image.unlink()

    # The network.
    def partition(self, a, b):
        self.cut = [pair for pair in self.cut if set(pair) != {a, b}] + [(a, b)]
        self.client.ask("cut", cut=self.cut)

    def heal(self, a=None, b=None):
        self.cut = [pair for pair in self.cut if a and set(pair) != {a, b}]
        self.client.ask("cut", cut=self.cut)

    def partitions(self):
        return list(self.cut)

    def capture_start(self):
        self.client.ask("capture", on=True)

    def capture_stop(self):
        if self.client:
            self.client.ask("capture", on=False)

    def capture_status(self):
        state = self.client.ask("state")
        return {"running": state["capturing"], "frames": state["frames"], "file": str(self.pcap())}


def run_in_guest(hub, node, words):
    """A command in a guest with this process's input and outputs; its exit code."""
    client = HubClient(hub)
    client.send({"do": "exec", "node": node, "words": words})

    def feed():
        while data := os.read(0, 16384):
            client.send({"in": base64.b64encode(data).decode()})
        client.send({"eof": True})

    threading.Thread(target=feed, daemon=True).start()
    for line in client.file:
        said = json.loads(line)
        if "exit" in said:
            return said["exit"]
        stream = sys.stdout if "out" in said else sys.stderr
        stream.buffer.write(base64.b64decode(said.get("out") or said.get("err") or ""))
        stream.buffer.flush()
    return 255
