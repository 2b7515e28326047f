"""A lab on loopback: keys, certificates and configurations for one MME, some eNodeBs and one ued; starting and
ending the daemons. Shared by the demo and the tests."""

import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from keyhop import Node, wait_until  # noqa: E402

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
        self.notify = {}
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
        """Starts a daemon; connect() waits until it says that it is ready."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind("\0keyhop-" + os.urandom(8).hex())
        if name in self.notify:
            self.notify[name].close()
        self.notify[name] = notify
        environment = os.environ | {"NOTIFY_SOCKET": "@" + notify.getsockname()[1:].decode()}
        with open(self.path / f"{name}.stderr", "ab") as err:
            process = subprocess.Popen([str(self.binary(name)), "-c", str(self.path / f"{name}.yaml")],
                                       stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True,
                                       env=environment)
        self.process[name] = process
        (self.path / f"{name}.pid").write_text(f"{process.pid}\n")

    def wait_ready(self, name, timeout):
        """Until the daemon said READY=1, or ended."""
        notify, process = self.notify[name], self.process[name]
        ended = os.pidfd_open(process.pid)
        try:
            ready = select.select([notify, ended], [], [], timeout)[0]
        finally:
            os.close(ended)
        if notify not in ready:
            state = f"ended with {process.wait()}" if ready else "is not ready in time"
            raise RuntimeError(f"{name} {state}:\n{self.tail(name)}")
        notify.close()
        del self.notify[name]

    def connect(self, name, timeout=20.0):
        """A control connection to a node that was started."""
        if name in self.notify:
            self.wait_ready(name, timeout)
        return Node(self.socket_path(name), timeout=30.0)

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

    def is_ready(self):
        """All tunnels, X2 associations and cells are up."""
        enbs = [self.node(name).call("status") for name in self.enb_names()]
        return (all(e["s1_up"] and e["x2_up"] == self.enbs - 1 for e in enbs)
                and self.node("mme").call("status")["enbs_up"] == self.enbs
                and self.node("ue").call("status")["cells_up"] == self.enbs)

    def until_ready(self, timeout=30.0):
        nodes = [self.node(name) for name in self.names()]
        for node in nodes:
            node.subscribe(topics=["tunnel.", "enb.", "x2.", "cell."])
        wait_until(nodes, self.is_ready, timeout, "the lab is ready")
        for node in nodes:
            node.call("events.unsubscribe")
            node.events.clear()

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
        for notify in self.notify.values():
            notify.close()
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)
        return codes

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
