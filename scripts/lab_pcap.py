"""Frames into a pcap file. As a program: every frame of one interface, until SIGTERM or the end of its input.

usage: lab_pcap.py INTERFACE FILE [PREFIX]      PREFIX: only frames from or to addresses that begin so, 127.0.7."""

import select
import signal
import socket
import struct
import sys
import time

ETH_P_ALL = 3
ETH_P_IP = 0x0800
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP = 1
PACKET_MR_PROMISC = 1
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
FRAME_MAX = 262144
DRAIN = 2  # seconds
LINKTYPE_ETHERNET = 1


class Pcap:
    """A pcap file with microseconds; every frame is in the file when add() returns."""

    def __init__(self, path):
        self.frames = 0
        self._file = open(path, "wb", 0)
        self._file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, FRAME_MAX, LINKTYPE_ETHERNET))

    def add(self, frame):
        ns = time.time_ns()
        head = struct.pack("<IIII", ns // 10**9, ns % 10**9 // 1000, len(frame), len(frame))
        self._file.write(head + frame)
        self.frames += 1

    def close(self):
        self._file.close()


def listen(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            s.setsockopt(socket.SOL_SOCKET, option, 32 << 20)
            break
        except OSError:
            continue
    s.bind((interface, 0))
    member = struct.pack("iHH8s", socket.if_nametoindex(interface), PACKET_MR_PROMISC, 0, b"")
    s.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
    return s


def wanted(frame, prefix):
    if struct.unpack_from(">H", frame, 12)[0] != ETH_P_IP:
        return False
    return any(socket.inet_ntoa(frame[at : at + 4]).startswith(prefix) for at in (26, 30))


def take(s, pcap, prefix):
    frame, (_, _, kind, *_) = s.recvfrom(FRAME_MAX)
    # What leaves comes back in on a loopback, and a bridge sends nothing of its own.
    if kind != PACKET_OUTGOING and (not prefix or wanted(frame, prefix)):
        pcap.add(frame)


def drain(s, pcap, prefix):
    """What had come before the end; traffic that goes on is not waited for."""
    s.setblocking(False)
    until = time.monotonic() + DRAIN
    try:
        while time.monotonic() < until:
            take(s, pcap, prefix)
    except BlockingIOError:
        pass


def main():
    interface, path = sys.argv[1:3]
    prefix = sys.argv[3] if len(sys.argv) > 3 else None
    told, teller = socket.socketpair()
    teller.setblocking(False)
    signal.set_wakeup_fd(teller.fileno())
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        s = listen(interface)
        pcap = Pcap(path)
    except OSError as e:
        print(e, flush=True)
        return 1
    print("ready", flush=True)
    while select.select([s, told, sys.stdin], [], [])[0] == [s]:
        take(s, pcap, prefix)
    drain(s, pcap, prefix)
    pcap.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
