#!/usr/bin/env python3
"""`whet embed` of a real sentence model, from its folder and from the GGUF file that `whet convert` makes of it, against
BERT's forward pass in numpy with the package `tokenizers`.
"""
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tools"))
from devtools import MODELS, enter_if_made, run  # noqa: E402

FOLDER = MODELS / "all-minilm-l6-v2"
TEXTS = ["Hello world", "A man is eating food.", "Café naïve: 3.14159 — 日本語, über!", "a",
         "The quick brown fox jumps over the lazy dog, and then it sleeps for the rest of a long, long afternoon. " * 6]
LEAST = 0.9999


def forward(w, config, ids):
    import numpy as np
    heads, eps = config["num_attention_heads"], config["layer_norm_eps"]
    erf = np.vectorize(math.erf)

    def linear(name, x):
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def norm(name, x):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w[f"{name}.weight"] + w[f"{name}.bias"]

    def split(x):
        return x.reshape(len(ids), heads, -1).swapaxes(0, 1)

    x = norm("embeddings.LayerNorm", w["embeddings.word_embeddings.weight"][ids] +
             w["embeddings.position_embeddings.weight"][:len(ids)] + w["embeddings.token_type_embeddings.weight"][0])
    for layer in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{layer}"
        q, k, v = (split(linear(f"{p}.attention.self.{n}", x)) for n in ("query", "key", "value"))
        scores = q @ k.swapaxes(1, 2) / math.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        context = (scores / scores.sum(-1, keepdims=True) @ v).swapaxes(0, 1).reshape(len(ids), -1)
        x = norm(f"{p}.attention.output.LayerNorm", x + linear(f"{p}.attention.output.dense", context))
        h = linear(f"{p}.intermediate.dense", x)
        h = h * 0.5 * (1 + erf(h / math.sqrt(2)))
        x = norm(f"{p}.output.LayerNorm", x + linear(f"{p}.output.dense", h))
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def expected():
    import numpy as np
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    weights = {n: x.astype(np.float64) for n, x in load_file(FOLDER / "model.safetensors").items()}
    config = json.loads((FOLDER / "config.json").read_text())
    return [forward(weights, config, tokenizer.encode(text).ids) for text in TEXTS]


def main():
    import numpy as np
    whet = os.environ["WHET_PROGRAM"]
    want, passed, failed = expected(), 0, 0
    with tempfile.TemporaryDirectory() as tmp:
        gguf = pathlib.Path(tmp) / "minilm.gguf"
        subprocess.run([whet, "convert", FOLDER, "-o", gguf, "-q"], check=True)
        for path in (FOLDER, gguf):
            out = subprocess.run([whet, "embed", path, *TEXTS, "--json"], stdout=subprocess.PIPE, check=True).stdout
            got = np.array(json.loads(out)["embeddings"])
            for text, g, e in zip(TEXTS, got, want, strict=True):
                cosine = float(g @ e / np.linalg.norm(g) / np.linalg.norm(e))
                good = cosine > LEAST and abs(np.linalg.norm(g) - 1) < 1e-4
                passed, failed = passed + good, failed + (not good)
                print(f"{'passed' if good else 'failed'}  {path.name}: {text[:30]!r}: cosine {cosine:.9f}")
        back = pathlib.Path(tmp) / "back"
        subprocess.run([whet, "convert", gguf, "-o", back, "--to", "safetensors", "-q"], check=True)
        for name in ("tokenizer.json", "vocab.txt"):
            good = (back / name).read_bytes().rstrip() == (FOLDER / name).read_bytes().rstrip()
            passed, failed = passed + good, failed + (not good)
            print(f"{'passed' if good else 'failed'}  {name} comes back")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    if not (FOLDER / "model.safetensors").is_file():
        print("skipped: all-minilm-l6-v2 was not fetched (tools/fetch-models)")
        sys.exit(77)
    enter_if_made("llm")
    run("check_minilm", main)
