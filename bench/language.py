#!/usr/bin/env python3
"""Measures whet beside llama.cpp (through llama-cpp-python): same files, same machine, one run.

    bench/language.py [--rounds N] [--prompt 128] [--gen 64] [--threads 2] [-o FILE.json] [FILE.gguf...]

For each file tokens a second of a prompt (prefill) and of an answer (decode), in rounds: llama.cpp, whet,
llama.cpp, ... so that a slow minute of the machine hits both; the figures are medians over the rounds. Without
files: SmolLM2 and gemma-3 as their packages carry them, and SmolLM2 as whet quantizes it (F16, Q8_0, Q4_0, Q4_K_M,
Q6_K). llama-cpp-python builds from its sources when its environment is first made: 10 to 15 minutes.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))
from devtools import CACHE, MODELS, Failure, fetch, run, venv  # noqa: E402

WORK = CACHE / "bench" / "language"
SCHEMES = ("f16", "q8_0", "q4_0", "q4_k_m", "q6_k")

PEER = r"""
import json, sys, time
import llama_cpp, numpy, random
path, prompt, gen, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
began = time.perf_counter()
model = llama_cpp.Llama(path, n_ctx=prompt + gen, n_batch=512, n_threads=threads, n_threads_batch=threads, verbose=False)
load = time.perf_counter() - began
random.seed(0)
tokens = [random.randrange(model.n_vocab()) for _ in range(prompt)]
logits = lambda: numpy.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(model.ctx, -1), (model.n_vocab(),))
best = lambda: int(logits().argmax())
print(json.dumps({"load_ms": load * 1e3}), flush=True)
for line in sys.stdin:
    model.reset()
    began = time.perf_counter()
    model.eval(tokens)
    middle = time.perf_counter()
    for _ in range(gen):
        model.eval([best()])
    end = time.perf_counter()
    print(json.dumps({"prefill": prompt / (middle - began), "decode": gen / (end - middle)}), flush=True)
"""


class Peer:
    def __init__(self, python, path, options):
        self.child = subprocess.Popen(
            [python, "-c", PEER, path, str(options.prompt), str(options.gen), str(options.threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.load_ms = self.read()["load_ms"]

    def read(self):
        line = self.child.stdout.readline()
        if not line:
            raise Failure("llama.cpp ended without an answer")
        return json.loads(line)

    def measure(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        return self.read()

    def close(self):
        self.child.stdin.close()
        self.child.wait()


def ours(whet, path, options):
    out = subprocess.run([whet, "bench", path, "--json", "--no-progress", "--time", "1s", "--prompt", str(options.prompt),
                          "--gen", str(options.gen), "--threads", str(options.threads)],
                         stdout=subprocess.PIPE, text=True)
    if out.returncode:
        raise Failure(f"whet bench {path} failed")
    result = json.loads(out.stdout)["results"][0]
    return {"prefill": result["prefill_tok_per_s"]["p50"], "decode": result["decode_tok_per_s"]["p50"],
            "load_ms": result["load_ms"], "peak": result["peak_rss_bytes"]}


def files(whet):
    """The packages' files, and SmolLM2 in other schemes (made once)."""
    fetch("smollm2-135m-instruct.q4_1.gguf", "gemma3-270m.q4_k_m.gguf")
    source = MODELS / "smollm2-135m-instruct.q4_1.gguf"
    found = [source, MODELS / "gemma3-270m.q4_k_m.gguf"]
    WORK.mkdir(parents=True, exist_ok=True)
    for scheme in SCHEMES:
        path = WORK / f"smollm2-{scheme}.gguf"
        if not path.exists():
            subprocess.run([whet, "quantize", source, "--scheme", scheme, "-o", path], check=True,
                           stdout=subprocess.DEVNULL)
        found.append(path)
    return found


def one(path, python, whet, options):
    peer = Peer(python, path, options)
    theirs, mine = [], []
    for _ in range(options.rounds):
        theirs.append(peer.measure())
        mine.append(ours(whet, path, options))
    peer.close()
    middle = lambda rows, key: statistics.median(row[key] for row in rows)
    row = {"file": path.name, "bytes": path.stat().st_size, "whet_load_ms": middle(mine, "load_ms"),
           "llama_load_ms": peer.load_ms, "whet_peak_rss_bytes": max(r["peak"] for r in mine)}
    for key in ("prefill", "decode"):
        row[f"whet_{key}"], row[f"llama_{key}"] = middle(mine, key), middle(theirs, key)
        row[f"{key}_ratio"] = row[f"whet_{key}"] / row[f"llama_{key}"]
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--whet", default=os.environ.get("WHET", str(HERE.parent / "build/release/whet")))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--gen", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--python", help="an interpreter that has llama_cpp (default: the environment `llama`)")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    options = parser.parse_args()
    python = options.python or venv("llama")
    rows = []
    print(f"{'file':34} {'prefill tokens/s':>26} {'decode tokens/s':>26} {'load ms':>15}")
    print(f"{'':34} {'whet':>9} {'llama':>8} {'ratio':>7} {'whet':>9} {'llama':>8} {'ratio':>7} {'whet':>7} {'llama':>7}")
    for path in options.files or files(options.whet):
        row = one(path, python, options.whet, options)
        rows.append(row)
        print(f"{row['file']:34} {row['whet_prefill']:9.1f} {row['llama_prefill']:8.1f} {row['prefill_ratio']:6.2f}x "
              f"{row['whet_decode']:9.1f} {row['llama_decode']:8.1f} {row['decode_ratio']:6.2f}x "
              f"{row['whet_load_ms']:7.0f} {row['llama_load_ms']:7.0f}", flush=True)
    if options.output:
        options.output.write_text(json.dumps({"schema": "whet.bench-language/1", "rows": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    run("bench/language.py", main)
