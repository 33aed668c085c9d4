#!/usr/bin/env python3
"""Makes report_sample.json: a made-up document with every key that the report knows, for its tests alone.

No figure in it was measured. Run it after a change of the schema: tests/optimize/make_report_sample.py
"""
import json
import math
import random
from pathlib import Path

rng = random.Random(7)
OPS = ["Conv", "Conv", "Conv", "Add", "HardSwish", "GlobalAveragePool", "MatMul", "Softmax"]


def latency(p50, spread, runs):
    """(statistics, samples) of a skewed distribution."""
    ms = sorted(p50 * math.exp(rng.gauss(0, spread) + (rng.random() < 0.03) * rng.expovariate(6)) for _ in range(runs))

    def at(p):
        return ms[min(runs - 1, int(p * runs))]

    mean = sum(ms) / runs
    stddev = math.sqrt(sum((x - mean) ** 2 for x in ms) / runs)
    half = 1.25 * stddev / math.sqrt(runs)
    stats = {"p50": at(.5), "p95": at(.95), "p99": at(.99), "mean": mean, "stddev": stddev,
             "ci95": [at(.5) - half, at(.5) + half], "runs": runs}
    rng.shuffle(ms)
    return rounded(stats), [round(x, 4) for x in ms]


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else value


base_ms, base_samples = latency(12.4, .05, 240)
convert_ms, _ = latency(11.1, .05, 240)
int8_ms, _ = latency(4.6, .05, 240)
fast_ms, fast_samples = latency(4.12, .04, 240)
ACCURACY = {"baseline": (0.9875, [0.9638, 0.9957]), "int8": (0.9833, [0.958, 0.9935])}


def stage(name, title, what, artifact, ms, size, weights, memory, accuracy, seconds, threads=2):
    one = {"name": name, "title": title, "what": what, "artifact": artifact, "engine": "native", "threads": threads,
           "latency_ms": ms, "size_bytes": size, "weight_bytes": weights, "peak_memory_bytes": memory,
           "activation_bytes": memory - weights, "speedup": base_ms["p50"] / ms["p50"],
           "speedup_ci95": [base_ms["p50"] / ms["p50"] * .98, base_ms["p50"] / ms["p50"] * 1.02],
           "memory_ratio": memory / 14_200_000, "size_ratio": size / 10_857_958, "seconds": seconds,
           "energy_j": ms["p50"] * 0.0123, "energy_source": "estimate: 12.3 W times the time, no meter was found"}
    if accuracy:
        one["accuracy"] = {"value": ACCURACY[accuracy][0], "ci95": ACCURACY[accuracy][1], "samples": 240}
    return rounded(one)


stages = [
    stage("baseline", "Baseline", "the original, as it came", "fixture/recognizer.onnx", base_ms, 10_857_958, 10_720_000,
          14_200_000, "baseline", 0.0),
    stage("convert", "Convert", "constants folded, normalizations folded into convolutions, idioms recognised",
          "out/float.onnx", convert_ms, 10_640_112, 10_600_000, 13_700_000, "baseline", 0.4),
    stage("quantize", "Quantize", "weights and activations in 8 bits, ranges from the calibration part", "out/recognizer.int8.onnx",
          int8_ms, 2_841_300, 2_790_000, 4_300_000, "int8", 6.8),
    stage("accelerate", "Accelerate", "one thread is faster than both", "out/recognizer.int8.onnx", fast_ms, 2_841_300, 2_790_000,
          4_250_000, "int8", 3.1, 1),
]

layers, ledger, nodes = [], [], {"baseline": [], "optimized": []}
for i in range(64):
    op = OPS[i % len(OPS)] if i < 63 else "Softmax"
    kept = i in (1, 40, 62)
    db = 52 - 0.32 * i + rng.gauss(0, 3) + (8 if kept else 0)
    name = f"/backbone/blocks.{i // 8}/{op.lower()}_{i % 8}/{op}_output_0"
    layers.append({"name": name, "node": name[:-9], "op": op, "got": "float" if kept else "int8", "sqnr_db": round(db, 2)})
    if op in ("Conv", "MatMul"):
        flops, moved = 10 ** rng.uniform(5.4, 7.6), 10 ** rng.uniform(4.6, 5.8)
        for side, rate, width in (("baseline", 45e6, 1.0), ("optimized", 150e6, 0.27)):
            roof = min(rate, flops / (moved * width) * 14e6)
            ms = flops / (roof * rng.uniform(.35, .9)) + .003
            nodes[side].append({"name": name[:-9], "op": op, "kernel": "conv_c16_avx512" if side == "baseline" else "conv_u8_vnni",
                                "ms": round(ms, 5), "flops": round(flops), "bytes": round(moved * width),
                                "roofline_fraction": round(flops / ms / roof, 3)})
        ledger.append({"tensor": f"backbone.blocks.{i // 8}.{op.lower()}_{i % 8}.weight", "node": name[:-9], "op": op, "kind": "weight",
                       "asked": "int8", "got": "float" if kept else "int8",
                       "why": "computed in float: it hurt the result most" if kept else "per output channel, symmetric",
                       "sqnr_db": None if kept else round(40 + rng.gauss(0, 2), 2)})
    ledger.append({"tensor": name, "kind": "activation", "asked": "int8", "got": "float" if kept else "uint8",
                   "why": "feeds a product in float" if kept else "mse range of 240 samples", "sqnr_db": round(db + 4, 2)})

document = {
    "schema": "whet.optimize/1", "version": "0.0.0-fixture",
    "model": {"path": "fixture/recognizer.onnx", "sha256": "00" * 32, "size_bytes": 10_857_958, "format": "onnx",
              "parameters": 2_679_104, "opset": 14},
    "target": "this",
    "hardware": {"schema": "whet.hardware/1",
                 "system": {"distribution": "Fixture Linux 1", "kernel": "6.0.0", "architecture": "x86_64", "virtual_machine": True},
                 "cpu": {"model": "Fixture CPU @ 2.40GHz", "vendor": "fixture", "isa": ["avx2", "avx512", "avx512vnni"], "cores": 2,
                         "cores_total": 8, "threads_allowed": 4,
                         "caches": [{"level": 1, "type": "data", "size_bytes": 49152}, {"level": 1, "type": "instruction", "size_bytes": 32768},
                                    {"level": 2, "type": "unified", "size_bytes": 2097152}, {"level": 3, "type": "unified", "size_bytes": 56623104}]},
                 "memory": {"total_bytes": 8_200_000_000, "limit_bytes": None},
                 "accelerators": [{"kind": "npu", "name": "Fixture NPU"}],
                 "measured": {"read_gb_per_s": {"1": 11.2, "all": 14.1}, "fp32_gflops": {"1": 24.0, "all": 46.2},
                              "int8_gops": {"1": 80.5, "all": 155.0}}},
    "data": {"path": "fixture/lines", "form": "images", "samples": 480, "labelled": 480, "hash": "11" * 32,
             "calibration": {"samples": 240}, "held_out": {"samples": 240},
             "preprocess": {"size": [320, 48], "resize": "bilinear", "keep_aspect": "height", "channels": "bgr", "layout": "nchw",
                            "scale": 0.00392157, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}},
    "metric": {"name": "sequence_accuracy", "higher_is_better": True},
    "verdict": {"passed": True, "summary": "3.0x the speed, 30 % of the memory, 26 % of the file, 99.6 % of the accuracy kept"},
    "chosen": "accelerate", "stages": stages,
    "gates": [
        {"name": "accuracy", "title": "Accuracy kept", "comparison": ">=", "threshold": 0.95, "value": 0.99575, "ci95": [0.983, 1.004],
         "unit": "ratio", "passed": True, "loosened": False, "detail": "of the original's score, on samples that calibration never saw"},
        {"name": "speed", "title": "Speed", "comparison": ">=", "threshold": 2, "value": 3.01, "ci95": [2.95, 3.07], "unit": "x",
         "passed": True, "loosened": False, "detail": "median latency of the original over that of the artifact, measured in turn"},
        {"name": "memory", "title": "Memory", "comparison": "<=", "threshold": 0.5, "value": 0.2993, "ci95": None, "unit": "ratio",
         "passed": True, "loosened": False, "detail": "weights and activations held while running"},
        {"name": "spread", "title": "Steady latency", "comparison": "<=", "threshold": 0.25, "value": 0.061, "ci95": None, "unit": "ratio",
         "passed": True, "loosened": True, "detail": "standard deviation over mean"},
        {"name": "equivalence", "title": "Every output and channel alive", "comparison": ">=", "threshold": 1, "value": 1, "ci95": None,
         "unit": "", "passed": True, "loosened": False, "detail": "no channel erased, no new NaN, each output within the limits for int8"}],
    "equivalence": {"verdict": "equivalent", "passed": True, "outputs": [
        {"name": "softmax_11.tmp_0", "sqnr_db": 27.42, "cosine": 0.99912, "max_abs": 0.1873, "agreement": 0.9987, "kld": 0.00213,
         "worst_channel": {"index": 4711, "sqnr_db": 9.8}, "passed": True},
        {"name": "features", "sqnr_db": 31.07, "cosine": 0.99961, "max_abs": 0.412, "agreement": None, "kld": None,
         "worst_channel": {"index": 17, "sqnr_db": 14.2}, "passed": True}]},
    "ab_test": {"test": "mcnemar", "n": 240, "baseline_only": 2, "candidate_only": 1, "p_value": 1.0, "difference": -0.00417,
                "ci95": [-0.0208, 0.0083],
                "statement": "On 240 samples: 2 right in the baseline only, 1 in the candidate only; no significant difference of "
                             "sequence_accuracy (-0.42 percentage points, 95 % interval -2.08 to +0.83; exact McNemar test, p = 1.00)."},
    "latency_samples": {"baseline": base_samples, "optimized": fast_samples},
    "layers": layers, "ledger": ledger,
    "float_layers": [{"node": l["node"], "why": "computed in float: it hurt the result most"} for l in layers if l["got"] == "float"],
    "profile": {**nodes, "peaks": {"read_gb_per_s": 14.1, "fp32_gflops": 46.2, "int8_gops": 155.0}},
    "pareto": [{"name": s["name"], "latency_ms": s["latency_ms"]["p50"], "size_bytes": s["size_bytes"],
                "peak_memory_bytes": s["peak_memory_bytes"], "accuracy": s["accuracy"]["value"], "chosen": s["name"] == "accelerate"}
               for s in stages]
              + [{"name": "all int8", "latency_ms": 3.92, "size_bytes": 2_790_100, "peak_memory_bytes": 4_200_000, "accuracy": 0.9375,
                  "chosen": False},
                 {"name": "fp16 weights", "latency_ms": 11.6, "size_bytes": 5_420_000, "peak_memory_bytes": 13_900_000,
                  "accuracy": 0.9875, "chosen": False}],
    "noise_floor": 0.012,
    "commands": [
        {"what": "latency and memory", "command": "whet bench 'fixture/recognizer.onnx' 'out/recognizer.int8.onnx' --input-shape 'x=1x3x48x320'"},
        {"what": "accuracy of the original", "command": "whet evaluate 'fixture/recognizer.onnx' --data 'fixture/lines' --part held-out"},
        {"what": "accuracy of the artifact", "command": "whet evaluate 'out/recognizer.int8.onnx' --data 'fixture/lines' --part held-out"},
        {"what": "equivalence, layers",
         "command": "whet compare 'fixture/recognizer.onnx' 'out/recognizer.int8.onnx' --data 'fixture/lines' --part held-out --layers"},
        {"what": "all of it", "command": "whet optimize 'fixture/recognizer.onnx' --data 'fixture/lines' -o 'out' --force"}],
    "seconds": 41.3,
}
path = Path(__file__).with_name("report_sample.json")
text = json.dumps(document, indent=None, ensure_ascii=False, separators=(",", ":"))
for key in document:  # one line for each member of the document, so that a change shows as one
    text = text.replace(f',"{key}":', f',\n"{key}":', 1) if key != "schema" else text
path.write_text(text + "\n", encoding="utf-8")
