#!/usr/bin/env python3
"""Which tokens a sampler has to choose from fixed logits: tests/run/language/golden/sampling.txt.

What penalties and filters leave, and with what probabilities, is asked of llama.cpp's own samplers; Mirostat, which draws
for itself there, follows its paper (Basu et al. 2021). The draw is whet's: splitmix64 from the seed, the likeliest first.

    "$(tools/venv llama)" tests/oracle/sampling.py
"""
import math
import sys

import llama_cpp as lc
import numpy as np

from language import GOLDEN, numbers

VOCAB, STEPS = 50, 24
OFF = dict(temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, typical_p=1.0, repeat=1.0, presence=0.0, frequency=0.0,
           last=64, mirostat=0, tau=5.0, eta=0.1, seed=1)
CASES = {
    "plain": {}, "seed": dict(seed=987654321), "cold": dict(temperature=0.3), "hot": dict(temperature=2.5),
    "greedy": dict(temperature=0.0), "greedy_repeat": dict(temperature=0.0, repeat=1.7),
    "top_k": dict(top_k=4), "top_k_1": dict(top_k=1), "top_k_all": dict(top_k=1000), "top_p": dict(top_p=0.6),
    "top_p_0": dict(top_p=0.0), "min_p": dict(min_p=0.2), "typical": dict(typical_p=0.5),
    "typical_small": dict(typical_p=0.05),
    "repeat": dict(repeat=1.5), "reward": dict(repeat=0.8), "presence": dict(presence=1.5),
    "frequency": dict(frequency=0.7), "short_memory": dict(repeat=3.0, presence=0.5, last=3),
    "no_memory": dict(repeat=3.0, last=0),
    "usual": dict(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, seed=42),
    "all": dict(temperature=0.7, top_k=20, top_p=0.9, min_p=0.02, typical_p=0.95, repeat=1.2, presence=0.3,
                frequency=0.2, last=10, seed=5),
    "mirostat_1": dict(mirostat=1, tau=3.0, eta=0.2), "mirostat_1_low": dict(mirostat=1, tau=1.0, eta=0.1, seed=3),
    "mirostat_2": dict(mirostat=2, tau=3.0, eta=0.2), "mirostat_2_warm": dict(mirostat=2, tau=2.0, temperature=1.5),
}


def draws(seed):
    mask = (1 << 64) - 1
    state = seed ^ 0x9E3779B97F4A7C15
    while True:
        state = z = state + 0x9E3779B97F4A7C15 & mask
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        yield ((z ^ (z >> 31)) >> 11) / (1 << 53)


def left(o, logits, last):
    """(token, probability) that llama.cpp's samplers leave."""
    data = (lc.llama_token_data * VOCAB)()
    for i, v in enumerate(logits):
        data[i].id, data[i].logit, data[i].p = i, v, 0.0
    array = lc.llama_token_data_array(data=data, size=VOCAB, selected=-1, sorted=False)
    penalties = lc.llama_sampler_init_penalties(VOCAB, o["last"], o["repeat"], o["frequency"], o["presence"])
    for token in last:
        lc.llama_sampler_accept(penalties, token)
    chain = [penalties]
    if o["temperature"] > 0:
        if o["top_k"] > 0:
            chain.append(lc.llama_sampler_init_top_k(o["top_k"]))
        chain += [lc.llama_sampler_init_typical(o["typical_p"], 1), lc.llama_sampler_init_top_p(o["top_p"], 1),
                  lc.llama_sampler_init_min_p(o["min_p"], 1), lc.llama_sampler_init_temp(o["temperature"])]
    for sampler in chain:
        lc.llama_sampler_apply(sampler, array)
        lc.llama_sampler_free(sampler)
    return sorted(((array.data[i].id, array.data[i].logit) for i in range(array.size)), key=lambda x: (-x[1], x[0]))


def softmax(logits):
    e = np.exp(np.asarray(logits, dtype=np.float64) - max(logits))
    return e / e.sum()


def draw(rows, u):
    """The place among (token, logit), the likeliest first."""
    at = int(np.searchsorted(np.cumsum(softmax([v for _, v in rows])), u, side="right"))
    return min(at, len(rows) - 1)


def mirostat(o, rows, mu, u):
    p = softmax([v for _, v in rows])
    if o["mirostat"] == 1:
        t = [math.log((i + 2) / (i + 1)) for i in range(min(len(p) - 1, 99))]
        b = [math.log(p[i] / p[i + 1]) for i in range(len(t))]
        s = sum(x * y for x, y in zip(t, b)) / sum(x * x for x in t)
        e = s - 1
        k = (e * 2 ** mu / (1 - VOCAB ** -e)) ** (1 / s)
        kept = min(max(int(k), 1), len(p))
    else:
        kept = max(1, next((i for i, x in enumerate(p) if -math.log2(x) > mu), len(p)))
    at = draw(rows[:kept], u)
    surprise = -math.log2(softmax([v for _, v in rows[:kept]])[at])
    return at, mu - o["eta"] * (surprise - o["tau"])


def run(changes):
    o = {**OFF, **changes}
    u, last, tokens, mu = draws(o["seed"]), [], [], 2 * o["tau"]
    for step in range(STEPS):
        rows = left(o, numbers(f"logits.{step % 5}", VOCAB, 4.0, 0.5), last[-o["last"]:] if o["last"] else [])
        if o["temperature"] == 0:
            at = 0
        elif o["mirostat"]:
            at, mu = mirostat(o, rows, mu, next(u))
        else:
            at = draw(rows, next(u))
        tokens.append(rows[at][0])
        last.append(tokens[-1])
    return o, tokens


def main():
    out = [f"# llama.cpp's samplers (llama-cpp-python {lc.__version__}): made by tests/oracle/sampling.py",
           "# name, " + ", ".join(OFF) + ": tokens"]
    for name, changes in CASES.items():
        o, tokens = run(changes)
        out.append(f"{name} " + " ".join(map(str, o.values()))
                   + " : " + " ".join(map(str, tokens)))
    (GOLDEN / "sampling.txt").write_text("\n".join(out) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
