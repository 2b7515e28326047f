"""What captures by all nodes cost: pairs.py says how that is measured.

    python3 tests/bench/capture.py [--rounds N] [--ues N] [--moves N] [--quiet-nodes]

The nodes are those of the demo (log at info, events to a file); --quiet-nodes takes both away, so that the capture is
all that is written. The last line is the figure: how much of the handovers per second a capture costs.
"""

import sys

from pairs import compare


def captured(lab, measured):
    for name in lab.names():
        lab.node(name).call("capture.start", file=f"{name}.pcapng")
    try:
        result = measured()
    finally:
        ends = [lab.node(name).call("capture.stop") for name in lab.names()]
    return result, f"{sum(e['packets'] for e in ends)} packets, {sum(e['bytes'] for e in ends)} octets a round"


if __name__ == "__main__":
    sys.exit(compare("capture", captured, __doc__))
