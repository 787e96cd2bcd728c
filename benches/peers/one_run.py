"""In a peer's own environment: `one_run.py PEER` prints its version, `one_run.py PEER SETTING N` runs it once."""

import importlib
import sys

if __name__ == "__main__":  # some peers start processes that import this file
    peer = importlib.import_module(f"on_{sys.argv[1]}")
    if len(sys.argv) == 2:
        print(peer.versions())
    else:
        print(peer.run(int(sys.argv[3]), sys.argv[2]))
