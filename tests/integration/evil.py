"""A captured eNodeB and a subscriber of its own, in Python: what an attacker who holds a good certificate can send.
Independent of the daemons' code: AES by the openssl command, protobuf by hand."""

import hashlib
import hmac
import socket
import ssl
import struct
import subprocess

from verify import SN_ID, aes, algorithm_key, kdf, kenb_of, milenage, xor

TIMEOUT_S = 10
S1_PORT, X2_PORT, UU_PORT = 36512, 36522, 36532
UPLINK, DOWNLINK = 0, 1
EEA2 = EIA2 = 2
CAPABILITIES = {1: 4, 2: 4}  # 128-EEA2, 128-EIA2


# ---- protobuf ----

def varint(n):
    out = b""
    while True:
        out += bytes([n & 0x7F | (0x80 if n > 0x7F else 0)])
        n >>= 7
        if not n:
            return out


def pack(fields):
    """{number: int | bytes | str | dict | list of these} as protobuf octets."""
    out = b""
    for number, value in fields.items():
        for v in value if isinstance(value, list) else [value]:
            if isinstance(v, int):
                out += varint(number << 3) + varint(v)
                continue
            if isinstance(v, dict):
                v = pack(v)
            v = v.encode() if isinstance(v, str) else v
            out += varint(number << 3 | 2) + varint(len(v)) + v
    return out


def packed(numbers):
    return b"".join(varint(n) for n in numbers)


def read_varint(data, at):
    value = shift = 0
    while True:
        b = data[at]
        at += 1
        value |= (b & 0x7F) << shift
        if b < 0x80:
            return value, at
        shift += 7


def unpack(data):
    """{number: int or bytes}; the last one of a repeated field, all of them under -number."""
    out, at = {}, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 0:
            value, at = read_varint(data, at)
        elif tag & 7 == 1:
            value, at = int.from_bytes(data[at:at + 8], "little"), at + 8
        else:
            length, at = read_varint(data, at)
            value, at = data[at:at + length], at + length
        out[tag >> 3] = value
        out.setdefault(-(tag >> 3), []).append(value)
    return out


def body_of(message):
    """(number, fields) of a top-level message."""
    (number, value), = [(n, v) for n, v in unpack(message).items() if n > 0]
    return number, unpack(value)


# ---- 128-EEA2, 128-EIA2 ----

def eea2(key, count, direction, data):
    first = struct.pack(">IB", count, direction << 2) + bytes(11)
    n = (len(data) + 15) // 16
    stream = aes(key, b"".join((int.from_bytes(first, "big") + i).to_bytes(16, "big") for i in range(n)))
    return xor(data, stream)


def eia2(key, count, direction, data, bearer=0):
    message = struct.pack(">IB", count, bearer << 3 | direction << 2) + bytes(3) + data
    out = subprocess.run(["openssl", "mac", "-cipher", "AES-128-CBC", "-macopt", f"hexkey:{key.hex()}", "-in", "-",
                          "CMAC"], input=message, check=True, capture_output=True).stdout
    return bytes.fromhex(out.decode().strip())[:4]


def fingerprint(name, key):
    return hmac.new(b"keyhop-fingerprint", name.encode() + key, hashlib.sha256).digest()[:4].hex()


# ---- connections ----

class Peer:
    """One framed connection from `address`, with TLS as the node whose certificate is given, or in clear."""

    def __init__(self, lab, address, to, port, alpn=None, certificate=None):
        self.sent = []
        s = socket.create_connection((to, port), timeout=TIMEOUT_S, source_address=(address, 0))
        if alpn:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.load_verify_locations(lab.path / "ca.pem")
            context.load_cert_chain(lab.path / f"{certificate}.pem", lab.path / f"{certificate}.key")
            context.set_alpn_protocols([alpn])
            s = context.wrap_socket(s)
        self.socket = s
        self.buffer = b""

    @classmethod
    def of(cls, s):
        """A connection that is there already."""
        peer = cls.__new__(cls)
        peer.sent, peer.socket, peer.buffer = [], s, b""
        return peer

    def close(self):
        self.socket.close()

    def send_raw(self, message):
        self.socket.sendall(struct.pack(">I", len(message)) + message)

    def send(self, number, fields):
        message = pack({number: fields})
        self.sent.append(message)
        self.send_raw(message)

    def receive(self):
        while len(self.buffer) < 4 or len(self.buffer) < 4 + struct.unpack(">I", self.buffer[:4])[0]:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("closed by the daemon")
            self.buffer += data
        length, = struct.unpack(">I", self.buffer[:4])
        message, self.buffer = self.buffer[4:4 + length], self.buffer[4 + length:]
        return message

    def expect_srb0(self, *numbers):
        """On Uu: the next message of SRB0 with one of these numbers."""
        while True:
            number, fields = body_of(unpack(self.receive())[3])
            if number in numbers:
                return number, fields

    def expect(self, *numbers):
        """The next message with one of these numbers; others are passed over."""
        while True:
            number, fields = body_of(self.receive())
            if number in numbers:
                return number, fields


class EvilEnb:
    """An eNodeB by its certificate. With the instance of the real one the MME takes it for that one."""

    def __init__(self, lab, name, instance):
        self.lab, self.name, self.id, self.instance = lab, name, int(name[3:]), int(instance)
        self.address = lab.address(name)
        self.ues = 0

    def identity(self):
        return {1: self.id, 2: SN_ID, 3: self.name, 4: self.instance}

    def join(self):
        """S1 setup; waits for its MME-eNB_key and acknowledges it."""
        self.s1 = Peer(self.lab, self.address, self.lab.address("mme"), S1_PORT, "keyhop-s1/1", self.name)
        self.s1.send(20, self.identity() | {5: "mme-assisted"})
        self.s1.expect(21)
        _, key = self.s1.expect(2)
        self.key_id = unpack(key[1])[1]
        self.s1.send(34, {1: self.key_id})
        return self

    def neighbour(self, name):
        """X2 setup with an honest eNodeB."""
        x2 = Peer(self.lab, self.address, self.lab.address(name), X2_PORT, "keyhop-x2/1", self.name)
        x2.send(20, self.identity())
        x2.expect(21)
        return x2

    def list_for(self, mme_ue_id, targets):
        """Message 3; the entries of 4 by eNB_ID."""
        self.s1.send(3, {1: mme_ue_id, 2: packed(targets)})
        number, fields = self.s1.expect(4, 32, 33)
        if number != 4:
            return number, fields
        entries = {unpack(e)[1]: unpack(e) for e in fields.get(-3, [])}
        return fields[2], entries

    def close(self):
        self.s1.close()


class RogueUe:
    """A subscriber of the attacker, attached through its eNodeB. It knows its own keys."""

    def __init__(self, enb, imsi, k, opc):
        self.enb, self.imsi = enb, imsi
        self.k, self.opc = bytes.fromhex(k), bytes.fromhex(opc)
        self.ul = 0

    def uplink(self, body, header=2):
        if header == 0:
            return b"\x07" + body
        sn = bytes([self.ul & 0xFF])
        data = eea2(self.k_enc, self.ul, UPLINK, body)
        mac = eia2(self.k_int, self.ul, UPLINK, sn + data)
        self.ul += 1
        return bytes([header << 4 | 7]) + mac + sn + data

    def downlink(self, pdu):
        """The NAS message of a ciphered PDU; COUNTs stay below 256 here."""
        return unpack(eea2(self.k_enc, pdu[5], DOWNLINK, pdu[6:]))

    def send_nas(self, pdu):
        self.enb.s1.send(25, {1: self.mme_ue_id, 2: pdu})

    def attach(self):
        s1 = self.enb.s1
        self.enb.ues += 1
        s1.send(23, {1: self.enb.ues, 2: self.uplink(pack({20: {1: self.imsi, 2: CAPABILITIES}}), 0)})
        _, fields = s1.expect(24)
        self.mme_ue_id = fields[1]
        challenge = unpack(unpack(fields[3][1:])[21])
        sqn_ak, amf = challenge[2][:6], challenge[2][6:8]
        _, _, _, _, ak = milenage(self.k, self.opc, challenge[1], bytes(6), amf)
        _, res, ck, ik, _ = milenage(self.k, self.opc, challenge[1], xor(sqn_ak, ak), amf)
        kasme = kdf(ck + ik, 0x10, SN_ID, sqn_ak)
        self.k_enc, self.k_int = algorithm_key(kasme, 1, EEA2), algorithm_key(kasme, 2, EIA2)
        self.send_nas(self.uplink(pack({22: {1: res}}), 0))
        s1.expect(24)  # SECURITY MODE COMMAND
        self.send_nas(self.uplink(pack({26: {}}), 4))
        s1.expect(26)  # initial context setup with ATTACH ACCEPT
        s1.send(27, {1: self.mme_ue_id})
        self.send_nas(self.uplink(pack({29: {}})))
        return self

    def h_key(self):
        """Message 5."""
        _, fields = self.enb.s1.expect(24)
        key = unpack(self.downlink(fields[3])[5])
        return key[1], key[2]


def confirm(lab, address, target, c_rnti, kenb, evidence=b"\x07none"):
    """Message 10 to `target` under keys from `kenb`. The connection, and the answer if one opens under them."""
    enc, integrity = algorithm_key(kenb, 3, EEA2), algorithm_key(kenb, 4, EIA2)
    sdu = pack({10: {1: evidence}})
    mac = eia2(integrity, 0, UPLINK, b"\x00" + sdu)
    pdu = b"\x00" + eea2(enc, 0, UPLINK, sdu + mac)
    uu = Peer(lab, address, lab.address(target), UU_PORT)
    uu.send_raw(pack({1: c_rnti, 2: 1, 3: pdu}))
    frame = unpack(uu.receive())
    clear = eea2(enc, frame[3][0], DOWNLINK, frame[3][1:])
    good = eia2(integrity, frame[3][0], DOWNLINK, frame[3][:1] + clear[:-4]) == clear[-4:]
    return uu, body_of(clear[:-4]) if good else None


def kenb_for(h_key, enb_id):
    return kenb_of(h_key, False, enb_id)


class EvilCell:
    """The radio side of a captured eNodeB: an honest UE attaches through it and is served, and then is lied to. It
    knows the UE's AS keys and nothing of its NAS keys."""

    C_RNTI = 70

    def __init__(self, enb):
        self.enb, self.tx, self.rx = enb, 0, 0
        self.key = None  # (K_RRCenc, K_RRCint), once AS security is on
        self.ciphered = False
        self.listener = socket.create_server((enb.address, UU_PORT))
        self.listener.settimeout(TIMEOUT_S)

    def close(self):
        self.listener.close()
        self.uu.close()

    # PDCP.
    def seal(self, sdu):
        header = bytes([self.tx & 0x1F])
        if not self.key:
            out = header + sdu + bytes(4)
        else:
            mac = eia2(self.key[1], self.tx, DOWNLINK, header + sdu)
            data = sdu + mac
            out = header + (eea2(self.key[0], self.tx, DOWNLINK, data) if self.ciphered else data)
        self.tx += 1
        return out

    def open(self, pdu):
        data = pdu[1:]
        if self.ciphered:
            data = eea2(self.key[0], pdu[0], UPLINK, data)
        return data[:-4]

    def pdu(self, number, fields):
        """A frame on SRB1."""
        return pack({1: self.C_RNTI, 2: 1, 3: self.seal(pack({number: fields}))})

    def send(self, number, fields):
        self.uu.send_raw(self.pdu(number, fields))

    def send_srb0(self, number, identity, fields=None):
        self.uu.send_raw(pack({3: pack({number: b"\x09" + identity + pack(fields or {})})}))

    def expect(self, *numbers):
        while True:
            frame = unpack(self.uu.receive())
            number, fields = body_of(self.open(frame[3]) if 2 in frame else frame[3])
            if number in numbers:
                return number, fields

    # Attach.
    def accept(self):
        """The connection of a ued."""
        s, _ = self.listener.accept()
        s.settimeout(TIMEOUT_S)
        self.uu = Peer.of(s)

    def relay(self, up):
        """NAS up, and the next NAS down."""
        s1 = self.enb.s1
        if up is not None:
            s1.send(25, {1: self.mme_ue_id, 2: up})
        return s1.expect(24, 26)

    def serve_attach(self):
        s1 = self.enb.s1
        _, request = self.expect(20)
        identity = request[1].to_bytes(8, "little")
        self.send_srb0(21, identity, {2: self.C_RNTI})
        _, complete = self.expect(23)
        self.enb.ues += 1
        s1.send(23, {1: self.enb.ues, 2: complete[1]})
        number, fields = s1.expect(24)
        self.mme_ue_id = fields[1]
        while number == 24:  # authentication, NAS security mode
            self.send(29, {1: fields[3]})
            number, fields = self.relay(self.expect(30)[1][1])
        kenb, accept = fields[3], fields[6]
        self.key = algorithm_key(kenb, 3, EEA2), algorithm_key(kenb, 4, EIA2)
        self.tx = 0
        self.send(24, {1: EEA2, 2: EIA2})
        self.expect(25)
        self.ciphered = True
        self.send(27, {1: 1, 2: {2: 100, 3: 100}, 3: accept})
        self.expect(28)
        s1.send(27, {1: self.mme_ue_id})
        s1.send(25, {1: self.mme_ue_id, 2: self.expect(30)[1][1]})
        return self

    def fetch_list(self, targets):
        """Messages 3, 4 and 5, the last relayed to the UE; the generation and the entries."""
        generation, entries = self.enb.list_for(self.mme_ue_id, targets)
        _, fields = self.enb.s1.expect(24)
        self.send(29, {1: fields[3]})
        return generation, entries

    def command(self, target, generation, c_rnti=1, eea=EEA2, eia=EIA2):
        """Message 9; the cause of the UE's refusal."""
        self.send(9, {1: target, 2: generation, 3: c_rnti, 4: eea, 5: eia})
        _, fields = self.expect(33)
        return fields[1]
