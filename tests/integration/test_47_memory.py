"""Keys in the memory of the daemons: what was erased is gone from heap, stack and libraries."""

import os
import re
import time
import unittest

from labtest import LabTest  # first: it finds the others
from keyhop import wait_until

# Of subscribers and of tunnels that are up: these are to be there.
STAY = ("k", "opc", "mme_enb_key")


def memory_of(pid):
    """What a process can write to: where keys could be."""
    out = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            area = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if not area or "[v" in line:
                continue
            begin, end = (int(x, 16) for x in area.groups())
            try:
                mem.seek(begin)
                out.append(mem.read(end - begin))
            except OSError:
                continue
    return out


def sanitized(lab):
    return b"__asan_" in lab.binary("mme").read_bytes()


class Memory(LabTest):
    def keys_in(self, lab, name):
        """Kinds of the node's own keys of UEs that are still in its memory, and how many it had."""
        memory, found, had = memory_of(lab.process[name].pid), set(), 0
        for line in (lab.path / f"{name}.keylog").read_text().splitlines():
            kind, *tags, key = line.split()
            if kind in STAY:
                continue
            had += 1
            if any(bytes.fromhex(key) in area for area in memory):
                found.add((kind, *tags[1:]))
        return found, had

    def readable_lab(self, **options):
        lab = self.lab(**options)
        if sanitized(lab):
            print("skipped: AddressSanitizer keeps stacks and freed memory", flush=True)
            self.skipTest("AddressSanitizer keeps stacks and freed memory")
        try:
            memory_of(lab.process["mme"].pid)
        except PermissionError:
            print("skipped: the memory of daemons is not for us to read", flush=True)
            self.skipTest("the memory of daemons is not for us to read")
        return lab

    def test_nothing_is_left_of_ues_that_left(self):
        lab = self.readable_lab(enbs=2, ues=3)
        lab.attach_all()
        with self.subTest("while a UE is attached its keys are seen, so that the search means something"):
            self.assertIn("k_rrc_int", {kind for kind, *_ in self.keys_in(lab, "ue")[0]})
        for source, target in (("enb1", "enb2"), ("enb2", "enb1"), ("enb1", "enb2")):
            for imsi in lab.imsis:
                lab.node(source).call("handover.start", ue=imsi, target=target, wait=True)
        for imsi in lab.imsis:
            lab.node("ue").call("detach", ue=imsi, wait=True)
        nodes = [lab.node(n) for n in lab.names()]
        wait_until(nodes, lambda: lab.node("mme").call("status")["ues"] == 0, 10, "all contexts gone")
        for name in lab.names():
            with self.subTest(name):
                found, had = self.keys_in(lab, name)
                self.assertGreater(had, 10)
                self.assertEqual(found, set())

    def test_nothing_is_left_of_what_operators_bring(self):
        lab = self.readable_lab(enbs=1, ues=1)
        mme, ue, imsi = lab.node("mme"), lab.node("ue"), "001010000000077"
        file = lab.path / "more.csv"
        file.touch(0o600)

        def by_file(k, opc):
            file.write_text(f"{imsi},{k},{opc}\n")
            mme.call("subscriber.import", file=str(file))

        def broken(k, opc):
            mme._socket.sendall(f'{{"k": "{k}" "opc": "{opc}"}}\n'.encode())
            self.assertIn("error", mme._read(time.monotonic() + 10))

        ways = {
            "subscriber.add": (mme, lambda k, opc: mme.call("subscriber.add", ue=imsi, k=k, opc=opc)),
            "an OP": (mme, lambda k, opc: mme.call("subscriber.add", ue=imsi, k=k, opc="op:" + opc)),
            "a piece": (mme, lambda k, opc: mme.call("subscriber.import", file="x", text=f"# {'x' * 200}\n" * 90 + f"{imsi},{k},{opc}\n")),
            "a file": (mme, by_file),
            "a line that is no request": (mme, broken),
            "ue.add": (ue, lambda k, opc: ue.call("ue.add", ue=imsi, k=k, opc=opc)),
        }
        for way, (node, bring) in ways.items():
            k, opc = os.urandom(16), os.urandom(16)
            pid = lab.process["ue" if node is ue else "mme"].pid
            bring(k.hex(), opc.hex())
            if bring is not broken:
                with self.subTest(way + ": while it is there it is seen, so that the search means something"):
                    self.assertTrue(any(k in area for area in memory_of(pid)))
                node.call("ue.remove" if node is ue else "subscriber.remove", ue=imsi)
            with self.subTest(way):
                memory = memory_of(pid)
                for what, key in (("K", k), ("OPc", opc), ("K typed", k.hex().encode()), ("OPc typed", opc.hex().encode())):
                    self.assertEqual(sum(area.count(key) for area in memory), 0, what)


if __name__ == "__main__":
    unittest.main()
