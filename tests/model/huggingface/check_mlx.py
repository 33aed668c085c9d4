#!/usr/bin/env python3
"""Folders for MLX against MLX itself.

    check_mlx.py WEIGHTS_TOOL

Block formats go to MLX and back to the same bytes, and MLX decodes the same numbers; what is quantized is what
mx.quantize gives; with SmolLM2 there (tools/fetch-models llm), mlx_lm loads what was written and says the same tokens,
and what mlx_lm.convert writes is read.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[2] / "tools"), str(HERE.parents[1] / "cli")]
from devtools import MODELS, enter_if_made, run  # noqa: E402

SMOLLM = MODELS / "smollm2-135m-instruct.q4_1.gguf"
TOOL = sys.argv[1] if len(sys.argv) > 1 else "weights_tool"


def whet(*words):
    done = subprocess.run([os.environ["WHET_PROGRAM"], *map(str, words), "--no-progress", "--json"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise ValueError(f"{words[0]}: exit {done.returncode}: {done.stderr.strip()} {done.stdout[:300]}")
    return json.loads(done.stdout)


def floats(path, tmp):
    from safetensors.numpy import load_file
    out = tmp / "floats.safetensors"
    out.unlink(missing_ok=True)
    subprocess.run([TOOL, "floats", path, out], check=True)
    return load_file(out)


def content(path):
    from gguf import GGUFReader
    return {t.name: (t.tensor_type.name, t.data.tobytes()) for t in GGUFReader(path).tensors}


def decoded(folder):
    """{module: float32 numbers as MLX decodes them}"""
    import mlx.core as mx
    import numpy as np
    config = json.loads((folder / "config.json").read_text())["quantization"]
    tensors, out = mx.load(str(folder / "model.safetensors")), {}
    for name in tensors:
        path = name.removesuffix(".scales")
        if path == name:
            continue
        own = config.get(path, config)
        kind = {"group_size": own["group_size"], "bits": own["bits"], "mode": own.get("mode", "affine")}
        scales, biases = tensors[name], tensors.get(path + ".biases")
        if biases is not None:
            scales, biases = scales.astype(mx.float32), biases.astype(mx.float32)
        out[path] = np.array(mx.dequantize(tensors[path + ".weight"], scales, biases, **kind).astype(mx.float32))
    return out


MODULES = {"model.layers.0.self_attn.v_proj": "blk.0.attn_v.weight", "model.layers.0.mlp.gate_proj": "blk.0.ffn_gate.weight",
           "model.layers.0.mlp.down_proj": "blk.0.ffn_down.weight", "model.embed_tokens": "token_embd.weight"}


def bridge(tmp, tiny, kind):
    """GGUF of one block format to MLX and back: the same bytes; and MLX's numbers are ours."""
    import numpy as np
    source, folder, back = tmp / f"{kind}.gguf", tmp / f"{kind}.mlx", tmp / f"{kind}.back.gguf"
    whet("quantize", tiny, "-o", source, "--scheme", "f16", "--keep", f"*_*.weight={kind}", "--keep", "*norm*=f32")
    ledger = whet("convert", source, "--to", "mlx", "-o", folder)["ledger"]
    whet("convert", folder, "-o", back)
    first, second = content(source), content(back)
    faults = [f"{name} has other bytes" for name, value in first.items()
              if "norm" not in name and second[name] != value]
    if any(line["why"] != "the same numbers" for line in ledger if line["was"] == kind):
        faults.append("the ledger says that numbers changed")
    ours = floats(source, tmp)
    for path, value in decoded(folder).items():
        if path in MODULES and not np.array_equal(value, ours[MODULES[path]]):
            faults.append(f"{path}: MLX decodes other numbers, {np.abs(value - ours[MODULES[path]]).max()} off")
    return faults


def narrow(tmp, tiny):
    """Scales of float16 asked for in bfloat16: the ledger says how far they moved."""
    source, folder = tmp / "narrow.gguf", tmp / "narrow.mlx"
    whet("quantize", tiny, "-o", source, "--scheme", "q4_1")
    lines = [x for x in whet("convert", source, "--to", "mlx", "--dtype", "bf16", "-o", folder)["ledger"]
             if x["was"] == "q4_1"]
    moved = [x for x in lines if 0 < x["scale_moved"] <= 2 ** -8 and x["scales"] == "bfloat16" and x["sqnr_db"] > 40]
    return [] if lines and lines == moved else [f"the ledger says {lines[:1]}"]


def scheme(tmp, tiny, name):
    """What `--scheme` makes is what mx.quantize makes of the same float16."""
    import mlx.core as mx
    import numpy as np
    folder, half = tmp / name, tmp / "half.gguf"
    if not half.exists():
        whet("convert", tiny, "--dtype", "f16", "-o", half)
    whet("convert", half, "--to", "mlx", "--scheme", name, "-o", folder)
    config = json.loads((folder / "config.json").read_text())["quantization"]
    ours, plain, faults = mx.load(str(folder / "model.safetensors")), floats(half, tmp), []
    got = decoded(folder)
    for path, gguf in MODULES.items():
        x = plain[gguf].astype(np.float16)
        if x.shape[1] % config["group_size"]:
            if path + ".scales" in ours:
                faults.append(f"{path} was quantized, though its rows are no multiple")
            continue
        parts = mx.quantize(mx.array(x if config["mode"] == "affine" else x.astype(np.float32)), **config)
        names = [".weight", ".scales", ".biases"][:len(parts)]
        same = all(np.array_equal(np.array(ours[path + n]), np.array(p)) for n, p in zip(names, parts))
        if not same and config["mode"] == "affine":
            faults.append(f"{path}: other codes than MLX's")
        if not same:  # ties between two codes go either way: no farther from the numbers than MLX's
            theirs = np.array(mx.dequantize(*parts, **config).astype(mx.float32))
            a, b = (np.square(v - x.astype(np.float32)).sum() for v in (got[path], theirs))
            if a > b * (1 + 1e-3):
                faults.append(f"{path}: error {a}, MLX's is {b}")
    return faults


TEXT = """The old lighthouse stood at the end of the road, and every evening its keeper climbed the stairs to light the
lamp. Ships far out on the water saw it and knew that they were close to the harbour, where bread and warm beds waited.
One winter the lamp went out, and the people of the village carried lanterns down to the shore until morning came."""


def smollm(tmp):
    """The trained model in Q4_1: mlx_lm loads it and says the tokens that whet says, with the same perplexity."""
    import mlx.core as mx
    import numpy as np
    from mlx_lm.utils import dequantize_model, load
    folder = tmp / "smollm"
    whet("convert", SMOLLM, "--to", "mlx", "-o", folder)
    model, tokenizer = load(str(folder))
    model.set_dtype(mx.float32)
    model = dequantize_model(model)  # MLX's products with codes take minutes on a CPU; what it decodes is its own
    prompt, faults = "The capital of France is", []
    ids = tokenizer.encode(prompt)
    if ids != whet("tokenize", folder, prompt)["ids"]:
        faults.append(f"tokens {ids}")
    said = [whet("generate", path, "-p", prompt, "--max-tokens", 8, "--temperature", 0)["tokens"]
            for path in (SMOLLM, folder)]
    theirs = np.array(model(mx.array([ids + said[1]]))[0])[len(ids) - 1:-1]
    behind = [float(x.max() - x[token]) for x, token in zip(theirs, said[1])]
    if said[0] != said[1] or max(behind) > 0.25 or sum(b > 0 for b in behind) > 1:
        faults.append(f"whet says {said}, MLX {theirs.argmax(-1)}, by {behind}")
    (tmp / "text").write_text(TEXT)
    n = 64
    mine = whet("perplexity", folder, "--text", tmp / "text", "--ctx", n, "--chunks", 1)["perplexity"]
    ids = tokenizer.encode(TEXT)[:n]
    x = np.array(model(mx.array([ids]))[0]).astype(np.float64)
    loss = [np.log(np.exp(x[i] - x[i].max()).sum()) + x[i].max() - x[i][ids[i + 1]] for i in range(n // 2, n - 1)]
    if abs(np.exp(np.mean(loss)) / mine - 1) > 0.02:  # products of whet round activations to 8 bits
        faults.append(f"perplexity {mine}, MLX's {np.exp(np.mean(loss))}")
    return faults


def convert(tmp, name, **options):
    """mlx_lm.convert's folder, read and written again: the same tensors; and ours of that scheme is the same."""
    import mlx.core as mx
    import numpy as np
    from mlx_lm import convert as mlx_convert
    plain, theirs, again = tmp / "smollm-f16", tmp / f"{name}-theirs", tmp / f"{name}-again"
    if not plain.exists():
        whet("convert", SMOLLM, "--to", "safetensors", "--dtype", "f16", "-o", plain)
    mlx_convert(str(plain), str(theirs), quantize=True, **options)
    faults, ours = [], floats(theirs, tmp)
    got = decoded(theirs)
    for path, gguf in MODULES.items():
        if not np.array_equal(got[path], ours[gguf]):
            faults.append(f"{path}: {np.abs(got[path] - ours[gguf]).max()} off")
    if "quant_predicate" in options:
        return faults
    whet("convert", plain, "--to", "mlx", "--scheme", name, "-o", again)
    a, b = (mx.load(str(f / "model.safetensors")) for f in (theirs, again))
    return faults + [f"{n} is not what mlx_lm.convert writes" for n in a.keys() | b.keys()
                     if n not in a or n not in b or not np.array_equal(np.array(a[n]), np.array(b[n]))]


def main():
    import tiny_gguf
    passed = failed = skipped = 0
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(name)
        tiny = tmp / "tiny.gguf"
        tiny.write_bytes(tiny_gguf.whole())
        checks = [(f"bridge {k}", bridge, tiny, k) for k in ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "mxfp4", "nvfp4")]
        checks += [("narrow", narrow, tiny)]
        checks += [(f"scheme {s}", scheme, tiny, s) for s in
                   [f"affine{b}-g{g}" for b in (2, 3, 4, 5, 6, 8) for g in (32, 64, 128)] + ["mxfp4", "nvfp4", "mxfp8"]]
        trained = [("smollm", smollm), ("convert affine4-g64", lambda t: convert(t, "affine4-g64")),
                   ("convert mixed_3_6", lambda t: convert(t, "mixed", quant_predicate="mixed_3_6"))]
        if not SMOLLM.exists():
            skipped, trained = len(trained), []
        for what, check, *rest in checks + trained:
            try:
                faults = check(tmp, *rest)
            except ValueError as error:
                faults = [str(error)]
            passed, failed = passed + (not faults), failed + bool(faults)
            print(f"{'failed' if faults else 'passed'}  {what}{': ' + '; '.join(faults[:4]) if faults else ''}", flush=True)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed > 0


if __name__ == "__main__":
    enter_if_made("mlx")
    run("check_mlx", main)
