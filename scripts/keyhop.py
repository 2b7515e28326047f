"""Control sockets from Python: connect, call, wait for an event. Standard library only.

A handover on command, in a lab that runs (scripts/demo --stay --moves 0, or export KEYHOP_RUN=DIR):

>>> from keyhop import KeyhopError, connect
>>> imsi = "001010000000001"
>>> with connect("ue") as ue, connect("enb1") as enb1, connect("enb2") as enb2:
...     attached = ue.call("attach", ue=imsi, cell="enb1", wait=True)
...     seq = enb2.subscribe(topics=["wraplist."], ue=imsi)   # what comes from here on
...     done = enb1.call("handover.start", ue=imsi, target="enb2", wait=True)
...     event = enb2.wait_event("wraplist.received", step="13")
...     try:
...         enb1.call("ue.show", ue=imsi)
...     except KeyhopError as e:
...         print(e.name, e.data["cause"])
...     print(done["outcome"], event["node"], ue.call("ue.show", ue=imsi)["serving"])
UE_NOT_FOUND ue-not-found
completed enb2 2

Besides KeyhopError there are FileNotFoundError (no such node), ConnectionError (it has ended) and TimeoutError.
"""

import json
import os
import select
import socket
import time
from pathlib import Path

ASK_AGAIN_S = 0.5
PLACES = ("run", ".", "/run/keyhop")  # besides $KEYHOP_RUN


class KeyhopError(Exception):
    """An error the daemon named: `name` (UE_NOT_FOUND), and in `data` its cause, a hint, and whether to try again."""

    def __init__(self, error):
        self.code = error.get("code")
        self.data = error.get("data") or {}
        self.name = self.data.get("name", "")
        super().__init__(f"{self.name or self.code}: {error.get('message')}")


def sockets(run=None):
    """{name: path} of the nodes in a run directory; without one in the first of $KEYHOP_RUN, ./run, this folder and
    /run/keyhop that has any, as the tool finds them."""
    for place in [run] if run else [os.environ.get("KEYHOP_RUN"), *PLACES]:
        folder = Path(place) if place else None
        if folder and folder.is_dir():
            found = {p.stem: p for p in folder.glob("*.sock") if p.name != "ctl.sock"}
            found |= {p.parent.name: p for p in folder.glob("*/ctl.sock")}
            if found:
                return found
    return {}


def connect(name, run=None, timeout=10.0):
    """The Node of this name in a run directory."""
    known = sockets(run)
    if name not in known:
        raise FileNotFoundError(f"no socket of node {name!r}; there are: {' '.join(sorted(known)) or 'none'}")
    return Node(known[name], timeout)


class Node:
    """One control connection. `hello` is the daemon's greeting, `events` what came and nobody has waited for."""

    def __init__(self, path, timeout=10.0):
        self.path = str(path)
        self.timeout = timeout
        self.events = []
        self._id = 0
        self._buffer = b""
        self._answers = {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(os.path.realpath(self.path))
        except OSError:
            self._socket.close()
            raise
        self.hello = self._read(time.monotonic() + timeout)["params"]

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def fileno(self):
        return self._socket.fileno()

    def _fill(self):
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError(f"{self.path}: the daemon closed the connection")
        self._buffer += data

    def _read(self, deadline):
        """The next message, whatever it is."""
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise TimeoutError(f"{self.path}: nothing in time")
            self._fill()
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def _take(self, message):
        if message.get("method") == "event":
            self.events.append(message["params"])
        elif "id" in message:
            self._answers[message["id"]] = message

    def has_more(self):
        """Was something read that nobody has taken yet?"""
        return b"\n" in self._buffer

    def pump(self):
        """Takes in what is there, without waiting."""
        if select.select([self._socket], [], [], 0)[0]:
            self._fill()
        while b"\n" in self._buffer:
            self._take(self._read(0))

    def send(self, method, **params):
        """Sends a request without waiting; answer(id) gets its result."""
        self._id += 1
        request = {"jsonrpc": "2.0", "id": self._id, "method": method, "params": params}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return self._id

    def answer(self, request_id, timeout=None):
        deadline = time.monotonic() + (timeout or self.timeout)
        while request_id not in self._answers:
            self._take(self._read(deadline))
        message = self._answers.pop(request_id)
        if "error" in message:
            raise KeyhopError(message["error"])
        return message["result"]

    def call(self, method, timeout=None, **params):
        return self.answer(self.send(method, **params), timeout)

    def subscribe(self, **params):
        """Events from here on, or after `since`; of these `topics` (prefixes) and this `ue` only. The last number."""
        return self.call("events.subscribe", **params)["seq"]

    def wait_event(self, wanted, timeout=None, **members):
        """The first event, kept or new, for which wanted(event) holds, or that has this topic and these members; it
        and those before it are dropped."""
        if isinstance(wanted, str):
            topic = wanted

            def wanted(event):
                return event["topic"] == topic and members.items() <= event.items()
        deadline = time.monotonic() + (timeout or self.timeout)
        at = 0
        while True:
            while at < len(self.events):
                event = self.events[at]
                at += 1
                if wanted(event):
                    del self.events[:at]
                    return event
            self._take(self._read(deadline))


def having_news(nodes, timeout):
    """Those of `nodes` that have something to take in, waiting for the first. What came together with an answer is
    here already: its socket may stay silent."""
    behind = [node for node in nodes if node.has_more()]
    return behind or select.select(list(nodes), [], [], timeout)[0]


def wait_until(nodes, condition, timeout=10.0, what="the condition"):
    """Waits until condition() is true. It is asked again whenever one of `nodes`, all subscribed to events, has
    something new, and now and then, as not every change is an event; its result is returned."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{what} does not come true in {timeout} s")
        for node in having_news(nodes, min(left, ASK_AGAIN_S)):
            node.pump()
            node.events.clear()
