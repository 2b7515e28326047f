"""SCTP of a capture of loopback, in IP or in UDP, cut anew: the same octets in other chunks and packets. Only for associations
that the capture has from their INIT on."""

import struct

DATA, SACK = 0, 3
BEGINS, ENDS = 2, 1
IN_IP, UDP = 132, 17


def crc32c(data):
    crc = 0xFFFFFFFF
    for octet in data:
        crc = crc >> 8 ^ TABLE[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF


def table():
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        yield n


TABLE = list(table())


class Packet:
    """Ethernet, IPv4, perhaps UDP, SCTP."""

    def __init__(self, time, octets):
        self.time = time
        self.udp = octets[23] == UDP
        self.at = 42 if self.udp else 34
        self.before, self.header = octets[: self.at], octets[self.at : self.at + 12]
        total = struct.unpack_from(">H", octets, 16)[0]
        self.chunks = list(chunks(octets[self.at + 12 : 14 + total]))
        self.direction = self.header[:8]  # ports and tag

    @property
    def ends(self):
        return self.header[:4]

    def with_chunks(self, chunks):
        body = b"".join(chunk + b"\0" * (-len(chunk) % 4) for chunk in chunks)
        crc = crc32c(self.header[:8] + b"\0" * 4 + body)
        sctp = self.header[:8] + struct.pack("<I", crc) + body
        before = bytearray(self.before)
        before[16:18] = struct.pack(">H", self.at - 14 + len(sctp))
        before[24:26] = b"\0\0"  # checksums of IP and UDP are not checked
        if self.udp:
            before[38:42] = struct.pack(">HH", 8 + len(sctp), 0)
        return bytes(before) + sctp


def chunks(body):
    at = 0
    while at + 4 <= len(body):
        length = struct.unpack_from(">H", body, at + 2)[0]
        yield body[at : at + length]
        at += (length + 3) // 4 * 4


def is_sctp(octets):
    """By checksum where it could be anything else."""
    if octets[23] == IN_IP:
        return True
    total = struct.unpack_from(">H", octets, 16)[0]
    sctp = octets[42 : 14 + total]
    return (octets[23] == UDP and len(sctp) >= 16 and
            crc32c(sctp[:8] + b"\0" * 4 + sctp[12:]) == struct.unpack_from("<I", sctp, 8)[0])


class Data:
    """Messages from DATA chunks in order, and DATA chunks from messages, with other TSNs than those of the capture. What comes
    again is left out."""

    def __init__(self):
        self.seen, self.next, self.parts = set(), {}, {}

    def message(self, packet, chunk):
        """(PPID, octets) when one ends with this chunk, or None."""
        tsn = struct.unpack_from(">I", chunk, 4)[0] if chunk[0] == DATA else None
        if tsn is None or (packet.direction, tsn) in self.seen:
            return None
        self.seen.add((packet.direction, tsn))
        self.next.setdefault(packet.direction, tsn)
        self.parts[packet.direction] = self.parts.get(packet.direction, b"") + chunk[16:]
        return (chunk[12:16], self.parts.pop(packet.direction)) if chunk[1] & ENDS else None

    def chunk(self, packet, flags, ppid, octets):
        tsn = self.next[packet.direction]
        self.next[packet.direction] = tsn + 1 & 0xFFFFFFFF
        return struct.pack(">BBHIHH", DATA, flags, 16 + len(octets), tsn, 0, 0) + ppid + octets

    def pieces(self, packet, ppid, octets, size):
        for at in range(0, len(octets), size):
            flags = (BEGINS if at == 0 else 0) | (ENDS if at + size >= len(octets) else 0)
            yield self.chunk(packet, flags, ppid, octets[at : at + size])


def split(packets):
    """(time, octets) of the same with one octet of data a packet. SACKs have no meaning any more."""
    data = Data()
    for packet in packets:
        for chunk in packet.chunks:
            found = data.message(packet, chunk)
            for piece in data.pieces(packet, *found, 1) if found else ():
                yield packet.time, packet.with_chunks([piece])
            if chunk[0] not in (DATA, SACK):
                yield packet.time, packet.with_chunks([chunk])


def coalesce(packets, most=30000):
    """The same with as much in a message as comes before the other end says something, as three chunks of one packet."""
    data, held = Data(), {}

    def flush(ends):
        if ends in held:
            packet, ppid, octets = held.pop(ends)
            size = -(-len(octets) // 3)
            yield packet.time, packet.with_chunks(data.pieces(packet, ppid, octets, size))

    for packet in packets:
        other = packet.ends[2:] + packet.ends[:2]
        for chunk in packet.chunks:
            found = data.message(packet, chunk)
            if found:
                yield from flush(other)
                first, ppid, octets = held.get(packet.ends, (packet, *found))
                if ppid != found[0] or len(octets) > most:
                    yield from flush(packet.ends)
                octets = held[packet.ends][2] + found[1] if packet.ends in held else found[1]
                held[packet.ends] = (first if packet.ends in held else packet, found[0], octets)
            elif chunk[0] not in (DATA, SACK):
                yield from flush(packet.ends)
                yield from flush(other)
                yield packet.time, packet.with_chunks([chunk])
    for ends in list(held):
        yield from flush(ends)
