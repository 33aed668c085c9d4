#!/usr/bin/env python3
"""Kills `whet optimize` at random moments and goes on with --resume: the artifacts must have the bytes that a run left
alone gives, and nothing half-written may be left. Interrupting must end with 130 and leave no half-written file, in
optimize, quantize and bench. A journal of other data or other options is refused.

Twice in the tests, twenty times under WHET_TEST_LONG; the moments follow from a seed that is printed. Each run is
interrupted once the model is written, because what follows, measuring, changes no artifact and takes long.
"""
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

import tiny_models

PROGRAM = os.environ.get("WHET_PROGRAM", "")
ARTIFACTS = ("float.onnx", "model.onnx", "statistics.json")
TIME_LIMIT = 120
INTERRUPTED = 130


class Fault(Exception):
    pass


class Skip(Exception):
    pass


def start(folder, *words):
    return subprocess.Popen([PROGRAM, *words, "--no-progress"], cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def optimize(folder, out, *more):
    return start(folder, "optimize", "mlp.onnx", "--data", "set.npz", "-o", out, "--time", "100ms", *more)


def quantize(folder, out):
    return start(folder, "quantize", "mlp.onnx", "--data", "long.npz", "-o", out)


def state_of(path):
    """What a file put in place by renaming changes; None without one."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def wait_for_new(path, before, child):
    end = time.monotonic() + TIME_LIMIT
    while state_of(path) in (None, before) and child.poll() is None:
        if time.monotonic() > end:
            raise Fault(f"{path.name} was not written in {TIME_LIMIT} s")
        time.sleep(0.005)


def end_with(child, number, what):
    """Sends the signal; the exit code must be what people are promised."""
    child.send_signal(number)
    try:
        error = child.communicate(timeout=TIME_LIMIT)[1]
    except subprocess.TimeoutExpired as late:
        child.kill()
        raise Fault(f"{what}: did not end in {TIME_LIMIT} s") from late
    if number == signal.SIGINT and child.returncode != INTERRUPTED:
        raise Fault(f"{what}: exit code {child.returncode} instead of {INTERRUPTED}: {error}")
    if number == signal.SIGINT and "interrupted" not in error:
        raise Fault(f"{what}: does not say that it was interrupted: {error}")
    return error


def no_halves(folder, what):
    left = [p.name for p in folder.rglob("*.tmp-whet-*")]
    if left:
        raise Fault(f"{what}: half-written files were left: {left}")


def artifacts_of(folder, out, *more):
    """Bytes of what is written before measuring begins; and how long that took."""
    began = time.monotonic()
    model = folder / out / "model.onnx"
    before = state_of(model)  # a run that was killed may have written it
    child = optimize(folder, out, *more)
    wait_for_new(model, before, child)
    took = time.monotonic() - began
    end_with(child, signal.SIGINT, f"optimize {' '.join(more)}")
    return {name: (folder / out / name).read_bytes() for name in ARTIFACTS}, took


def killed_and_resumed(folder, draw, times):
    reference, took = artifacts_of(folder, "alone")
    no_halves(folder, "optimize")
    for i in range(times):
        out = f"killed{i}"
        child = optimize(folder, out)
        time.sleep(draw.random() * took)
        end_with(child, signal.SIGKILL, "optimize")
        if (folder / out).is_dir():  # as a kill in the middle of a write leaves it, which is rarely met
            (folder / out / "model.onnx.tmp-whet-0a1b2c3d").write_bytes(b"half")
        again, _ = artifacts_of(folder, out, "--resume")
        no_halves(folder, "optimize --resume")
        for name in ARTIFACTS:
            if again[name] != reference[name]:
                raise Fault(f"{name} has other bytes after a kill (run {i}) and --resume")


def other_runs_are_refused(folder):
    """Whatever the result depends on belongs to the journal; where a file lies does not."""
    data = ["optimize", "eye.onnx", "--data", "classes", "-o", "eye", "--time", "100ms"]
    child = start(folder, *data)
    wait_for_new(folder / "eye" / "float.onnx", None, child)  # by then the journal has begun
    if "WHET_WITH_IMAGES" in end_with(child, signal.SIGKILL, "optimize"):
        raise Skip("this build reads no pictures, which have preprocessing")
    (folder / "names.txt").write_text("b\na\n")  # the classes in another order
    (folder / "double.json").write_text('{"scale": 2}')
    others = ("--labels names.txt", "--preprocess double.json", "--limit 20", "--seed 3", "--metric top5",
              "--min-accuracy 0.5", "--min-speedup 3", "--max-memory-ratio 0.7", "--max-size 1M", "--max-memory 1M",
              "--max-latency 1s", "--input-shape x=1x1x4x4")
    for words in others:
        child = start(folder, *data, "--resume", *words.split())
        error = child.communicate(timeout=TIME_LIMIT)[1]
        if child.returncode != 2 or "other options" not in error:
            raise Fault(f"optimize --resume {words}: exit code {child.returncode}: {error}")
    (folder / "classes").rename(folder / "moved")
    model = folder / "eye" / "model.onnx"
    before = state_of(model)
    child = start(folder, "optimize", "eye.onnx", "--data", "moved", "-o", "eye", "--time", "100ms", "--resume")
    wait_for_new(model, before, child)
    end_with(child, signal.SIGINT, "optimize --resume")


def interrupted_quantize(folder, draw, times):
    began = time.monotonic()
    alone = quantize(folder, "quantized.onnx")
    error = alone.communicate(timeout=TIME_LIMIT)[1]
    took = time.monotonic() - began
    if alone.returncode:
        raise Fault(f"quantize: exit code {alone.returncode}: {error}")
    whole = (folder / "quantized.onnx").read_bytes()
    for i in range(times):
        out = folder / f"quantized{i}.onnx"
        child = quantize(folder, out.name)
        time.sleep(draw.random() * took)
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        error = child.communicate(timeout=TIME_LIMIT)[1]
        early = child.returncode == -signal.SIGINT  # before the program listens
        if child.returncode not in (0, INTERRUPTED) and not early:
            raise Fault(f"quantize: exit code {child.returncode}: {error}")
        if child.returncode == 0 and not out.exists():
            raise Fault("quantize: exit code 0, and the file is not there")
        if out.exists() and out.read_bytes() != whole:  # interrupted behind the last write it is there, and whole
            raise Fault(f"quantize: exit code {child.returncode}, and the file has other bytes than that of a run left alone")
    no_halves(folder, "quantize")


def interrupted_bench(folder):
    child = start(folder, "bench", "mlp.onnx", "--batch", "1", "--time", "60")
    time.sleep(1)
    end_with(child, signal.SIGINT, "bench")
    no_halves(folder, "bench")


def main():
    if not os.path.exists(PROGRAM) or os.environ.get("WHET_EMULATOR"):
        print("skipped: WHET_PROGRAM names no program that can be killed here")
        return 77
    seed = int(os.environ.get("WHET_TEST_SEED", "1"))
    draw, times = random.Random(seed), 20 if os.environ.get("WHET_TEST_LONG") else 2
    print(f"seed {seed}")
    failed = skipped = 0
    with tempfile.TemporaryDirectory(prefix="whet-kill-") as name:
        folder = pathlib.Path(name)
        tiny = tiny_models.files()
        for file, data in {"mlp.onnx": tiny["mlp.onnx"], "set.npz": tiny["set.npz"], "long.npz": tiny_models.npz(4000),
                           **tiny_models.pictures(24)}.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(data)
        checks = (lambda: killed_and_resumed(folder, draw, times), lambda: interrupted_quantize(folder, draw, times),
                  lambda: interrupted_bench(folder), lambda: other_runs_are_refused(folder))
        for check in checks:
            try:
                check()
            except Fault as fault:
                print(fault)
                failed += 1
            except Skip as reason:
                print(f"skipped: {reason}")
                skipped += 1
    print(f"{len(checks) - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
