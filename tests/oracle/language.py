#!/usr/bin/env python3
"""What llama.cpp says of small random models of every architecture: tests/run/language/golden.

A golden file describes a model so that anyone can write it (keys, tensors, and a generator that makes their numbers from
their names), and holds what llama.cpp answers for it. tests/run/language/made_model.c writes the same model and whet has
to answer the same; so the tests need neither this tool nor llama.cpp.

    "$(tools/venv llama)" tests/oracle/language.py            all cases anew
    "$(tools/venv llama)" tests/oracle/language.py NAME...    some
    "$(tools/venv llama)" tests/oracle/language.py --keep DIR NAME...   and leave the GGUF files there

Numbers of a tensor: splitmix64 from the FNV-1a hash of its name, the top 24 bits as u in [-1, 1), offset + scale * u.
"""
import argparse
import ctypes
import pathlib
import struct
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "run" / "language" / "golden"
VOCAB, TEXT, STRIDE = 96, 70, 5
ROWS = (0, 1, 31, 32, 47, TEXT - 1)


# --- the words: one tokenizer for all --------------------------------------------------------------------------------
def words():
    pieces = ["<unk>", "<s>", "</s>", "\u2581"] + [chr(c) for c in range(ord("a"), ord("z") + 1)] + list(".,!?'-")
    pieces += ["th", "he", "in", "er", "an", "re", "on", "at", "en", "nd", "ti", "es", "or", "te", "of", "ed"]
    pieces += ["\u2581" + w for w in ("t", "a", "s", "w", "o", "b", "th", "the", "an", "and", "of", "to", "in", "he")]
    pieces += ["ing", "ion", "ent", "her", "ver", "ter", "all", "was", "his", "\u2581was", "\u2581that", "\u2581her"]
    pieces += [f"<{i:c}{i:c}>" for i in range(ord("A"), ord("A") + VOCAB - len(pieces))]
    assert len(pieces) == VOCAB and len(set(pieces)) == VOCAB
    kinds = [2, 3, 3] + [1] * (VOCAB - 3)
    scores = [0.0] * 3 + [-float(i) for i in range(VOCAB - 3)]
    return [("str", "tokenizer.ggml.model", "llama"), ("strs", "tokenizer.ggml.tokens", pieces),
            ("f32s", "tokenizer.ggml.scores", scores), ("i32s", "tokenizer.ggml.token_type", kinds),
            ("u32", "tokenizer.ggml.bos_token_id", 1), ("u32", "tokenizer.ggml.eos_token_id", 2),
            ("u32", "tokenizer.ggml.unknown_token_id", 0), ("bool", "tokenizer.ggml.add_bos_token", 1),
            ("bool", "tokenizer.ggml.add_eos_token", 0), ("bool", "tokenizer.ggml.add_space_prefix", 1)]


# --- models ----------------------------------------------------------------------------------------------------------
class Model:
    """Keys and tensors of one case; dims are GGUF's, the fastest first."""

    def __init__(self, arch, layers=2, width=64, heads=4, kv=2, head=None, ff=112, context=512, **options):
        self.arch, self.layers, self.width, self.heads, self.ff = arch, layers, width, heads, ff
        self.kv, self.head = kv, head or width // heads
        self.context = options.pop("run", 256)
        self.tolerance = options.pop("tolerance", 1e-5)
        self.encoder = options.pop("encoder", False)
        self.keys, self.tensors = [("str", "general.architecture", arch)], []
        for name, value in (("block_count", layers), ("embedding_length", width), ("context_length", context),
                            ("feed_forward_length", ff), ("attention.head_count", heads),
                            ("attention.head_count_kv", kv)):
            self.u32(name, value)
        if head:
            self.u32("attention.key_length", head)
            self.u32("attention.value_length", head)
        assert not options, options

    def u32(self, name, value):
        self.keys.append(("u32", f"{self.arch}.{name}", value))

    def f32(self, name, value):
        self.keys.append(("f32", f"{self.arch}.{name}", value))

    def bool(self, name, value):
        self.keys.append(("bool", f"{self.arch}.{name}", int(value)))

    def text(self, name, value):
        self.keys.append(("str", f"{self.arch}.{name}", value))

    def add(self, name, dims, scale, offset=0.0):
        self.tensors.append((name, list(dims), round(scale, 4), offset))

    def matrix(self, name, n, k, gain=1.0, bias=False):
        self.add(f"{name}.weight", (k, n), gain * (3.0 / k) ** 0.5)
        if bias:
            self.add(f"{name}.bias", (n,), 0.3)

    def norm(self, name, n, bias=False):
        self.add(f"{name}.weight", (n,), 0.4, 1.0)
        if bias:
            self.add(f"{name}.bias", (n,), 0.2)

    # Parts that several architectures share.
    def ends(self, head=True, bias=False, scale=1.0):
        self.add("token_embd.weight", (self.width, VOCAB), scale)
        self.norm("output_norm", self.width, bias)
        if head:
            self.matrix("output", VOCAB, self.width, 2.0)

    def attention(self, il, bias=False, out_bias=False, fused=False):
        n = [self.heads * self.head, self.kv * self.head, self.kv * self.head]
        if fused:
            self.matrix(f"blk.{il}.attn_qkv", sum(n), self.width, 1.3, bias)
        else:
            for which, size in zip("qkv", n):
                self.matrix(f"blk.{il}.attn_{which}", size, self.width, 1.0 if which == "v" else 1.4, bias)
        self.matrix(f"blk.{il}.attn_output", self.width, n[0], 1.0, out_bias)

    def gated(self, il, suffix="", ff=None, bias=False):
        ff = ff or self.ff
        self.matrix(f"blk.{il}.ffn_gate{suffix}", ff, self.width, 1.2, bias)
        self.matrix(f"blk.{il}.ffn_up{suffix}", ff, self.width, 1.2, bias)
        self.matrix(f"blk.{il}.ffn_down{suffix}", self.width, ff, 1.2, bias)

    def plain(self, il, bias):
        self.matrix(f"blk.{il}.ffn_up", self.ff, self.width, 1.2, bias)
        self.matrix(f"blk.{il}.ffn_down", self.width, self.ff, 1.2, bias)

    def experts(self, il, count, ff):
        self.matrix(f"blk.{il}.ffn_gate_inp", count, self.width, 2.0)
        for part, n, k in (("gate", ff, self.width), ("up", ff, self.width), ("down", self.width, ff)):
            self.add(f"blk.{il}.ffn_{part}_exps.weight", (k, n, count), 1.2 * (3.0 / k) ** 0.5)


def llama(name="llama", qkv_bias=False, all_bias=False, tied=False, eps=1e-5, **options):
    m = Model(name, **options)
    m.f32("attention.layer_norm_rms_epsilon", eps)
    m.ends(not tied)
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width)
        m.norm(f"blk.{il}.ffn_norm", m.width)
        m.attention(il, qkv_bias or all_bias, all_bias)
        m.gated(il, bias=all_bias)
    return m


def llama_freqs():
    m = llama(width=80, heads=5, kv=1, ff=100)
    m.f32("rope.freq_base", 50000.0)
    m.add("rope_freqs.weight", (8,), 1.5, 3.0)
    return m


def llama_linear():
    m = llama(width=96, heads=6, kv=3, head=32)
    m.text("rope.scaling.type", "linear")
    m.f32("rope.scaling.factor", 3.5)
    return m


def llama_old_linear():
    m = llama()
    m.f32("rope.scale_linear", 2.0)
    return m


def llama_moe():
    m = Model("llama", ff=48)
    m.f32("attention.layer_norm_rms_epsilon", 1e-5)
    m.u32("expert_count", 5)
    m.u32("expert_used_count", 2)
    m.ends()
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width)
        m.norm(f"blk.{il}.ffn_norm", m.width)
        m.attention(il)
        m.experts(il, 5, m.ff)
    return m


def smollm3():
    return llama("smollm3", layers=5, tied=True, ff=72)


def granite():
    m = llama("granite", all_bias=True, tied=True)
    for name, value in (("embedding_scale", 12.0), ("residual_scale", 0.22), ("logit_scale", 4.0),
                        ("attention.scale", 0.0625)):
        m.f32(name, value)
    return m


def granite_no_rope():
    m = llama("granite")
    m.f32("logit_scale", 2.0)
    m.bool("rope.scaling.finetuned", False)
    return m


def granitemoe(shared=40):
    m = Model("granitemoe", ff=48)
    m.f32("attention.layer_norm_rms_epsilon", 1e-6)
    for name, value in (("embedding_scale", 6.0), ("residual_scale", 0.5), ("logit_scale", 3.0),
                        ("attention.scale", 0.125)):
        m.f32(name, value)
    m.u32("expert_count", 6)
    m.u32("expert_used_count", 3)
    m.u32("expert_shared_feed_forward_length", shared)
    m.ends(False)
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width)
        m.norm(f"blk.{il}.ffn_norm", m.width)
        m.attention(il)
        m.experts(il, 6, m.ff)
        m.gated(il, "_shexp", shared)
    return m


def qwen2_yarn():
    m = llama("qwen2", qkv_bias=True, width=96, heads=3, kv=1, context=1024)
    m.f32("rope.freq_base", 1000000.0)
    m.text("rope.scaling.type", "yarn")
    m.f32("rope.scaling.factor", 4.0)
    m.u32("rope.scaling.original_context_length", 256)
    return m


def qwen2moe(explicit=True):
    m = Model("qwen2moe", ff=96)
    m.f32("attention.layer_norm_rms_epsilon", 1e-6)
    m.u32("expert_count", 6)
    m.u32("expert_used_count", 2)
    ff = 40 if explicit else 48
    if explicit:
        m.u32("expert_feed_forward_length", ff)
        m.u32("expert_shared_feed_forward_length", 72)
    m.ends()
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width)
        m.norm(f"blk.{il}.ffn_norm", m.width)
        m.attention(il, True)
        m.experts(il, 6, ff)
        m.gated(il, "_shexp", 72 if explicit else 96)
        m.add(f"blk.{il}.ffn_gate_inp_shexp.weight", (m.width,), 0.3)
    return m


def qwen3(moe=False):
    m = Model("qwen3moe" if moe else "qwen3", width=72, heads=6, kv=2, head=32, ff=88)
    m.f32("attention.layer_norm_rms_epsilon", 1e-6)
    m.f32("rope.freq_base", 1000000.0)
    if moe:
        m.u32("expert_count", 7)
        m.u32("expert_used_count", 3)
        m.u32("expert_feed_forward_length", 24)
    m.ends(moe)
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width)
        m.norm(f"blk.{il}.ffn_norm", m.width)
        m.norm(f"blk.{il}.attn_q_norm", m.head)
        m.norm(f"blk.{il}.attn_k_norm", m.head)
        m.attention(il)
        if moe:
            m.experts(il, 7, 24)
        else:
            m.gated(il)
    return m


def gemma(version):
    layers = {1: 2, 2: 3, 3: 7}[version]
    m = Model("gemma" if version == 1 else f"gemma{version}", layers=layers, width=48, heads=4,
              kv=1 if version == 1 else 2, head=32, ff=80, tolerance=GELU)
    m.f32("attention.layer_norm_rms_epsilon", 1e-6)
    if version > 1:
        m.u32("attention.sliding_window", 20)
    if version == 2:
        m.f32("attn_logit_softcapping", 5.0)
        m.f32("final_logit_softcapping", 6.0)
    if version == 3:
        m.f32("rope.freq_base", 500000.0)
        m.text("rope.scaling.type", "linear")
        m.f32("rope.scaling.factor", 8.0)
    m.ends(False, scale=0.3)
    for il in range(layers):
        m.norm(f"blk.{il}.attn_norm", m.width)
        m.norm(f"blk.{il}.ffn_norm", m.width)
        if version > 1:
            m.norm(f"blk.{il}.post_attention_norm", m.width)
            m.norm(f"blk.{il}.post_ffw_norm", m.width)
        if version == 3:
            m.norm(f"blk.{il}.attn_q_norm", m.head)
            m.norm(f"blk.{il}.attn_k_norm", m.head)
        m.attention(il)
        m.gated(il)
    return m


def phi3(run):
    m = Model("phi3", width=96, heads=4, kv=2, ff=80, context=1024, run=run)
    m.f32("attention.layer_norm_rms_epsilon", 1e-5)
    m.u32("rope.dimension_count", 24)
    m.u32("rope.scaling.original_context_length", 512)
    m.f32("rope.scaling.attn_factor", 1.19)
    m.u32("attention.sliding_window", 30)
    m.ends()
    m.add("rope_factors_long.weight", (12,), 4.0, 6.0)
    m.add("rope_factors_short.weight", (12,), 0.4, 1.5)
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width)
        m.norm(f"blk.{il}.ffn_norm", m.width)
        m.attention(il, fused=True)
        m.matrix(f"blk.{il}.ffn_up", 2 * m.ff, m.width, 1.2)
        m.matrix(f"blk.{il}.ffn_down", m.width, m.ff, 1.2)
    return m


def gpt2(width=60, heads=5):
    m = Model("gpt2", width=width, heads=heads, kv=heads, ff=120, context=256, tolerance=GELU)
    m.f32("attention.layer_norm_epsilon", 1e-5)
    m.ends(False, True)
    m.add("position_embd.weight", (m.width, 256), 0.5)
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width, True)
        m.norm(f"blk.{il}.ffn_norm", m.width, True)
        m.attention(il, True, True, True)
        m.plain(il, True)
    return m


def gptneox(parallel):
    m = Model("gptneox", width=64, heads=4, kv=4, tolerance=GELU)
    m.f32("attention.layer_norm_epsilon", 1e-5)
    m.u32("rope.dimension_count", 4)
    m.bool("use_parallel_residual", parallel)
    m.ends(True, True)
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width, True)
        m.norm(f"blk.{il}.ffn_norm", m.width, True)
        m.attention(il, True, True, True)
        m.plain(il, True)
    return m


def starcoder2(width=72):
    m = Model("starcoder2", width=width, heads=6, kv=2, tolerance=GELU)
    m.f32("attention.layer_norm_epsilon", 1e-5)
    m.ends(False, True)
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width, True)
        m.norm(f"blk.{il}.ffn_norm", m.width, True)
        m.attention(il, True, True)
        m.plain(il, True)
    return m


def falcon(large):
    m = Model("falcon", width=80, heads=5, kv=5 if large else 1, tolerance=GELU)
    m.f32("attention.layer_norm_epsilon", 1e-5)
    m.ends(True, True)
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_norm", m.width, True)
        if large:
            m.norm(f"blk.{il}.attn_norm_2", m.width, True)
        m.attention(il, fused=True)
        m.plain(il, False)
    return m


def olmo2(window, width=72):
    m = Model("olmo2", layers=5 if window else 2, width=width, heads=6, kv=3, context=1024)
    m.f32("attention.layer_norm_rms_epsilon", 1e-6)
    if window:
        m.u32("attention.sliding_window", 20)
        m.text("rope.scaling.type", "yarn")
        m.f32("rope.scaling.factor", 8.0)
        m.f32("rope.scaling.attn_factor", 1.2)
        m.u32("rope.scaling.original_context_length", 128)
    m.ends()
    for il in range(m.layers):
        m.norm(f"blk.{il}.attn_q_norm", m.width)
        m.norm(f"blk.{il}.attn_k_norm", m.kv * m.head)
        m.norm(f"blk.{il}.post_attention_norm", m.width)
        m.norm(f"blk.{il}.post_ffw_norm", m.width)
        m.attention(il)
        m.gated(il)
    return m


def olmoe():
    m = Model("olmoe", kv=4, ff=40)
    m.f32("attention.layer_norm_rms_epsilon", 1e-5)
    m.u32("expert_count", 8)
    m.u32("expert_used_count", 3)
    m.ends()
    for il in range(m.layers):
        for name in ("attn_norm", "ffn_norm", "attn_q_norm", "attn_k_norm"):
            m.norm(f"blk.{il}.{name}", m.width)
        m.attention(il)
        m.experts(il, 8, m.ff)
    return m


def bert(name, fused=False):
    nomic = name == "nomic-bert"
    m = Model(name, width=60, heads=5, kv=5, ff=100, context=128, encoder=True, tolerance=1e-5 if nomic else GELU)
    m.f32("attention.layer_norm_epsilon", 1e-6)
    m.bool("attention.causal", False)
    m.u32("pooling_type", 1)
    m.keys.append(("u32", "tokenizer.ggml.token_type_count", 2))
    if nomic:
        m.f32("rope.freq_base", 1000.0)
    m.add("token_embd.weight", (m.width, VOCAB), 1.0)
    m.add("token_types.weight", (m.width, 2), 0.5)
    m.norm("token_embd_norm", m.width, True)
    if not nomic:
        m.add("position_embd.weight", (m.width, 128), 0.5)
    for il in range(m.layers):
        m.attention(il, not nomic, not nomic, fused)
        m.norm(f"blk.{il}.attn_output_norm", m.width, True)
        m.norm(f"blk.{il}.layer_output_norm", m.width, True)
        if nomic:
            m.gated(il)
        else:
            m.plain(il, True)
    return m


GELU = 4e-4  # llama.cpp looks GELU up in a table of 16-bit floats, and takes the tanh form for models of the erf form
CASES = {
    "llama": lambda: llama(heads=8, kv=2, width=96, head=32), "llama_bias": lambda: llama(all_bias=True, tied=True),
    "llama_freqs": llama_freqs, "llama_linear": llama_linear, "llama_old_linear": llama_old_linear,
    "llama_moe": llama_moe, "smollm3": smollm3,
    "granite": granite, "granite_no_rope": granite_no_rope, "granitemoe": granitemoe,
    "qwen2": lambda: llama("qwen2", qkv_bias=True, tied=True), "qwen2_yarn": qwen2_yarn,
    "qwen2moe": qwen2moe, "qwen2moe_plain": lambda: qwen2moe(False),
    "qwen3": qwen3, "qwen3moe": lambda: qwen3(True),
    "gemma": lambda: gemma(1), "gemma2": lambda: gemma(2), "gemma3": lambda: gemma(3),
    "phi3_short": lambda: phi3(256), "phi3_long": lambda: phi3(1024),
    "gpt2": gpt2, "gptneox": lambda: gptneox(True), "gptneox_serial": lambda: gptneox(False),
    "starcoder2": starcoder2, "falcon_7b": lambda: falcon(False), "falcon_40b": lambda: falcon(True),
    "olmo2": lambda: olmo2(False), "olmo3": lambda: olmo2(True), "olmoe": olmoe,
    "bert": lambda: bert("bert"), "nomic_bert": lambda: bert("nomic-bert", True),
}


# --- writing ---------------------------------------------------------------------------------------------------------
def numbers(name, count, scale, offset):
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 & (1 << 64) - 1
    with np.errstate(over="ignore"):
        z = np.uint64(state) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    u = ((z >> np.uint64(40)).astype(np.float64) - (1 << 23)) / (1 << 23)
    return (offset + scale * u).astype(np.float32)


def key_bytes(kind, name, value):
    def text(s):
        return struct.pack("<Q", len(s.encode())) + s.encode()

    kinds = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<B"), "str": (8, None)}
    array = kind.endswith("s")
    number, form = kinds[kind[:-1] if array else kind]
    values = value if array else [value]
    head = text(name) + (struct.pack("<IIQ", 9, number, len(values)) if array else struct.pack("<I", number))
    return head + b"".join(struct.pack(form, v) if form else text(v) for v in values)


def write_gguf(path, model):
    keys = model.keys + words()
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(model.tensors), len(keys)) + b"".join(key_bytes(*k) for k in keys)
    at, data = 0, []
    for name, dims, scale, offset in model.tensors:
        raw = numbers(name, int(np.prod(dims)), scale, offset).tobytes()
        raw += bytes(-len(raw) % 32)
        out += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(dims))
        out += struct.pack(f"<{len(dims)}Q", *dims) + struct.pack("<IQ", 0, at)
        at += len(raw)
        data.append(raw)
    path.write_bytes(out + bytes(-len(out) % 32) + b"".join(data))


def tokens():
    return [1] + [(7 * i * i + 3 * i + 11) % (VOCAB - 3) + 3 for i in range(1, TEXT)]


# --- asking ----------------------------------------------------------------------------------------------------------
def ask(path, model):
    import llama_cpp as lc
    silent = lc.llama_log_callback(lambda level, text, user: None)
    lc.llama_log_set(silent, ctypes.c_void_p(0))
    lc.llama_backend_init()
    loaded = lc.llama_model_load_from_file(str(path).encode(), lc.llama_model_default_params())
    if not loaded:
        raise SystemExit(f"llama.cpp does not load {path}")
    p = lc.llama_context_default_params()
    p.n_ctx, p.n_batch, p.n_ubatch, p.n_threads, p.n_threads_batch = model.context, 128, 128, 1, 1
    p.type_k = p.type_v = 0
    p.flash_attn_type = 0
    if model.encoder:
        p.embeddings, p.pooling_type = True, 0
    ctx = lc.llama_init_from_model(loaded, p)
    ids = tokens()
    batch = lc.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, i, 1, 0, 1
    if lc.llama_decode(ctx, batch) != 0:
        raise SystemExit(f"llama.cpp does not run {path}")
    width = model.width if model.encoder else VOCAB
    get = lc.llama_get_embeddings_ith if model.encoder else lc.llama_get_logits_ith
    rows = np.array([np.ctypeslib.as_array(get(ctx, i), (width,)) for i in range(len(ids))])
    lc.llama_batch_free(batch)
    lc.llama_free(ctx)
    lc.llama_model_free(loaded)
    assert np.isfinite(rows).all(), path
    return rows


def line(kind, name, value):
    if kind.endswith("s"):
        return f"key {kind} {name} " + " ".join(v if isinstance(v, str) else f"{v:g}" for v in value)
    return f"key {kind} {name} {value if isinstance(value, str) else f'{value:.9g}'}"


def golden(name, model, rows):
    import llama_cpp as lc
    out = [f"# llama.cpp (llama-cpp-python {lc.__version__}) over random weights: made by tests/oracle/language.py",
           f"run {model.context} {model.tolerance:g}"]
    out += [line(*k) for k in model.keys]
    for tensor, dims, scale, offset in model.tensors:
        out.append(f"tensor {tensor} {scale:g} {offset:g} " + " ".join(map(str, dims)))
    out.append(f"range {rows.max() - rows.min():.6g}")
    for i in ROWS:
        out.append(f"row {i} {STRIDE} " + " ".join(f"{v:.6g}" for v in rows[i][::STRIDE]))
    (GOLDEN / f"{name}.txt").write_text("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    GOLDEN.mkdir(parents=True, exist_ok=True)
    (GOLDEN / "words.txt").write_text("\n".join(line(*k) for k in words())
                                      + "\ntokens " + " ".join(map(str, tokens())) + "\n")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.names or CASES:
            model = CASES[name]()
            path = (args.keep or pathlib.Path(folder)) / f"{name}.gguf"
            write_gguf(path, model)
            rows = ask(path, model)
            golden(name, model, rows)
            print(f"{name}: {rows.min():.3f} to {rows.max():.3f}", flush=True)
            if not args.keep:
                path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
