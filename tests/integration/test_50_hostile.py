"""Bad input on every socket: each has a named cause and a counter, and the daemon goes on."""

import json
import os
import socket
import struct
import unittest

from labtest import LabTest, frame, raw

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
    "wrong-link": frame(b"\x1a\x05\xaa\x01\x02\x09\x01"[:7]),
}


class Uu(LabTest):
    def test_each_case_is_named_and_survived(self):
        lab = self.lab(enbs=2)
        lab.attach_all()
        enb = lab.node("enb1")
        for cause in ("frame-empty", "frame-too-long", "frame-truncated", "not-protobuf", "missing-field",
                      "unknown-field", "ue-not-found", "unknown-message"):
            with self.subTest(cause):
                before = self.refused(enb, cause)
                raw(lab.address("enb1"), UU, CASES[cause])
                enb.subscribe(since=0)
                enb.wait_event(lambda e: e.get("cause") == cause)
                enb.call("events.unsubscribe")
                enb.events.clear()
                self.assertEqual(self.refused(enb, cause), before + 1)
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")

    def test_another_connection_cannot_use_a_c_rnti(self):
        lab = self.lab(enbs=2)
        lab.attach_all()
        enb = lab.node("enb1")
        c_rnti = enb.call("ue.show", ue=lab.imsis[0])["c_rnti"]
        raw(lab.address("enb1"), UU, frame(bytes([0x08, c_rnti, 0x10, 0x01, 0x1A, 0x06]) + bytes(6)))
        enb.subscribe(since=0)
        enb.wait_event(lambda e: e.get("cause") == "not-owner")
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")

    def test_random_octets(self):
        lab = self.lab(enbs=2)
        lab.attach_all()
        for _ in range(100):
            raw(lab.address("enb1"), UU, b"".join(frame(os.urandom(40)) for _ in range(10)))
        self.assertEqual(lab.node("ue").call("traffic.ping", ue=lab.imsis[0])["outcome"], "completed")


class Tunnels(LabTest):
    def test_garbage_on_s1_and_x2(self):
        lab = self.lab(enbs=2)
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
