#!/usr/bin/env python3
"""Engines of others as `whet` runs them: do they give the answers that they gave by Python, and are they measured?

The libraries are those of the `peers` environment (`tools/venv peers`); the answers are those that oracle.py left. Each
engine is skipped, with a word on why, where its library or the answers are missing. Last line: the count.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent.parent / "tools")]
from devtools import CACHE, MODELS  # noqa: E402

CASES = ["rapidocr-v4-cls-b1", "rapidocr-v4-rec-w160", "ddddocr-common-w96", "magika-b8", "basic-pitch-b1"]
count = {"passed": 0, "failed": 0, "skipped": 0}


def python_of(group, package):
    """The python of an environment that is there already and has the package, or None: making one takes minutes."""
    found = sorted((path for path in CACHE.glob(f"venv-{group}-*/bin/python")
                    if any(path.parent.parent.glob(f"lib/python3.*/site-packages/{package}"))),
                   key=lambda path: path.lstat().st_mtime)
    return found[-1] if found else None


def note(verdict, what, why=""):
    count[verdict] += 1
    if verdict != "passed":
        print(f"{verdict}: {what}{': ' if why else ''}{why}")


def whet(environment, *words):
    done = subprocess.run([os.environ.get("WHET_PROGRAM", "whet"), *map(str, words), "--json", "--no-progress", "--quiet"],
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        return done.returncode, json.loads(done.stdout), done.stderr
    except ValueError:
        return done.returncode, {}, done.stderr


def expect(what, good, why=""):
    note("passed" if good else "failed", what, why)


def check_answers(environment, engine, tolerance):
    folders = [CACHE / "oracle" / case for case in CASES]
    folders = [folder for folder in folders if folder.is_dir()]
    if not folders:
        return note("skipped", f"answers of {engine}", "oracle.py has not been run")
    code, result, said = whet(environment, "conformance", *folders, "--engine", engine, "--range-tol", tolerance)
    expect(f"{engine} answers as the oracle does", code == 0 and result.get("passed") == len(folders),
           f"{[c for c in result.get('cases', []) if c['status'] != 'passed']} {said}")


def check_run(environment, engine, work):
    """Several engines at once, and where the nodes run."""
    model = MODELS / "magika.onnx"
    folder = CACHE / "oracle" / "magika-b8" / "test_data_set_0"
    if not model.is_file() or not folder.is_dir():
        return note("skipped", f"run with {engine}", "no model, or oracle.py has not been run")
    inputs = [word for file in sorted(folder.glob("input_*.pb")) for word in ("-i", file)]
    code, result, said = whet(environment, "run", model, *inputs, "-e", folder / "output_0.pb", "--atol", 1e-3, "--engine",
                              f"native,{engine}", "--placement", "-o", pathlib.Path(work) / engine)
    rows = result.get("engines", [])
    expect(f"native and {engine} side by side", code == 0 and [r["engine"] for r in rows] == ["native", engine], said)
    expect(f"{engine} tells where its nodes run", all(sum(r.get("devices", {}).values()) > 3 for r in rows),
           [r.get("devices") for r in rows])
    expect(f"{engine} writes into a folder of its own", any((pathlib.Path(work) / engine / engine).glob("*.npy")))


def check_bench(environment, engine):
    model = MODELS / "rapidocr-v4-cls.onnx"
    if not model.is_file():
        return note("skipped", f"bench of {engine}", f"{model.name} was not fetched")
    code, result, said = whet(environment, "bench", model, "--engine", f"native,{engine}", "--time", "0.2s",
                              "--input-shape", "1x3x48x192")
    rows = {row["engine"]: row for row in result.get("results", [])}
    expect(f"bench of {engine}", code == 0 and rows.get(engine, {}).get("status") == "ok", said)
    expect(f"bench of {engine} says how it is set", "threads" in (rows.get(engine, {}).get("settings") or ""))
    expect(f"bench of {engine} has its memory", rows.get(engine, {}).get("peak_rss_bytes", 0) > 1 << 20)


def check_data(environment, engine):
    model, data = MODELS / "sklearn-digits-logreg-int.onnx", MODELS / "sklearn-digits.npz"
    if not data.is_file():
        return note("skipped", f"evaluate with {engine}", f"{data.name} was not fetched")
    code, ours, _ = whet(environment, "evaluate", model, "--data", data)
    code, theirs, said = whet(environment, "evaluate", model, "--data", data, "--engine", engine)
    if code == 3:
        note("skipped", f"evaluate with {engine}", said.strip())
    else:
        expect(f"evaluate with {engine}", code == 0 and theirs.get("value") == ours.get("value"), said)


def check_layers(environment, engine, least_db, work):
    folder = CACHE / "oracle" / "rapidocr-v4-rec-w160" / "test_data_set_0"
    if not folder.is_dir():
        return note("skipped", f"layers of {engine}", "oracle.py has not been run")
    sample = subprocess.run([python_of("peers", "openvino"), "-c", "import sys, numpy, onnx, onnx.numpy_helper as h\n"
                             "t = onnx.TensorProto.FromString(open(sys.argv[1], 'rb').read())\n"
                             "numpy.savez(sys.argv[2], **{t.name: h.to_array(t)[None]})", str(folder / "input_0.pb"),
                             f"{work}/layers.npz"], check=False)
    model = MODELS / "rapidocr-v4-rec.onnx"
    if sample.returncode or not model.is_file():
        return note("skipped", f"layers of {engine}", "no sample")
    code, result, said = whet(environment, "compare", model, model, "--data", f"{work}/layers.npz", "--layers", "--engine",
                              f"native,{engine}")
    layers = result.get("layers", [])
    expect(f"values inside {engine}", len(layers) > 100 and min(row["sqnr_db"] for row in layers) > least_db,
           f"{len(layers)} layers {said}")


def check_language(work):
    """llama.cpp: the same greedy tokens, nearly the same perplexity, speed in a table."""
    python, model = python_of("llama", "llama_cpp"), MODELS / "smollm2-135m-instruct.q4_1.gguf"
    if not python or not model.is_file():
        return note("skipped", "llamacpp", "there is no environment with it (tools/venv llama), or no model")
    environment = {**os.environ, "VIRTUAL_ENV": str(python.parent.parent)}
    text = pathlib.Path(work) / "text.txt"
    text.write_text("The capital of France is Paris. The capital of Italy is Rome. " * 40)
    answers, perplexities = [], []
    for engine in ("native", "llamacpp"):
        code, result, said = whet(environment, "generate", model, "-p", "The capital of France is", "--temperature", 0,
                                  "--max-tokens", 6, "--engine", engine)
        expect(f"generate with {engine}", code == 0, said)
        answers.append(result.get("tokens"))
        code, result, said = whet(environment, "perplexity", model, "--text", text, "--ctx", 128, "--chunks", 1,
                                  "--engine", engine)
        expect(f"perplexity with {engine}", code == 0, said)
        perplexities.append(result.get("perplexity", 0))
    expect("both engines choose the same tokens", answers[0] == answers[1], answers)
    expect("both engines are as surprised", abs(perplexities[0] - perplexities[1]) < 0.05 * perplexities[0], perplexities)
    code, result, said = whet(environment, "bench", model, "--engine", "native,llamacpp", "--time", "0.2s", "--prompt", 16,
                              "--gen", 4)
    rates = [row.get("decode_tok_per_s", {}).get("p50", 0) for row in result.get("results", [])]
    expect("bench of language models", code == 0 and len(rates) == 2 and min(rates) > 0, said)
    code, _, said = whet(environment, "generate", model, "-p", "x", "--lookup", "--engine", "llamacpp")
    expect("what needs our own engine is refused", code == 2 and "our own engine" in said, said)


def main():
    python = python_of("peers", "openvino")
    if not python:
        print("skipped: there is no environment of the peers; tools/venv peers makes it")
        return 77
    environment = {**os.environ, "VIRTUAL_ENV": str(pathlib.Path(python).parent.parent)}
    _, listed, said = whet(environment, "engines")
    for engine, tolerance, least_db in (("onnxruntime", 1e-4, 60), ("openvino", 1e-3, 60)):
        row = next((r for r in listed.get("engines", []) if r["name"] == engine), {})
        if row.get("status") != "ready":
            note("failed" if row.get("library") else "skipped", engine, row.get("reason") or said)
            continue
        expect(f"{engine} has devices", bool(row["devices"]))
        check_answers(environment, engine, tolerance)
        check_bench(environment, engine)
        check_data(environment, engine)
        with tempfile.TemporaryDirectory() as work:
            check_run(environment, engine, work)
            check_layers(environment, engine, least_db, work)
    with tempfile.TemporaryDirectory() as work:
        check_language(work)
    print(", ".join(f"{n} {verdict}" for verdict, n in count.items()))
    return 1 if count["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
