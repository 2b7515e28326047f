"""keyhop lab in virtual machines. Skipped, with the reason, where there is no QEMU or no kernel package."""

import json
import os
import signal
import struct
import subprocess
import time
import unittest

from labtool import CONF, TOOL, PartitionTest, processes_of

LINKTYPE_ETHERNET = 1


def pairs(pcap):
    """{(source, destination): frames} of the IPv4 frames of a pcap file."""
    data = pcap.read_bytes()
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
    assert (magic, link) == (0xA1B2C3D4, LINKTYPE_ETHERNET)
    out, at = {}, 24
    while at < len(data):
        _, _, length, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16 : at + 16 + length]
        at += 16 + length
        if frame[12:14] == b"\x08\x00":
            pair = tuple(".".join(map(str, frame[o : o + 4])) for o in (26, 30))
            out[pair] = out.get(pair, 0) + 1
    assert at == len(data)
    return out


class Machines(PartitionTest):
    interval = "500ms"

    def test_a_hundred_handovers(self):
        began = time.monotonic()
        run = self.up(CONF / "topologies/4-nodes.yaml", "vm")
        up = time.monotonic() - began
        summary = self.run_scenario(run, CONF / "scenarios/ping-pong.yaml")
        took = time.monotonic() - began
        self.assertEqual(summary["completed"], 100)
        status = self.lab(run, "status")
        print(f"four guests with {status['transport']} and {status['security']}: up in {up:.1f} s, 100 handovers in "
              f"{took:.1f} s from nothing", flush=True)
        self.assertGreater((run / "enb1.log").stat().st_size, 1000)  # while they run
        self.down(run)
        self.assertEqual(processes_of(run)[0], set())
        # Everything came to the host, and all the same happened as on loopback.
        for name in ("mme", "enb1", "enb2", "ue"):
            self.assertIn("signal 15: ending", (run / f"{name}.log").read_text())
            self.assertGreater(len((run / f"{name}.keylog").read_text().splitlines()), 100)
            self.assertIn(f"{name} ends with 0", (run / f"vm/{name}.console").read_text())
        self.assertEqual(json.loads((run / "exit.json").read_text()), dict.fromkeys(("mme", "enb1", "enb2", "ue"), 0))
        seen = pairs(run / "lan.pcap")
        address = {n["node"]: n["address"] for n in status["nodes"]}
        for a, b in (("enb1", "mme"), ("enb2", "mme"), ("enb1", "enb2"), ("ue", "enb1"), ("ue", "enb2")):
            self.assertGreater(seen.get((address[a], address[b]), 0), 20, f"{a} to {b}")
        self.assertNotIn((address["ue"], address["mme"]), seen)
        loopback = self.up(CONF / "topologies/4-nodes.yaml", "loopback")
        self.run_scenario(loopback, CONF / "scenarios/ping-pong.yaml")
        self.down(loopback)
        self.steps(loopback, run)

    def test_partition_and_the_rest(self):
        run, books = self.attached("vm")
        self.lists_in_hand(run, books)
        self.in_the_middle(run, books, 5, rate=15)
        # Commands in a guest.
        done = subprocess.run([str(TOOL), "lab", "exec", "--out", str(run), "enb1", "--", "sh", "-c",
                               "hostname; cat; echo wrong >&2; exit 7"], input="typed\n", capture_output=True, text=True,
                              timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "enb1\ntyped\n", "wrong\n"))
        # Several control connections at once, one of them closed half.
        nodes = [books.node["mme"], *(books.watch.values())]
        self.assertEqual([n.call("status")["node"] for n in nodes], ["mme", *books.watch])
        # A daemon is started again in its guest, and a machine that dies is seen.
        self.assertEqual(self.lab(run, "restart", "enb2")["exit"], 0)
        self.assertTrue(self.lab(run, "status")["ready"])
        machine = int((run / "ue.pid").read_text())
        os.kill(machine, signal.SIGKILL)
        with self.assertRaises(ConnectionError):
            books.watch["ue"].wait_event(lambda e: False, 30)
        state = {n["node"]: n["state"] for n in self.lab(run, "status", code=1)["nodes"]}
        self.assertEqual(state, {"mme": "up", "enb1": "up", "enb2": "up", "ue": "ended"})
        self.lab(run, "down", code=None)
        self.assertEqual(processes_of(run)[0], set())


if __name__ == "__main__":
    unittest.main()
