"""fanfold: its binary, with the example plugin `numbers`. No Python is part of what is measured."""

import json
import os
import subprocess
from pathlib import Path

from systems import Unmeasured

FANFOLD = os.environ["FANFOLD"]
PLUGINS = os.environ["FANFOLD_PLUGINS"]
PIPELINE = Path(__file__).with_name("on_fanfold.star")


def versions() -> str:
    return subprocess.check_output([FANFOLD, "--version"], text=True).strip()


def command(n: int, setting: str) -> list[str]:
    if setting == "memory" and "memory" not in subprocess.check_output([FANFOLD, "run", "--help"], text=True):
        raise Unmeasured("this fanfold has no `--store memory`")
    config = Path(f"{n}.json").absolute()
    config.write_text(json.dumps({"solids": {"emit": {"inputs": {"num": n}}}}))
    run = [FANFOLD, "run", PIPELINE, "--config", config, "--plugins", PLUGINS, "--jobs", "2", "--store", setting]
    return list(map(str, run))
