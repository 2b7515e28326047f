"""The process behind a lab of virtual machines: it starts them, is the switch between them, writes every frame into a
pcap, and carries control connections, commands and files over the one port that each guest has (the frames of that
port are described in ctl/guest/guest.h).

usage: lab_hub.py SETTINGS.json        ends all machines when its input ends"""

import asyncio
import base64
import ctypes
import json
import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lab_pcap import Pcap  # noqa: E402

HEAD = struct.Struct(">BBHI")
CHUNK = 32768
CLIENT_HIGH = 16 << 20  # a control client that reads nothing is let go
PORT_HIGH = 256 << 10
PR_SET_PDEATHSIG = 1


class Lan:
    """A switch that knows every address from the start."""

    def __init__(self, pcap):
        self.pcap = pcap
        self.ports = {}
        self.at = {}  # address: node
        self.cut = []
        self.impaired = {}  # {a, b}: delay s, jitter s, loss 0..1
        self.last = {}  # (from, to): when its last frame arrives

    def is_cut(self, a, b):
        return any({a, b} == set(pair) for pair in self.cut)

    def take(self, source, frame):
        if self.pcap:
            self.pcap.add(frame)
        target = self.at.get(bytes(frame[:6]))
        for name in [target] if target else list(self.ports):
            if name != source and name in self.ports and not self.is_cut(source, name):
                self.pass_on(source, name, frame)

    def pass_on(self, source, name, frame):
        rule = self.impaired.get(frozenset((source, name)))
        if not rule:
            self.ports[name].send(frame)
            return
        delay, jitter, loss = rule
        if random.random() < loss:
            return
        loop = asyncio.get_running_loop()
        # As on a wire, nothing overtakes.
        when = max(loop.time() + delay + random.random() * jitter, self.last.get((source, name), 0))
        self.last[source, name] = when
        loop.call_at(when, self.deliver, name, frame)

    def deliver(self, name, frame):
        if name in self.ports:
            self.ports[name].send(frame)


class Wire(asyncio.Protocol):
    """The network card of a guest: frames with a length of 4 octets."""

    def __init__(self, lan, name):
        self.lan = lan
        self.name = name
        self.buffer = b""

    def connection_made(self, transport):
        self.transport = transport
        self.lan.ports[self.name] = self

    def connection_lost(self, error):
        self.lan.ports.pop(self.name, None)

    def data_received(self, data):
        data = self.buffer + data
        at = 0
        while at + 4 <= len(data):
            end = at + 4 + int.from_bytes(data[at : at + 4], "big")
            if end > len(data):
                break
            self.lan.take(self.name, data[at + 4 : end])
            at = end
        self.buffer = data[at:]

    def send(self, frame):
        self.transport.write(len(frame).to_bytes(4, "big") + frame)


class Guest(asyncio.Protocol):
    """The port of a guest, and what there is to know of its daemon."""

    def __init__(self, settings, name):
        self.name = name
        self.run = Path(settings["run"])
        self.socket = settings["nodes"][name]["socket"]
        self.transport = None
        self.buffer = b""
        self.channels = {}
        self.next_channel = 0
        self.server = None
        self.process = None
        self.hello, self.ready, self.exited, self.drained = (asyncio.Event() for _ in range(4))
        self.code = None
        self.writable = asyncio.Event()
        self.writable.set()

    # The port.
    def connection_made(self, transport):
        self.transport = transport
        transport.set_write_buffer_limits(high=PORT_HIGH)

    def connection_lost(self, error):
        self.transport = None
        self.drained.set()
        self.ended(self.code)
        for channel in list(self.channels.values()):
            channel.closed(b"")
        self.channels.clear()

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    def send(self, kind, channel=0, data=b""):
        if self.transport:
            self.transport.write(HEAD.pack(ord(kind), 0, channel, len(data)) + data)

    def data_received(self, data):
        data = self.buffer + data
        at = 0
        while at + HEAD.size <= len(data):
            kind, _, channel, length = HEAD.unpack_from(data, at)
            end = at + HEAD.size + length
            if end > len(data):
                break
            self.take(chr(kind), channel, data[at + HEAD.size : end])
            at = end
        self.buffer = data[at:]

    def take(self, kind, channel, data):
        if kind == "H":
            self.hello.set()
        elif kind == "R":
            self.ready.set()
        elif kind == "X":
            self.ended(struct.unpack(">i", data)[0])
        elif kind == "F":
            name, _, octets = data.partition(b"\0")
            self.add_to_file(name.decode(), octets)
        elif kind == "C" and channel == 0:
            self.drained.set()
        elif channel in self.channels:
            self.channels[channel].take(kind, data)

    def add_to_file(self, name, octets):
        fd = os.open(self.run / Path(name).name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, octets)
        os.close(fd)

    def ended(self, code):
        """The daemon is gone."""
        self.code = code
        self.ready.clear()
        self.exited.set()
        if self.server:
            self.server.close()
            Path(self.socket).unlink(missing_ok=True)
        self.server = None

    # Channels.
    def open(self, channel):
        while self.next_channel in self.channels or self.next_channel == 0:
            self.next_channel = (self.next_channel + 1) % 65536
        self.channels[self.next_channel] = channel
        return self.next_channel

    async def start(self):
        """Starts the daemon with the host's time; its control socket is there when it is ready."""
        await self.hello.wait()
        self.exited.clear()
        self.code = None
        self.send("B", 0, struct.pack(">Q", time.time_ns() // 1000))

    async def serve(self):
        if not self.server:
            Path(self.socket).unlink(missing_ok=True)
            old = os.umask(0o117)
            loop = asyncio.get_running_loop()
            self.server = await loop.create_unix_server(lambda: Client(self), self.socket)
            os.umask(old)


class Client(asyncio.Protocol):
    """A connection to NODE.sock on this host, carried to the daemon's own socket."""

    def __init__(self, guest):
        self.guest = guest

    def connection_made(self, transport):
        self.transport = transport
        self.id = self.guest.open(self)
        self.guest.send("O", self.id)

    def data_received(self, data):
        for at in range(0, len(data), CHUNK):
            self.guest.send("D", self.id, data[at : at + CHUNK])
        if not self.guest.writable.is_set():
            self.transport.pause_reading()
            asyncio.ensure_future(self.resume())

    async def resume(self):
        await self.guest.writable.wait()
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def eof_received(self):
        self.guest.send("Z", self.id)
        return True  # what the daemon still has to say is to come through

    def connection_lost(self, error):
        if self.guest.channels.pop(self.id, None):
            self.guest.send("K", self.id)

    def take(self, kind, data):
        if kind == "C":
            self.closed(data)
            return
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > CLIENT_HIGH:
            self.transport.abort()

    def closed(self, data):
        self.guest.channels.pop(self.id, None)
        self.transport.close()


class Command:
    """A command in a guest, for whoever asked on the hub's socket: lines of JSON there and back."""

    def __init__(self, guest, writer, words):
        self.writer = writer
        self.over = asyncio.Event()
        self.id = guest.open(self)
        guest.send("W", self.id, b"".join(w.encode() + b"\0" for w in words))

    def tell(self, **what):
        self.writer.write(json.dumps(what).encode() + b"\n")

    def take(self, kind, data):
        if kind == "C":
            self.closed(data)
        elif kind in "DE":
            self.tell(**{"out" if kind == "D" else "err": base64.b64encode(data).decode()})

    def closed(self, data):
        code = struct.unpack(">i", data)[0] if len(data) == 4 else 255
        self.tell(exit=code if code >= 0 else 128 - code)
        self.over.set()


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Hub:
    def __init__(self, settings):
        self.settings = settings
        self.pcap = None
        self.lan = Lan(None)
        self.guests = {}
        self.over = asyncio.Event()

    async def boot(self, name):
        node = self.settings["nodes"][name]
        loop = asyncio.get_running_loop()
        guest = self.guests[name] = Guest(self.settings, name)
        self.lan.at[bytes.fromhex(node["mac"].replace(":", ""))] = name
        await loop.create_unix_server(lambda: Wire(self.lan, name), node["wire"])
        await loop.create_unix_server(lambda: guest, node["port"])
        with open(self.settings["errors"], "ab") as errors:
            guest.process = await asyncio.create_subprocess_exec(
                *node["command"], stdin=asyncio.subprocess.DEVNULL, stdout=errors, stderr=errors,
                preexec_fn=die_with_parent)
        (Path(self.settings["run"]) / f"{name}.pid").write_text(f"{guest.process.pid}\n")
        asyncio.ensure_future(self.watch(guest))

    async def watch(self, guest):
        await guest.process.wait()
        (guest.run / f"{guest.name}.pid").unlink(missing_ok=True)
        guest.drained.set()
        guest.hello.set()  # nobody is to wait for it any more
        guest.ended(guest.code)

    # What the back end asks for.
    async def do_start(self, request):
        guest = self.guests[request["node"]]
        asyncio.ensure_future(guest.start())
        return {}

    async def do_wait(self, request):
        """Until the daemon is ready, or will not be."""
        guest = self.guests[request["node"]]
        waits = [asyncio.ensure_future(e.wait()) for e in (guest.ready, guest.exited)]
        await asyncio.wait(waits, timeout=request["timeout"], return_when=asyncio.FIRST_COMPLETED)
        for w in waits:
            w.cancel()
        if guest.ready.is_set():
            await guest.serve()
            return {"state": "ready"}
        if not guest.exited.is_set():
            return {"state": "is not ready in time"}
        if guest.process.returncode is not None:
            return {"state": f"has no machine any more: QEMU ended with {guest.process.returncode}"}
        return {"state": f"ended with {guest.code}"}

    async def do_stop(self, request):
        guest = self.guests[request["node"]]
        if not guest.exited.is_set() and guest.hello.is_set():
            guest.send("S", 0, bytes([request["signal"]]))
            try:
                await asyncio.wait_for(guest.exited.wait(), request["timeout"])
            except asyncio.TimeoutError:
                guest.send("S", 0, bytes([signal.SIGKILL]))
                await asyncio.wait_for(guest.exited.wait(), 10)
        return {"code": guest.code}

    async def do_state(self, request):
        return {"nodes": {n: {"up": g.ready.is_set(), "code": g.code, "machine": g.process.returncode is None}
                          for n, g in self.guests.items()},
                "cut": self.lan.cut, "frames": self.pcap.frames if self.pcap else 0, "capturing": bool(self.lan.pcap)}

    async def do_cut(self, request):
        self.lan.cut = request["cut"]
        return {}

    async def do_capture(self, request):
        if request["on"] and not self.pcap:
            self.pcap = Pcap(self.settings["pcap"])
        self.lan.pcap = self.pcap if request["on"] else None
        return {}

    async def do_quit(self, request):
        """Ends all daemons and machines; the exit codes."""
        await asyncio.gather(*(self.end(g, request.get("timeout", 20)) for g in self.guests.values()))
        self.over.set()
        return {"codes": {n: g.code for n, g in self.guests.items()}}

    async def end(self, guest, timeout):
        process = guest.process
        guest.send("Q")
        try:
            await asyncio.wait_for(guest.drained.wait(), timeout)
            if guest.transport:
                guest.transport.close()
            await asyncio.wait_for(process.wait(), 5)
        except asyncio.TimeoutError:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def command(self, request, reader, writer):
        guest = self.guests.get(request["node"])
        if not guest or not guest.transport:
            writer.write(b'{"exit": 255}\n')
            return
        command = Command(guest, writer, request["words"])
        ended = asyncio.ensure_future(command.over.wait())
        while not command.over.is_set():
            line = asyncio.ensure_future(reader.readline())
            await asyncio.wait([line, ended], return_when=asyncio.FIRST_COMPLETED)
            if not line.done():
                line.cancel()
                break
            said = json.loads(line.result() or b'{"eof": true}')
            if "in" in said:
                guest.send("D", command.id, base64.b64decode(said["in"]))
                await guest.writable.wait()
            elif "kill" in said or not line.result():
                guest.send("K", command.id)
                break
            else:
                guest.send("Z", command.id)
        guest.channels.pop(command.id, None)

    async def answer(self, reader, writer):
        try:
            while line := await reader.readline():
                request = json.loads(line)
                if request["do"] == "exec":
                    await self.command(request, reader, writer)
                    break
                reply = await getattr(self, f"do_{request['do']}")(request)
                writer.write(json.dumps(reply).encode() + b"\n")
                await writer.drain()
            await writer.drain()
        except (ConnectionError, json.JSONDecodeError, asyncio.CancelledError):
            pass  # whoever asked is gone, or the hub ends
        finally:
            writer.close()

    async def run(self):
        s = self.settings
        for a, b, delay, jitter, loss in s["links"]:
            self.lan.impaired[frozenset((a, b))] = (delay / 1000, jitter / 1000, loss / 100)
        for name in s["nodes"]:
            await self.boot(name)
        old = os.umask(0o177)
        await asyncio.start_unix_server(self.answer, s["control"], limit=1 << 20)
        os.umask(old)
        loop = asyncio.get_running_loop()
        loop.add_reader(0, lambda: None if os.read(0, 4096) else self.over.set())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.over.set)
        print("ready", flush=True)
        await self.over.wait()
        for guest in self.guests.values():
            if guest.process.returncode is None:
                guest.process.kill()
                await guest.process.wait()
            Path(guest.socket).unlink(missing_ok=True)


def main():
    settings = json.loads(Path(sys.argv[1]).read_text())
    asyncio.run(Hub(settings).run())
    return 0


if __name__ == "__main__":
    sys.exit(main())
