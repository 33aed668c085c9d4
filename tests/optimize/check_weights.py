#!/usr/bin/env python3
"""Quantized language models against llama.cpp, tensor by tensor and byte by byte.

    check_weights.py [SCHEME...]

SmolLM2 (tools/fetch-models llm) is widened to float32, quantized by `whet quantize`, and compared with
tests/optimize/smollm2_hashes.json: SHA-256 of all tensors' types and bytes as llama.cpp 0.3.36's llama_model_quantize wrote
them. With the `llama` environment there (tools/venv llama) and WHET_TEST_LONG, llama.cpp itself is asked, for every scheme;
--record writes the hashes of what it says.
"""
import argparse
import ctypes
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools"))
from devtools import CACHE, MODELS, enter, run  # noqa: E402

HASHES = HERE / "smollm2_hashes.json"
SOURCE = MODELS / "smollm2-135m-instruct.q4_1.gguf"
FILE_TYPES = {"f16": 1, "bf16": 32, "q4_0": 2, "q4_1": 3, "q8_0": 7, "q5_0": 8, "q5_1": 9, "q2_k": 10, "q3_k_s": 11,
              "q3_k_m": 12, "q3_k_l": 13, "q4_k_s": 14, "q4_k_m": 15, "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18,
              "iq4_nl": 25, "iq4_xs": 30, "tq1_0": 36, "tq2_0": 37, "mxfp4_moe": 38}
QUICK = ["q4_k_m"]


def whet(*words):
    done = subprocess.run([os.environ.get("WHET_PROGRAM", "whet"), *map(str, words), "--quiet", "--no-progress"],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return None if done.returncode == 0 else done.stdout.strip()


def content(path):
    """One hash of names, types and bytes, whatever the order in the file."""
    import gguf
    digest = hashlib.sha256()
    for tensor in sorted(gguf.GGUFReader(path).tensors, key=lambda t: t.name):
        digest.update(f"{tensor.name} {tensor.tensor_type.name} {list(tensor.shape)}\n".encode())
        digest.update(tensor.data.tobytes())
    return digest.hexdigest()


def ask_llama(source, target, scheme):
    import llama_cpp
    silent = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
    llama_cpp.llama_log_set(silent, ctypes.c_void_p(0))
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.nthread = FILE_TYPES[scheme], os.cpu_count()
    if llama_cpp.llama_model_quantize(str(source).encode(), str(target).encode(), ctypes.byref(params)):
        raise RuntimeError(f"llama.cpp refuses {scheme}")
    return content(target)


def check(folder, schemes, record, with_llama):
    counts, hashes = {"passed": 0, "failed": 0}, json.loads(HASHES.read_text()) if HASHES.exists() else {}
    source = folder / "f32.gguf"
    fault = whet("convert", SOURCE, "-o", source, "--dtype", "f32")
    if fault:
        print(f"failed  convert: {fault}")
        return {"passed": 0, "failed": 1}
    for scheme in schemes:
        ours = folder / "ours.gguf"
        if with_llama:
            truth = ask_llama(source, folder / "theirs.gguf", scheme)
            if record:
                hashes[scheme] = truth
                HASHES.write_text(json.dumps(hashes, indent=1, sort_keys=True) + "\n")
        else:
            truth = hashes[scheme]
        fault = whet("quantize", source, "-o", ours, "--scheme", scheme, "--force")
        if not fault and content(ours) != truth:
            fault = "tensors differ from llama.cpp's"
        counts["failed" if fault else "passed"] += 1
        print(f"{'failed' if fault else 'passed'}  {scheme}{': ' + fault if fault else ''}", flush=True)
    return counts


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("scheme", nargs="*")
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()
    long = bool(os.environ.get("WHET_TEST_LONG")) or args.record
    with_llama = os.environ["WHET_VENV"] == "llama"
    recorded = json.loads(HASHES.read_text())
    schemes = args.scheme or ([s for s in FILE_TYPES if with_llama or s in recorded] if long else QUICK)
    with tempfile.TemporaryDirectory(prefix="whet-weights-") as folder:
        counts = check(pathlib.Path(folder), schemes, args.record, with_llama)
    print(f"{counts['passed']} passed, {counts['failed']} failed, 0 skipped")
    return counts["failed"] > 0


if __name__ == "__main__":
    for needed, where in ((SOURCE, "tools/fetch-models llm"), (CACHE / "venv-llm", "tools/venv llm")):
        if not any(needed.parent.glob(needed.name + "*")):
            print(f"skipped: no {needed.name} ({where} makes it)")
            sys.exit(77)
    ask = (os.environ.get("WHET_TEST_LONG") or "--record" in sys.argv) and any(CACHE.glob("venv-llama-*/complete"))
    enter("llama" if ask else "llm")
    run("check_weights", main)
