"""A step of chirpline on Kaggle, written by `chirpline kaggle bundle`. ARGUMENTS are options of `chirpline STEP`."""
import runpy
import sys
from pathlib import Path

STEP = ""
ARGUMENTS = []
INPUT = Path("/kaggle/input")

# Kaggle mounts a dataset as NAME, and since 2026 also as datasets/OWNER/NAME.
found = [*INPUT.glob("gw-src-code/launch.py"), *INPUT.glob("*/*/gw-src-code/launch.py")]
if not found:
    sys.exit(
        f"{INPUT} has no gw-src-code/launch.py: upload the folder gw-src-code that chirpline kaggle bundle wrote, and add it to "
        "this notebook (dataset_sources in kernel-metadata.json)"
    )
runpy.run_path(str(found[0]))["main"](STEP, ARGUMENTS)
