"""A lab on loopback: keys, certificates and configurations for one MME, some eNodeBs and one ued; starting and
ending the daemons. Shared by the demo and the tests."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from keyhop import Node  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
PORTS = (36512, 36522, 36532)
SOCKET_PATH_MAX = 100


def is_free(address):
    """Are the default ports free at this address?"""
    for port in PORTS:
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((address, port))
            except OSError:
                return False
    return True


def pick_net(enbs):
    """x of 127.0.x.*: .1 the MME, .10 the ued, .101 and up the eNodeBs."""
    for _ in range(100):
        x = random.randint(1, 254)
        if all(is_free(f"127.0.{x}.{y}") for y in [1, *range(101, 101 + enbs)]):
            return f"127.0.{x}"
    raise RuntimeError("no free addresses in 127.0.0.0/16")


class Lab:
    """`extra` maps a node's name to text that is added to its configuration, "*enb" to all eNodeBs."""

    def __init__(self, path, enbs=3, ues=1, build=None, mme=None, extra=None, keylog=True):
        self.path = Path(path).absolute()
        self.build = Path(build or os.environ.get("KEYHOP_BUILD") or ROOT / "build")
        self.enbs = enbs
        self.imsis = [f"00101{n:010d}" for n in range(1, ues + 1)]
        self.subscribers = {i: (os.urandom(16).hex(), os.urandom(16).hex(), None) for i in self.imsis}
        self.mme = mme or {}
        self.extra = extra or {}
        self.keylog = keylog
        self.process = {}
        self.control = {}
        self.net = pick_net(enbs)
        self._sockets = None

    # Names and addresses.
    def names(self):
        return ["mme", *self.enb_names(), "ue"]

    def enb_names(self):
        return [f"enb{n}" for n in range(1, self.enbs + 1)]

    def address(self, name):
        if name == "mme":
            return f"{self.net}.1"
        return f"{self.net}.{100 + int(name[3:])}"

    def socket_path(self, name):
        path = self.path / f"{name}.sock"
        if len(str(path)) <= SOCKET_PATH_MAX:
            return path
        if not self._sockets:
            self._sockets = Path(tempfile.mkdtemp(prefix="keyhop-"))
        if not path.is_symlink():
            path.symlink_to(self._sockets / f"{name}.sock")
        return self._sockets / f"{name}.sock"

    # Files.
    def pki(self, *args):
        subprocess.run([str(ROOT / "scripts" / "pki"), str(self.path), *map(str, args)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def write_subscribers(self, name="subscribers.csv", subscribers=None):
        lines = ["# IMSI,K,OPc[,SQN]"]
        for imsi, (k, opc, sqn) in (subscribers or self.subscribers).items():
            lines.append(",".join([imsi, k, opc] + ([sqn] if sqn else [])))
        fd = os.open(self.path / name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as f:
            f.write("\n".join(lines) + "\n")

    def common(self, name, node):
        text = f"node: {{{node}, plmn: {{mcc: 001, mnc: 01}}}}\n"
        text += f"control: {{socket: {self.socket_path(name)}, event_ring: 65536}}\n"
        text += f"log: {{level: info, file: {name}.log}}\nevents: {name}.events.ndjson\n"
        if self.keylog:
            text += f"keylog: {name}.keylog\n"
        return text

    def tls(self, name):
        return f"tls: {{ca: ca.pem, cert: {name}.pem, key: {name}.key}}\n"

    def mme_yaml(self):
        text = self.common("mme", "name: mme") + self.tls("mme")
        text += f"s1: {{listen: {self.address('mme')}}}\nsubscribers: subscribers.csv\nstore: mme.db\n"
        return text + "".join(f"{key}: {value}\n" for key, value in self.mme.items())

    def enb_yaml(self, name):
        me = int(name[3:])
        text = self.common(name, f"name: {name}, id: {me}") + self.tls(name)
        text += f"mme: {{address: {self.address('mme')}, name: mme}}\n"
        text += f"uu: {{listen: {self.address(name)}}}\nx2:\n  listen: {self.address(name)}\n"
        others = [n for n in self.enb_names() if n != name]
        if others:
            text += "  neighbours:\n"
        for other in others:
            text += f"    - {{id: {other[3:]}, address: {self.address(other)}, name: {other}}}\n"
        return text + self.extra.get("*enb", "")

    def ue_yaml(self):
        text = self.common("ue", "name: ue") + "subscribers: ue-subscribers.csv\nusim: ue.db\ncells:\n"
        for name in self.enb_names():
            text += f"  - {{id: {name[3:]}, address: {self.address(name)}, name: {name}}}\n"
        return text

    def prepare(self):
        """Writes everything the daemons need."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.pki("ca")
        self.pki("mme", "mme")
        for name in self.enb_names():
            self.pki("enb", name, "00101", name[3:])
        self.write_subscribers()
        self.write_subscribers("ue-subscribers.csv")
        for name in self.names():
            text = {"mme": self.mme_yaml, "ue": self.ue_yaml}.get(name, lambda n=name: self.enb_yaml(n))()
            (self.path / f"{name}.yaml").write_text(text + self.extra.get(name, ""))

    # Processes.
    def binary(self, name):
        daemon = {"mme": "mmed", "ue": "ued"}.get(name, "enbd")
        return self.build / daemon / daemon

    def start_node(self, name):
        err = open(self.path / f"{name}.stderr", "ab")
        process = subprocess.Popen([str(self.binary(name)), "-c", str(self.path / f"{name}.yaml")],
                                   stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True)
        err.close()
        self.process[name] = process
        (self.path / f"{name}.pid").write_text(f"{process.pid}\n")

    def connect(self, name, timeout=20.0):
        """Waits for the control socket of a node that was started."""
        deadline = time.monotonic() + timeout
        path = self.socket_path(name)
        while True:
            try:
                return Node(path, timeout=30.0)
            except (FileNotFoundError, ConnectionRefusedError):
                process = self.process.get(name)
                if process and process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}:\n{self.tail(name)}") from None
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{name} does not come up:\n{self.tail(name)}") from None
                time.sleep(0.01)

    def tail(self, name, lines=15):
        text = ""
        for suffix in ("stderr", "log"):
            path = self.path / f"{name}.{suffix}"
            if path.exists():
                text += "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) + "\n"
        return text

    def node(self, name):
        if name not in self.control:
            self.control[name] = self.connect(name)
        return self.control[name]

    def until_ready(self, timeout=30.0):
        """All tunnels, X2 associations and cells are up. Woken by events, not by a clock."""
        for name in self.enb_names():
            node = self.node(name)
            node.subscribe(since=0, topics=["tunnel.up", "x2.up"])
            for up in range(self.enbs):
                node.wait_event(lambda e: e["topic"] in ("tunnel.up", "x2.up"), timeout)
            node.call("events.unsubscribe")
            node.events.clear()
        mme = self.node("mme")
        mme.subscribe(since=0, topics=["enb.up"])
        for _ in range(self.enbs):
            mme.wait_event(lambda e: e["topic"] == "enb.up", timeout)
        mme.call("events.unsubscribe")
        ue = self.node("ue")
        ue.subscribe(since=0, topics=["cell.up"])
        for _ in range(self.enbs):
            ue.wait_event(lambda e: e["topic"] == "cell.up", timeout)
        ue.call("events.unsubscribe")
        ue.events.clear()

    def start(self):
        self.prepare()
        self.start_node("mme")
        self.node("mme")
        for name in self.names()[1:]:
            self.start_node(name)
        self.until_ready()
        return self

    def attach_all(self, cell="enb1"):
        ue = self.node("ue")
        for request in [ue.send("attach", ue=imsi, cell=cell, wait=True) for imsi in self.imsis]:
            ue.answer(request, 60.0)

    def stop_node(self, name, sig=signal.SIGTERM):
        """Ends one daemon; its exit code."""
        control = self.control.pop(name, None)
        if control:
            control.close()
        process = self.process.pop(name, None)
        if not process:
            return None
        process.send_signal(sig)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def stop(self):
        """Ends all daemons of this lab; {name: exit code}."""
        codes = {name: self.stop_node(name) for name in reversed(self.names()) if name in self.process}
        for name in list(self.control):
            self.control.pop(name).close()
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)
        return codes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
