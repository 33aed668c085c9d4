#!/usr/bin/env python3
"""Runs the program as people and scripts do. Cases are data: the files in cases/, blocks of lines `KEY: VALUE`:

    case: what it is about            begins a block
    need: WORD...                     else it is skipped: model:FILE (in the cache), /a/path, children (of a process, in /proc),
                                      workers (the program can start itself), plain (no sanitizer), openvino, images (built with it)
    run: COMMAND                      for sh; $WHET is the program, the working folder is fresh and holds tiny_models.py's files
    exit: N                           0 when not said
    out: REGEX   err: REGEX           found in standard output, standard error; `out!:` and `err!:` are not found there
    json: PATH [OPERATOR VALUE]       standard output is one JSON document in which PATH is there (and == VALUE, or > NUMBER)
    file: NAME                        is there afterwards; `file!: NAME` is not

usage: run_cli.py [NAME_PART...]
"""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import tiny_models

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "whet" / "models"
KEYS = {"case", "need", "run", "exit", "out", "out!", "err", "err!", "json", "file", "file!"}
TIME_LIMIT = 120


def read_cases(path):
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key, _, value = line.partition(": ")
        if key not in KEYS or (key != "case" and not cases):
            sys.exit(f"{path}:{number}: '{key}' is no key of a case")
        if key == "case":
            cases.append({"where": f"{path.name}:{number}", "case": value, "checks": []})
        elif key == "run":
            cases[-1]["run"] = value
        else:
            cases[-1]["checks"].append((key, value))
    return cases


def missing(case):
    """What the case needs and is not here, or None."""
    for key, value in case["checks"]:
        for word in value.split() if key == "need" else []:
            if word.startswith("model:") and not (CACHE / word[6:]).is_file():
                return f"{word[6:]} was not fetched"
            if word == "children" and not os.path.exists("/proc/self/task/self/children") and not os.path.exists(
                    f"/proc/{os.getpid()}/task/{os.getpid()}/children"):
                return "the kernel does not list children"
            if word == "images" and os.environ.get("WHET_WITHOUT_IMAGES"):
                return "this build reads no pictures"
            if word == "openvino" and os.environ.get("WHET_WITHOUT_OPENVINO"):
                return "this build is without libxml2"
            if word == "workers" and os.environ.get("WHET_EMULATOR"):
                return "an emulated program cannot start itself"
            if word == "plain" and os.environ.get("WHET_SANITIZED"):
                return "the sanitizer takes more memory than the case leaves"
            if word.startswith("/") and not os.path.exists(word):
                return f"{word} is absent"
    return None


def step(document, path):
    for part in re.findall(r"[^.\[\]]+|\[\d+\]", path):
        document = document[int(part[1:-1])] if part.startswith("[") else document[part]
    return document


def json_fault(text, value):
    path, operator, wanted = (re.match(r"(\S+)(?:\s+(==|>)\s+(.*))?$", value).groups())
    try:
        found = step(json.loads(text), path)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    if operator == "==" and found != json.loads(wanted):
        return f"is {found!r}"
    if operator == ">" and not (isinstance(found, (int, float)) and found > float(wanted)):
        return f"is {found!r}"
    return None


def check(key, value, done, folder):
    """What is wrong, or None."""
    if key == "exit":
        return None
    if key in ("out", "err", "out!", "err!"):
        text = done.stdout if key.startswith("out") else done.stderr
        found = re.search(value, text, re.M) is not None
        return None if found != key.endswith("!") else "found" if found else "not found"
    if key == "json":
        return json_fault(done.stdout, value)
    if key in ("file", "file!"):
        there = (folder / value).exists()
        return None if there != key.endswith("!") else "is there" if there else "is not there"
    return None


def shell(command, folder, environment):
    """What the command did; None when it took too long: then it is ended, with all that it started in its session."""
    child = subprocess.Popen(["sh", "-c", command], cwd=folder, env=environment, text=True, errors="replace",
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    try:
        out, err = child.communicate(timeout=TIME_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return None
    return subprocess.CompletedProcess(command, child.returncode, out, err)


def run_case(case, environment):
    """Faults of one case, as texts."""
    with tempfile.TemporaryDirectory(prefix="whet-cli-") as name:
        folder = pathlib.Path(name)
        for file, data in tiny_models.files().items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(data)
        done = shell(case["run"], folder, environment)
        if done is None:
            return [f"still running after {TIME_LIMIT} s"]
        expected = next((int(v) for k, v in case["checks"] if k == "exit"), 0)
        faults = [] if done.returncode == expected else [f"exit code {done.returncode}, {expected} was expected"]
        for key, value in case["checks"]:
            fault = check(key, value, done, folder)
            if fault:
                faults.append(f"{key}: {value}: {fault}")
        left = [p.name for p in folder.rglob("*.tmp-whet-*")]
        if left:
            faults.append(f"half-written files were left: {left}")
        if faults:
            faults.append("standard output: " + done.stdout[:600].rstrip())
            faults.append("standard error: " + done.stderr[:600].rstrip())
        return faults


def main():
    program = os.environ.get("WHET_PROGRAM")
    if not program or not os.path.exists(program):
        print("skipped: WHET_PROGRAM names no program")
        return 77
    command = f"{os.environ.get('WHET_EMULATOR', '')} {program}".strip()
    environment = {**os.environ, "WHET": command.replace(";", " "), "MODELS": str(CACHE), "LC_ALL": "C"}
    environment.pop("WHET_CPU_MASK", None)
    passed = failed = skipped = 0
    for path in sorted((HERE / "cases").glob("*.txt")):
        for case in read_cases(path):
            if sys.argv[1:] and not any(part in case["case"] for part in sys.argv[1:]):
                continue
            reason = missing(case)
            if reason:
                print(f"skipped: {case['case']}: {reason}")
                skipped += 1
                continue
            faults = run_case(case, environment)
            passed, failed = passed + (not faults), failed + bool(faults)
            if faults:
                print(f"{case['where']}: {case['case']}\n    $ {case['run']}")
                for fault in faults:
                    print("    " + fault.replace("\n", "\n      "))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
