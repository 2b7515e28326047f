"""What traces by all nodes cost: pairs.py says how that is measured.

    python3 tests/bench/trace.py [--rounds N] [--ues N] [--moves N] [--quiet-nodes]

The nodes are those of the demo, so every message becomes a line of the events file; with --quiet-nodes that file is
/dev/null. The last line is the figure: how much of the handovers per second a trace costs.
"""

import sys

from pairs import compare


def traced(lab, measured):
    for name in lab.names():
        lab.node(name).call("trace.start")
    try:
        result = measured()
    finally:
        ends = [lab.node(name).call("trace.stop") for name in lab.names()]
    return result, f"{sum(e['messages'] for e in ends)} messages a round"


if __name__ == "__main__":
    sys.exit(compare("trace", traced, __doc__))
