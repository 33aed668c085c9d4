#!/usr/bin/env python3
"""`whet optimize` on a classifier with one product that 8 bits ruin: it is found, kept in float, and priced in the ledger.

The first of three products reads a feature a thousand times as large as the others and multiplies it by nothing: one
scale for the input erases what matters. A killed run that is resumed gives the same bytes, and one that
another build or another machine began shows no measurement of theirs; data without labels are
scored by agreement; sets that prove little are said to. The commands in the result print its numbers again.
"""
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
from devtools import CACHE, enter, run  # noqa: E402

FEATURES, CLASSES, SAMPLES = 12, 4, 160
passed = failed = 0


def row(good, text):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print(f"{'passed' if good else 'FAILED'}  {text}", flush=True)


def optimize(folder, data, out, *more):
    """The result, what was said, the exit code. Gates may fail: the machine is not what is tested."""
    done = subprocess.run([os.environ["WHET_PROGRAM"], "optimize", str(folder / "model.onnx"), "--data", str(data), "-o",
                           str(out), "--threads", "1", "--time", "100ms", "--no-progress", *more], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    path = out / "result.json"
    return (json.loads(path.read_text()) if path.exists() else {}), done.stderr, done.returncode


def make(folder):
    import numpy as np
    import onnx
    from onnx import TensorProto, helper as h, numpy_helper
    rng = np.random.default_rng(1)
    first = rng.standard_normal((FEATURES, 32)).astype(np.float32)
    first[0] = 0
    weights = {"w1": first, "w2": rng.standard_normal((32, 32)).astype(np.float32) / 6,
               "w3": rng.standard_normal((32, CLASSES)).astype(np.float32) / 6}
    nodes = [h.make_node("MatMul", ["x", "w1"], ["a"], "first"), h.make_node("Relu", ["a"], ["b"]),
             h.make_node("MatMul", ["b", "w2"], ["c"], "second"), h.make_node("Relu", ["c"], ["d"]),
             h.make_node("MatMul", ["d", "w3"], ["y"], "third")]
    graph = h.make_graph(nodes, "classifier", [h.make_tensor_value_info("x", TensorProto.FLOAT, [1, FEATURES])],
                         [h.make_tensor_value_info("y", TensorProto.FLOAT, [1, CLASSES])],
                         [numpy_helper.from_array(w, name) for name, w in weights.items()])
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    x = rng.standard_normal((SAMPLES, FEATURES)).astype(np.float32)
    x[:, 0] *= 1000
    label = (np.maximum(np.maximum(x @ weights["w1"], 0) @ weights["w2"], 0) @ weights["w3"]).argmax(1)
    np.savez(folder / "labelled.npz", x=x, label=label)
    np.savez(folder / "bare.npz", x=x)
    np.savez(folder / "two.npz", x=x[:2], label=label[:2])
    np.savez(folder / "same.npz", x=x[label == label[0]], label=label[label == label[0]])
    np.savez(folder / "one.npz", x=x[:1], label=label[:1])


def check_search(result):
    kept = result["search"]["kept"]
    row([k["node"] for k in kept] == ["first"], f"kept in float: {[k['node'] for k in kept]}")
    accuracy = result["stages"][-1]["accuracy"]["value"]
    row(accuracy >= 0.95, f"accuracy {accuracy:.3f}")
    priced = [r for r in result["ledger"] if "gain_db" in r]
    row(len(priced) == 1 and priced[0]["got"] != "int8", "the ledger names it")
    facts = priced[0] if priced else {}
    row(facts.get("gain_db", 0) > 10 and facts["value_without"] < facts["value_with"],
        f"worth: {facts.get('gain_db')} dB, score {facts.get('value_without')} to {facts.get('value_with')}")
    row(facts.get("memory_bytes") == 3 * FEATURES * 32 and facts.get("float_ms", 0) > 0 and facts.get("int8_ms", 0) > 0,
        f"costs: {facts.get('memory_bytes')} bytes, {facts.get('int8_ms')} to {facts.get('float_ms')} ms")


def check_result(result, out):
    stages = {s["name"]: s for s in result["stages"]}
    for name in ("baseline", "convert", "quantize", "accelerate", "validate"):
        s = stages[name]
        row(all(s.get(key) for key in ("latency_ms", "peak_memory_bytes", "size_bytes", "accuracy", "energy_j", "energy_source")),
            f"{name}: latency, memory, size, accuracy, energy ({s.get('energy_source')})")
    row(all(0 <= s["interrupted"] <= 1 and s["spread"] >= 0 for s in stages.values()), "runs that others interrupted are counted")
    memory = next(g for g in result["gates"] if g["name"] == "memory")
    row("weights" in memory["detail"] and "activations" in memory["detail"], f"memory: {memory['detail']}")
    row("native, the only one" in stages["baseline"]["what"], "the baseline says on which engine, and why")
    gates = {g["name"] for g in result["gates"]}
    row({"accuracy", "speed", "memory", "spread", "equivalence"} <= gates, f"gates: {sorted(gates)}")
    row(result["ab_test"]["test"] in ("mcnemar", "bootstrap") and "test" in result["ab_test"]["statement"], "the A/B test is named")
    page = (out / "report.html").read_text()
    row("<script" not in page and "kept in float" in page, "the report shows the layers in float, without a script")


def check_resume(folder, out):
    """As killed behind the calibration, and as killed at the end of the search."""
    want = (out / "model.onnx").read_bytes()
    lines = (out / "journal").read_text().splitlines(keepends=True)
    steps = [json.loads(line).get("step") for line in lines]
    for after in ("calibrate", "search"):
        (out / "journal").write_text("".join(lines[:steps.index(after) + 1]) + '{"step": "cut o')
        (out / "model.onnx").unlink()
        result, said, code = optimize(folder, folder / "labelled.npz", out, "--resume")
        row(code in (0, 1) and (out / "model.onnx").read_bytes() == want, f"resumed behind {after}: the same bytes ({code})")


def resume_elsewhere(folder, out, key, other):
    """The steps done again when all was done by another build or on another machine, and what was said. The latencies
    that are planted in the journal must not come out as this program's, on this machine."""
    lines = [json.loads(line) for line in (out / "journal").read_text().splitlines()]
    for line in lines[1:]:
        line[key] = other(line[key])
        if line["step"] == "measure":
            for lane in ("baseline", "quantize"):
                line["result"][lane]["latency_ms"]["p50"] = 123456
    planted = "".join(json.dumps(line) + "\n" for line in lines)
    (out / "journal").write_text(planted)
    result, said, code = optimize(folder, folder / "labelled.npz", out, "--resume")
    again = [json.loads(line)["step"] for line in (out / "journal").read_text()[len(planted):].splitlines()]
    row(code in (0, 1) and "123456" not in (out / "result.json").read_text(), f"another {key}: nothing old is shown ({code})")
    return result, said, again


def check_elsewhere(folder, out):
    want = (out / "model.onnx").read_bytes()
    result, said, again = resume_elsewhere(folder, out, "machine", lambda m: {**m, "model": "Another Processor"})
    row(again == ["measure", "profile", "validate"], f"another machine: measured again: {again}")
    row("3 steps were done" in said and (out / "model.onnx").read_bytes() == want, "another machine: what was made serves, and it says so")
    row(all(s["seconds"] is None for s in result["stages"] if s["name"] in ("convert", "quantize")), "another machine: the times that making took there are left out")
    result, said, again = resume_elsewhere(folder, out, "program", lambda p: "0" * len(p))
    row(again == ["convert", "calibrate", "search", "measure", "profile", "validate"], f"another build: all done again: {again}")
    row("6 steps were done" in said and (out / "model.onnx").read_bytes() == want, "another build: it says so")


def check_commands(folder):
    """The labels lie beside the original, where the artifact does not find them, and turn the sorted order around; seed
    and limit choose other samples than the defaults do."""
    import numpy as np
    home = folder / "it's here"
    home.mkdir()
    (home / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    (home / "labels.txt").write_text("".join(f"c{i}\n" for i in reversed(range(CLASSES))))
    with np.load(folder / "labelled.npz") as data:
        for i, (x, label) in enumerate(zip(data["x"], data["label"])):
            (home / f"set/c{CLASSES - 1 - label}").mkdir(parents=True, exist_ok=True)
            np.save(home / f"set/c{CLASSES - 1 - label}/{i}.npy", x)
    result, said, code = optimize(home, home / "set", home / "out", "--limit", "30", "--seed", "7", "--metric", "accuracy")
    row(code in (0, 1) and result, f"labels beside the model, a limit, a seed, a metric ({code}) {'' if result else said}")
    asked = {c["what"]: shlex.split(c["command"])[1:] for c in result.get("commands", [])}
    for what, stage in (("accuracy of the original", 0), ("accuracy of the artifact", -1)):
        done = subprocess.run([os.environ["WHET_PROGRAM"], *asked.get(what, []), "--json"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        again = json.loads(done.stdout) if done.returncode == 0 else {}
        want = result["stages"][stage]["accuracy"]
        row(all(again.get(key) == want[key] for key in ("value", "ci95", "samples", "metric")) and want["value"] > 0.9,
            f"{what} comes out again: {want['value']} of {want['samples']} {done.stderr}")
    row({"--limit", "--seed", "--metric"} <= set(asked.get("all of it", [])), "what was asked is in the command for all of it")


def check_weak(folder):
    result, said, code = optimize(folder, folder / "bare.npz", folder / "bare")
    row(code in (0, 1) and "no labels" in said and result["metric"]["name"] == "agreement" and result["warnings"],
        f"without labels: scored by agreement, and says so ({code})")
    result, said, code = optimize(folder, folder / "same.npz", folder / "same")
    row(code in (0, 1) and "one class" in said and result["warnings"], f"one class: a warning ({code})")
    result, said, code = optimize(folder, folder / "two.npz", folder / "two")
    row(code in (0, 1) and "2 samples" in said and result["warnings"], f"two samples: a warning ({code})")
    result, said, code = optimize(folder, folder / "one.npz", folder / "one")
    row(code == 3 and "cannot be split" in said and not result, f"one sample: refused ({code})")


def main():
    if "WHET_PROGRAM" not in os.environ:
        print("skipped: WHET_PROGRAM does not say which program to test")
        return 77
    if not any(CACHE.glob("venv-test-*/bin/python")):
        print("skipped: there is no environment for the tests; tools/venv test makes it")
        return 77
    enter("test")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        make(folder)
        out = folder / "out"
        result, said, code = optimize(folder, folder / "labelled.npz", out)
        row(code in (0, 1) and result, f"optimize: exit code {code} {'' if result else said}")
        if result:
            check_search(result)
            check_result(result, out)
            check_resume(folder, out)
            check_elsewhere(folder, out)
        check_commands(folder)
        check_weak(folder)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    run("check_optimize", main)
