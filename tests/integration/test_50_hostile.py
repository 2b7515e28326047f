"""Bad input on every socket: each has a named cause and a counter, and the daemon goes on."""

import json
import os
import socket
import struct
import unittest

from labtest import LabTest, frame, raw  # first: it finds the others
from evil import EvilEnb, Peer, S1_PORT, X2_PORT, pack, packed

UU = 36532
CASES = {
    "frame-empty": struct.pack(">I", 0),
    "frame-too-long": struct.pack(">I", 65537),
    "frame-truncated": struct.pack(">I", 100) + b"abc",
    "not-protobuf": frame(b"\xff\xff\xff\xff"),
    "missing-field": frame(b"\x08\x05"),
    "unknown-field": frame(b"\x08\x05\x1a\x01\x00\x78\x01"),
    "ue-not-found": frame(b"\x08\x05\x10\x01\x1a\x01\x00"),
    "unknown-message": frame(b"\x1a\x03\xfa\x07\x00"),
    "duplicate-field": frame(b"\x08\x05\x08\x06\x10\x01\x1a\x01\x00"),
    "bad-field": frame(b"\x08\x05\x10\x07\x1a\x01\x00"),
    # What only an eNodeB may send: RRC connection setup.
    "wrong-link": frame(b"\x1a\x0e\xaa\x01\x0b\x09" + bytes(range(1, 9)) + b"\x10\x07"),
}


class Uu(LabTest):
    def test_each_case_is_named_and_survived(self):
        lab = self.lab(enbs=2, transport="tcp")
        lab.attach_all()
        enb = lab.node("enb1")
        for cause, octets in CASES.items():
            with self.subTest(cause):
                before = self.refused(enb, cause)
                raw(lab.address("enb1"), UU, octets)
                enb.subscribe(since=0)
                enb.wait_event(lambda e: e.get("cause") == cause)
                enb.call("events.unsubscribe")
                enb.events.clear()
                self.assertEqual(self.refused(enb, cause), before + 1)
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")

    def test_another_connection_cannot_use_a_c_rnti(self):
        lab = self.lab(enbs=2, transport="tcp")
        lab.attach_all()
        enb = lab.node("enb1")
        c_rnti = enb.call("ue.show", ue=lab.imsis[0])["c_rnti"]
        raw(lab.address("enb1"), UU, frame(bytes([0x08, c_rnti, 0x10, 0x01, 0x1A, 0x06]) + bytes(6)))
        enb.subscribe(since=0)
        enb.wait_event(lambda e: e.get("cause") == "not-owner")
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")

    def test_random_octets(self):
        lab = self.lab(enbs=2, transport="tcp")
        lab.attach_all()
        for _ in range(100):
            raw(lab.address("enb1"), UU, b"".join(frame(os.urandom(40)) for _ in range(10)))
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")


class Associations(LabTest):
    """The same on S1 and X2, from a peer with a good certificate."""

    HEARTBEAT = {"mme": pack({35: {1: 1}}), "enb1": pack({26: {1: 1}})}
    # To the MME, and to an eNodeB: octets of a message, or of frames when the frame is what is wrong.
    CASES = {
        "not-protobuf": (b"\xff" * 5, b"\xff" * 5),
        "unknown-message": (pack({99: {}}), pack({99: {}})),
        "unknown-field": (pack({3: {1: 1, 15: 1}}), pack({7: {1: 1, 15: 1}})),
        "duplicate-field": (pack({3: [{1: 7}, {2: b"\x02"}]}), pack({8: {1: [5, 6]}})),
        "missing-field": (pack({3: {2: b"\x02"}}), pack({11: {2: 4}})),
        "bad-field": (pack({12: {1: 1, 2: b"x", 4: 1 << 28}}), pack({8: {1: 1, 2: 1, 3: 70000, 4: 2, 5: 2}})),
        "list-too-long": (pack({3: {1: 1, 2: packed(range(1, 2000))}}), None),
        "decode-budget": (pack({13: {3: [b""] * 20000}}), None),
        "wrong-link": (pack({2: {1: {1: 9, 2: bytes(16)}}}), None),
        "ue-not-found": (pack({3: {1: 9999, 2: b"\x02"}}), pack({11: {1: 9, 2: 9}})),
    }

    def peers(self):
        """A lab of three, of which enb3 is hostile: node -> (what makes its connection, port)."""
        lab = self.lab(enbs=3, transport="tcp")
        lab.attach_all()
        lab.stop_node("enb3")
        evil = EvilEnb(lab, "enb3", 3).join()
        self.addCleanup(evil.close)

        def tunnel(to):
            port, alpn = (S1_PORT, "keyhop-s1/1") if to == "mme" else (X2_PORT, "keyhop-x2/1")
            return Peer(lab, evil.address, lab.address(to), port, alpn, "enb3")

        return lab, evil, tunnel

    def counted(self, node, cause, octets, send):
        before = self.refused(node, cause)
        lines = self.log_lines(node, cause)
        node.subscribe()
        send(octets)
        node.wait_event(lambda e: e.get("cause") == cause)
        node.call("events.unsubscribe")
        node.events.clear()
        self.assertEqual(self.refused(node, cause), before + 1)
        self.assertGreater(self.log_lines(node, cause), lines)

    def log_lines(self, node, cause):
        name = node.call("status")["node"]
        return (self.folder / f"{name}.log").read_text().count(f"refused cause={cause} ")

    def test_each_message_is_named_and_the_association_stays(self):
        lab, evil, _ = self.peers()
        self.folder = lab.path
        x2 = evil.neighbour("enb1")
        self.addCleanup(x2.close)
        for cause, octets in self.CASES.items():
            for name, peer, message in (("mme", evil.s1, octets[0]), ("enb1", x2, octets[1])):
                if message is None:
                    continue
                with self.subTest(cause, to=name):
                    self.counted(lab.node(name), cause, message, peer.send_raw)
                    peer.send_raw(self.HEARTBEAT[name])
                    peer.expect(35, 26)
        self.assertEqual(lab.node("enb1").call("handover.start", ue=lab.imsis[0], target="enb2", wait=True)["outcome"],
                         "completed")

    def test_frames_that_end_the_connection(self):
        lab, evil, tunnel = self.peers()
        self.folder = lab.path
        wrong = {"frame-empty": struct.pack(">I", 0), "frame-too-long": struct.pack(">I", 65537)}
        wrong["negative length"] = struct.pack(">i", -1)
        for name in ("mme", "enb1"):
            for what, octets in wrong.items():
                with self.subTest(what, to=name):
                    peer = tunnel(name)
                    cause = what if what in CASES else "frame-too-long"
                    self.counted(lab.node(name), cause, octets, peer.socket.sendall)
                    self.assertEqual(peer.socket.recv(1), b"")  # closed by the daemon
                    peer.close()

    def test_cut_at_every_offset(self):
        lab, _, tunnel = self.peers()
        self.folder = lab.path
        for name in ("mme", "enb1"):
            whole = frame(self.HEARTBEAT[name])
            for n in range(1, len(whole)):
                with self.subTest(n, to=name):
                    peer = tunnel(name)
                    self.counted(lab.node(name), "frame-truncated", whole[:n],
                                 lambda octets, p=peer: (p.socket.sendall(octets), p.close()))

    def test_octet_by_octet_and_all_at_once(self):
        lab, evil, _ = self.peers()
        x2 = evil.neighbour("enb1")
        self.addCleanup(x2.close)
        for name, peer, number in (("mme", evil.s1, 35), ("enb1", x2, 26)):
            with self.subTest(name):
                for octet in frame(self.HEARTBEAT[name]):
                    peer.socket.sendall(bytes([octet]))
                peer.expect(number)
                peer.socket.sendall(frame(self.HEARTBEAT[name]) * 500)
                for _ in range(500):
                    peer.expect(number)

    def test_before_the_setup(self):
        lab, _, tunnel = self.peers()
        self.folder = lab.path
        for name in ("mme", "enb1"):
            with self.subTest(name):
                peer = tunnel(name)
                self.counted(lab.node(name), "setup-required", self.HEARTBEAT[name], peer.send_raw)
                peer.close()


class Tunnels(LabTest):
    def test_garbage_on_s1_and_x2(self):
        lab = self.lab(enbs=2, transport="tcp")
        for name, port in (("mme", 36512), ("enb1", 36522)):
            node = lab.node(name)
            node.subscribe()
            raw(lab.address(name), port, b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual(node.wait_event(lambda e: e["topic"] == "refused")["cause"], "tls-failed")
        lab.attach_all()


class Control(LabTest):
    def lines(self, lab, *lines):
        s = socket.socket(socket.AF_UNIX)
        s.connect(str(lab.socket_path("mme")))
        f = s.makefile("rw")
        json.loads(f.readline())
        out = []
        for line in lines:
            f.write(line + "\n")
            f.flush()
            out.append(json.loads(f.readline()))
        f.close()
        s.close()
        return out

    def test_malformed_lines(self):
        lab = self.lab(enbs=2)
        call = lambda method, params: json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
        answers = self.lines(lab, "{", "[]", "{}", call("nothing", {}), call("status", {"x": 1}),
                             call("ue.show", {}), call("ue.show", {"ue": 5}), call("ue.list", {"limit": 0}),
                             call("statu", {}), call("status", {}))
        codes = [a.get("error", {}).get("code") for a in answers]
        self.assertEqual(codes, [-32700, -32600, -32600, -32601, -32602, -32602, -32602, -32602, -32601, None])
        self.assertEqual(answers[8]["error"]["data"]["hint"], "status")

    def test_long_line_is_cut_off(self):
        lab = self.lab(enbs=2)
        self.assertEqual(self.lines(lab, "x" * 200000)[0]["error"]["code"], -32700)
        self.assertEqual(lab.node("mme").call("status")["enbs_up"], 2)


if __name__ == "__main__":
    unittest.main()
