"""Tiny folders of random weights, one per family, and what GGUF says of each by the published mapping.

Names come from the tensor map of the `gguf` package, the one that llama.cpp's converter uses; which rows are moved and
what is added follows that converter, written here a second time in numpy.
"""
import json
import math

import numpy as np
from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, get_tensor_name_map
from safetensors import TensorSpec, serialize_file

LAYERS, WIDTH, HEADS, KV, HEAD, HIDDEN, VOCAB, EXPERTS = 2, 32, 4, 2, 8, 48, 40, 3
DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
FLOAT32 = ("ffn_gate_inp.weight", "position_embd.weight", "token_types.weight")


def to_bytes(x, dtype):
    x = np.ascontiguousarray(x, np.float32)
    if dtype == "BF16":
        bits = x.view(np.uint32)
        assert not (bits & 0xffff).any(), "test data must be exact"
        return (bits >> 16).astype(np.uint16).tobytes()
    return x.astype({"F32": np.float32, "F16": np.float16}[dtype]).tobytes()


class Random:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def __call__(self, *shape):
        """Numbers of bfloat16, none so small that adding 1 loses it."""
        x = np.round(self.rng.uniform(-1, 1, shape) * 128) / 128
        return (x + 0.0).astype(np.float32)  # no -0, which adding and taking 1 makes 0


def decoder(r, prefix="model.", kv=KV, head=HEAD, mlp=True, biases=(), q_norm=None, norms=("input_layernorm",
            "post_attention_layernorm"), embed="embed_tokens", output=True):
    t = {f"{prefix}{embed}.weight": r(VOCAB, WIDTH), f"{prefix}norm.weight": r(WIDTH)}
    if output:
        t["lm_head.weight"] = r(VOCAB, WIDTH)
    for i in range(LAYERS):
        p = f"{prefix}layers.{i}."
        for norm in norms:
            t[f"{p}{norm}.weight"] = r(WIDTH)
        for name, rows in (("q_proj", HEADS * head), ("k_proj", kv * head), ("v_proj", kv * head)):
            t[f"{p}self_attn.{name}.weight"] = r(rows, WIDTH)
            if "qkv" in biases:
                t[f"{p}self_attn.{name}.bias"] = r(rows)
        t[f"{p}self_attn.o_proj.weight"] = r(WIDTH, HEADS * head)
        for which, heads in (("q_norm", HEADS), ("k_norm", kv)) if q_norm else ():
            t[f"{p}self_attn.{which}.weight"] = r(head if q_norm == "head" else heads * head)
        if mlp:
            gated(t, r, f"{p}mlp.")
    return t


def gated(t, r, p, hidden=HIDDEN, names=("gate_proj", "up_proj", "down_proj")):
    for name in names[:2]:
        t[f"{p}{name}.weight"] = r(hidden, WIDTH)
    t[f"{p}{names[2]}.weight"] = r(WIDTH, hidden)


LLAMA = dict(max_position_embeddings=128, hidden_size=WIDTH, num_hidden_layers=LAYERS, intermediate_size=HIDDEN,
             num_attention_heads=HEADS, num_key_value_heads=KV, rms_norm_eps=1e-5, rope_theta=50000.0, vocab_size=VOCAB,
             tie_word_embeddings=False)
KEYS = {"context_length": 128, "embedding_length": WIDTH, "block_count": LAYERS, "feed_forward_length": HIDDEN,
        "attention.head_count": HEADS, "attention.head_count_kv": KV, "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.freq_base": 50000.0}


def pairs(x, heads):
    return x.reshape(heads, 2, x.shape[0] // heads // 2, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def permute_llama(name, x):
    if ".attn_q." in name:
        return pairs(x, HEADS)
    if ".attn_k." in name:
        return pairs(x, KV)
    return x


def plus_1(name, x):
    return x + np.float32(1) if name.endswith("norm.weight") else x


def transpose(name, x):
    moved = ("attn_qkv.weight", "attn_output.weight", "ffn_up.weight", "ffn_down.weight")
    return x.T if name.endswith(moved) else x


def split_qkv(kv):
    def change(name, x):
        if ".attn_qkv." not in name:
            return x
        q = HEADS // kv
        y = x.reshape(kv, q + 2, HEAD, *x.shape[1:])
        return np.concatenate([y[:, :q].reshape(-1, *x.shape[1:]), y[:, q].reshape(-1, *x.shape[1:]),
                               y[:, q + 1].reshape(-1, *x.shape[1:])])
    return change


class Family:
    def __init__(self, arch, config, tensors, keys, change=None, made=None, drop=(), dtype="BF16", extra=None):
        self.arch, self.config, self.tensors, self.keys = arch, config, tensors, keys
        self.change, self.made, self.drop, self.dtype, self.extra = change, made or {}, drop, dtype, extra or {}

    def write(self, folder):
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(self.config))
        for name, text in self.extra.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        save(self.tensors, self.dtype, folder / "model.safetensors")

    def expected(self):
        """GGUF's name -> (element type, array)."""
        arch = next(a for a, n in MODEL_ARCH_NAMES.items() if n == self.arch)
        names = get_tensor_name_map(arch, LAYERS)
        out, stacks = {}, {}
        for hf, x in self.tensors.items():
            if hf in self.drop:
                continue
            plain = hf.removeprefix("language_model.")
            parts = plain.split(".")
            expert = None
            if "experts" in parts:
                at = parts.index("experts") + 1
                expert = int(parts.pop(at))
                plain = ".".join(parts)
            for name, y in halves(plain, x) if self.arch == "granitemoe" else [(plain, x)]:
                name = name if name.startswith("blk.") else names.get_name(name, try_suffixes=(".weight", ".bias"))
                assert name, hf
                if expert is None:
                    out[name] = y
                else:
                    stacks.setdefault(name, {})[expert] = y
        out |= {name: np.stack([s[e] for e in range(len(s))]) for name, s in stacks.items()}
        for name in out:
            if name.endswith("ffn_gate_inp_shexp.weight"):
                out[name] = out[name].squeeze()
            if self.change:
                out[name] = self.change(name, out[name])
        out |= self.made
        return {name: ("F32" if x.ndim < 2 or name.endswith(FLOAT32) else self.dtype, x) for name, x in out.items()}


def halves(name, x):
    parts = name.split(".")
    if not name.endswith("input_linear.weight"):
        return [(name, x)]
    kind = "exps" if x.ndim == 3 else "shexp"
    gate, up = np.split(x, 2, axis=-2)
    return [(f"blk.{parts[2]}.ffn_gate_{kind}.weight", gate), (f"blk.{parts[2]}.ffn_up_{kind}.weight", up)]


def save(tensors, dtype, path, metadata={"format": "pt"}):
    keep = {name: np.frombuffer(to_bytes(x, dtype), np.uint8) for name, x in tensors.items()}
    serialize_file({name: TensorSpec(dtype=DTYPES[dtype], shape=list(x.shape), data_ptr=keep[name].ctypes.data,
                                     data_len=keep[name].nbytes) for name, x in tensors.items()},
                   str(path), metadata=metadata)


def llama3_factors(base, dims, factor=8.0, low=1.0, high=4.0, original=8192):
    out = []
    for i in range(dims // 2):
        wave = 2 * math.pi / base ** (-2 * i / dims)
        if wave < original / high:
            out.append(1)
        elif wave > original / low:
            out.append(factor)
        else:
            s = (original / wave - low) / (high - low)
            out.append(1 / ((1 - s) / factor + s))
    return np.array(out, np.float32)


def families():
    f = {}
    turned = KEYS | {"rope.dimension_count": HEAD}
    r = Random(1)
    f["llama"] = Family("llama", LLAMA | {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, decoder(r),
                        turned, permute_llama)
    f["llama-biases"] = Family("llama", LLAMA | {"model_type": "llama", "tie_word_embeddings": True, "head_dim": 16,
                                                 "rope_scaling": {"type": "linear", "factor": 4.0}},
                               decoder(r, head=16, biases=("qkv",), output=False),
                               KEYS | {"rope.dimension_count": 16, "attention.key_length": 16,
                                       "attention.value_length": 16, "rope.scaling.type": "linear",
                                       "rope.scaling.factor": 4.0}, permute_llama, dtype="F16")
    f["llama-llama3"] = Family("llama", LLAMA | {"model_type": "llama", "rope_theta": 500000.0, "rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192}}, decoder(r), turned | {"rope.freq_base": 500000.0}, permute_llama,
        {"rope_freqs.weight": llama3_factors(500000.0, HEAD)}, dtype="F32")
    f["mistral"] = Family("llama", LLAMA | {"model_type": "mistral", "sliding_window": 96, "rope_parameters": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32, "rope_theta": 12345.0}}, decoder(r),
        turned | {"attention.sliding_window": 96, "rope.freq_base": 12345.0, "rope.scaling.type": "yarn", "rope.scaling.factor": 4.0,
                  "rope.scaling.original_context_length": 32}, permute_llama)
    t = decoder(r, mlp=False)
    for i in range(LAYERS):
        p = f"model.layers.{i}.block_sparse_moe."
        t[f"{p}gate.weight"] = r(EXPERTS, WIDTH)
        for e in range(EXPERTS):
            gated(t, r, f"{p}experts.{e}.", names=("w1", "w3", "w2"))
    f["mixtral"] = Family("llama", LLAMA | {"model_type": "mixtral", "num_local_experts": EXPERTS,
                                            "num_experts_per_tok": 2}, t,
                          turned | {"expert_count": EXPERTS, "expert_used_count": 2}, permute_llama)
    f["smollm3"] = Family("smollm3", LLAMA | {"model_type": "smollm3", "no_rope_layers": [1, 1]}, decoder(r), turned,
                          permute_llama)
    factors = {"attention_multiplier": 0.125, "embedding_multiplier": 12.0, "residual_multiplier": 0.25,
               "logits_scaling": 8.0}
    scales = {"attention.scale": 0.125, "embedding_scale": 12.0, "residual_scale": 0.25, "logit_scale": 8.0}
    f["granite"] = Family("granite", LLAMA | {"model_type": "granite", "position_embedding_type": "nope"} | factors,
                          decoder(r), turned | scales | {"rope.scaling.finetuned": False}, permute_llama)
    t = decoder(r, mlp=False)
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        t[f"{p}block_sparse_moe.router.layer.weight"] = r(EXPERTS, WIDTH)
        t[f"{p}block_sparse_moe.input_linear.weight"] = r(EXPERTS, 2 * HIDDEN, WIDTH)
        t[f"{p}block_sparse_moe.output_linear.weight"] = r(EXPERTS, WIDTH, HIDDEN)
        t[f"{p}shared_mlp.input_linear.weight"] = r(2 * 16, WIDTH)
        t[f"{p}shared_mlp.output_linear.weight"] = r(WIDTH, 16)
    f["granitemoeshared"] = Family("granitemoe", LLAMA | factors | {
        "model_type": "granitemoeshared", "num_local_experts": EXPERTS, "num_experts_per_tok": 2,
        "shared_intermediate_size": 16}, t, turned | scales | {
            "expert_count": EXPERTS, "expert_used_count": 2, "expert_shared_feed_forward_length": 16}, permute_llama)
    f["qwen2"] = Family("qwen2", LLAMA | {"model_type": "qwen2", "use_sliding_window": False, "sliding_window": 64},
                        decoder(r, biases=("qkv",)), KEYS)
    f["qwen3"] = Family("qwen3", LLAMA | {"model_type": "qwen3", "head_dim": 16}, decoder(r, head=16, q_norm="head"),
                        KEYS | {"attention.key_length": 16, "attention.value_length": 16})
    for name, arch, shared in (("qwen2_moe", "qwen2moe", True), ("qwen3_moe", "qwen3moe", False)):
        t = decoder(r, mlp=False, q_norm=None if shared else "head")
        for i in range(LAYERS):
            p = f"model.layers.{i}.mlp."
            t[f"{p}gate.weight"] = r(EXPERTS, WIDTH)
            for e in range(EXPERTS):
                gated(t, r, f"{p}experts.{e}.", 16)
            if shared:
                gated(t, r, f"{p}shared_expert.", 24)
                t[f"{p}shared_expert_gate.weight"] = r(1, WIDTH)
        config = {"model_type": name, "num_experts": EXPERTS, "num_experts_per_tok": 2, "moe_intermediate_size": 16,
                  "norm_topk_prob": not shared}
        keys = {"expert_count": EXPERTS, "expert_used_count": 2, "expert_feed_forward_length": 16}
        if shared:
            config["shared_expert_intermediate_size"] = 24
            keys["expert_shared_feed_forward_length"] = 24
        else:
            config["head_dim"] = HEAD
            keys |= {"attention.key_length": HEAD, "attention.value_length": HEAD}
        f[name] = Family(arch, LLAMA | config, t, KEYS | keys)
    head = {"attention.key_length": HEAD, "attention.value_length": HEAD}
    f["gemma"] = Family("gemma", LLAMA | {"model_type": "gemma", "head_dim": HEAD, "tie_word_embeddings": True},
                        decoder(r, output=False), KEYS | head, plus_1)
    four = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
    f["gemma2"] = Family("gemma2", LLAMA | {
        "model_type": "gemma2", "head_dim": HEAD, "tie_word_embeddings": True, "sliding_window": 64,
        "query_pre_attn_scalar": HEAD, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0},
        decoder(r, norms=four, output=False), KEYS | head | {
            "attention.sliding_window": 64, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}, plus_1)
    gemma3 = {"head_dim": HEAD, "sliding_window": 64, "query_pre_attn_scalar": HEAD, "rope_local_base_freq": 10000.0}
    local = {"attention.sliding_window": 64, "rope.freq_base_swa": 10000.0}
    f["gemma3_text"] = Family("gemma3", LLAMA | gemma3 | {"model_type": "gemma3_text", "tie_word_embeddings": True},
                              decoder(r, norms=four, q_norm="head", output=False), KEYS | head | local, plus_1)
    t = decoder(r, prefix="language_model.model.", norms=four, q_norm="head", output=False)
    t["vision_tower.vision_model.post_layernorm.weight"] = r(16)
    t["multi_modal_projector.mm_input_projection_weight"] = r(16, WIDTH)
    text = {k: v for k, v in LLAMA.items() if k not in ("tie_word_embeddings", "vocab_size")}
    f["gemma3"] = Family("gemma3", {"model_type": "gemma3", "text_config": text | gemma3 | {
        "model_type": "gemma3_text"}}, t, KEYS | head | local, plus_1,
        drop=("vision_tower.vision_model.post_layernorm.weight", "multi_modal_projector.mm_input_projection_weight"))
    t = decoder(r, mlp=False)
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        parts = [t.pop(f"{p}self_attn.{n}_proj.weight") for n in "qkv"]
        t[f"{p}self_attn.qkv_proj.weight"] = np.concatenate(parts)
        t[f"{p}mlp.gate_up_proj.weight"] = r(2 * HIDDEN, WIDTH)
        t[f"{p}mlp.down_proj.weight"] = r(WIDTH, HIDDEN)
    long, short = [1.0 + 0.25 * i for i in range(HEAD // 2)], [1.0] * (HEAD // 2)
    f["phi3"] = Family("phi3", LLAMA | {
        "model_type": "phi3", "original_max_position_embeddings": 32, "sliding_window": 64,
        "rope_scaling": {"type": "longrope", "long_factor": long, "short_factor": short}}, t,
        turned | {"attention.sliding_window": 64, "rope.scaling.original_context_length": 32,
                  "rope.scaling.attn_factor": math.sqrt(1 + math.log(4) / math.log(32))},
        made={"rope_factors_long.weight": np.array(long, np.float32),
              "rope_factors_short.weight": np.array(short, np.float32)})
    f |= plain_families(r)
    return f


def plain_families(r):
    f = {}
    t = {"wte.weight": r(VOCAB, WIDTH), "wpe.weight": r(128, WIDTH), "ln_f.weight": r(WIDTH), "ln_f.bias": r(WIDTH)}
    for i in range(LAYERS):
        p = f"h.{i}."
        for norm in ("ln_1", "ln_2"):
            t |= {f"{p}{norm}.weight": r(WIDTH), f"{p}{norm}.bias": r(WIDTH)}
        for name, rows, columns in (("attn.c_attn", WIDTH, 3 * WIDTH), ("attn.c_proj", WIDTH, WIDTH),
                                    ("mlp.c_fc", WIDTH, 4 * WIDTH), ("mlp.c_proj", 4 * WIDTH, WIDTH)):
            t |= {f"{p}{name}.weight": r(rows, columns), f"{p}{name}.bias": r(columns)}
    t = {f"transformer.{name}": x for name, x in t.items()}
    masks = {f"transformer.h.{i}.attn.bias": r(1, 1, 8, 8) for i in range(LAYERS)}
    gpt2 = {"model_type": "gpt2", "n_positions": 128, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS,
            "layer_norm_epsilon": 1e-5, "vocab_size": VOCAB}
    layer_norm = {"context_length": 128, "embedding_length": WIDTH, "block_count": LAYERS,
                  "attention.head_count": HEADS, "attention.layer_norm_epsilon": 1e-5}
    f["gpt2"] = Family("gpt2", gpt2, t | masks, layer_norm | {"feed_forward_length": 4 * WIDTH}, transpose,
                       drop=tuple(masks), dtype="F32")
    t = {"gpt_neox.embed_in.weight": r(VOCAB, WIDTH), "embed_out.weight": r(VOCAB, WIDTH)}
    for i in [None, *range(LAYERS)]:
        p = "gpt_neox." if i is None else f"gpt_neox.layers.{i}."
        for norm in ("final_layer_norm",) if i is None else ("input_layernorm", "post_attention_layernorm"):
            t |= {f"{p}{norm}.weight": r(WIDTH), f"{p}{norm}.bias": r(WIDTH)}
        for name, rows, columns in () if i is None else (
                ("attention.query_key_value", 3 * WIDTH, WIDTH), ("attention.dense", WIDTH, WIDTH),
                ("mlp.dense_h_to_4h", HIDDEN, WIDTH), ("mlp.dense_4h_to_h", WIDTH, HIDDEN)):
            t |= {f"{p}{name}.weight": r(rows, columns), f"{p}{name}.bias": r(rows)}
    f["gpt_neox"] = Family("gptneox", {
        "model_type": "gpt_neox", "max_position_embeddings": 128, "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
        "intermediate_size": HIDDEN, "num_attention_heads": HEADS, "layer_norm_eps": 1e-5, "rotary_pct": 0.25,
        "rotary_emb_base": 10000, "use_parallel_residual": False, "vocab_size": VOCAB, "tie_word_embeddings": False}, t,
        layer_norm | {"feed_forward_length": HIDDEN, "rope.dimension_count": 2, "rope.freq_base": 10000.0,
                      "use_parallel_residual": False}, split_qkv(HEADS), dtype="F16")
    t = decoder(r, mlp=False, biases=("qkv",), output=False)
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        t |= {f"{p}{norm}.bias": r(WIDTH) for norm in ("input_layernorm", "post_attention_layernorm")}
        t |= {f"{p}mlp.c_fc.weight": r(HIDDEN, WIDTH), f"{p}mlp.c_fc.bias": r(HIDDEN),
              f"{p}mlp.c_proj.weight": r(WIDTH, HIDDEN), f"{p}mlp.c_proj.bias": r(WIDTH),
              f"{p}self_attn.o_proj.bias": r(WIDTH)}
    t["model.norm.bias"] = r(WIDTH)
    f["starcoder2"] = Family("starcoder2", {k: v for k, v in LLAMA.items() if k != "rms_norm_eps"} | {
        "model_type": "starcoder2", "norm_epsilon": 1e-5, "tie_word_embeddings": True}, t,
        {k: v for k, v in KEYS.items() if "rms" not in k} | {"attention.layer_norm_epsilon": 1e-5})
    for name, kv, new in (("falcon", 1, False), ("falcon-new", KV, True)):
        t = {"transformer.word_embeddings.weight": r(VOCAB, WIDTH), "transformer.ln_f.weight": r(WIDTH),
             "transformer.ln_f.bias": r(WIDTH)}
        for i in range(LAYERS):
            p = f"transformer.h.{i}."
            for norm in ("ln_attn", "ln_mlp") if new else ("input_layernorm",):
                t |= {f"{p}{norm}.weight": r(WIDTH), f"{p}{norm}.bias": r(WIDTH)}
            t |= {f"{p}self_attention.query_key_value.weight": r((HEADS + 2 * kv) * HEAD, WIDTH),
                  f"{p}self_attention.dense.weight": r(WIDTH, WIDTH),
                  f"{p}mlp.dense_h_to_4h.weight": r(4 * WIDTH, WIDTH),
                  f"{p}mlp.dense_4h_to_h.weight": r(WIDTH, 4 * WIDTH)}
        config = {"model_type": "falcon", "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
                  "num_attention_heads": HEADS, "layer_norm_epsilon": 1e-5, "alibi": False, "bias": False,
                  "parallel_attn": True, "new_decoder_architecture": new, "multi_query": not new, "vocab_size": VOCAB}
        f[name] = Family("falcon", config | ({"num_kv_heads": kv} if new else {}), t,
                         layer_norm | {"context_length": 2048, "feed_forward_length": 4 * WIDTH,
                                       "attention.head_count_kv": kv, "tensor_data_layout": "jploski"}, split_qkv(kv))
    behind = ("post_attention_layernorm", "post_feedforward_layernorm")
    f["olmo2"] = Family("olmo2", LLAMA | {"model_type": "olmo2"}, decoder(r, norms=behind, q_norm="row"), KEYS)
    f["olmo3"] = Family("olmo2", LLAMA | {"model_type": "olmo3", "sliding_window": 64}, f["olmo2"].tensors,
                        KEYS | {"attention.sliding_window": 64})
    t = decoder(r, mlp=False, q_norm="row")
    for i in range(LAYERS):
        p = f"model.layers.{i}.mlp."
        t[f"{p}gate.weight"] = r(EXPERTS, WIDTH)
        for e in range(EXPERTS):
            gated(t, r, f"{p}experts.{e}.")
    f["olmoe"] = Family("olmoe", LLAMA | {"model_type": "olmoe", "num_experts": EXPERTS, "num_experts_per_tok": 2,
                                          "clip_qkv": None, "norm_topk_prob": False}, t,
                        KEYS | {"expert_count": EXPERTS, "expert_used_count": 2})
    return f | encoders(r, layer_norm)


def encoders(r, layer_norm):
    f = {}
    pooling = {"1_Pooling/config.json": json.dumps({"word_embedding_dimension": WIDTH, "pooling_mode_cls_token": False,
                                                    "pooling_mode_mean_tokens": True})}
    t = {"embeddings.word_embeddings.weight": r(VOCAB, WIDTH), "embeddings.position_embeddings.weight": r(128, WIDTH),
         "embeddings.token_type_embeddings.weight": r(2, WIDTH), "embeddings.LayerNorm.weight": r(WIDTH),
         "embeddings.LayerNorm.bias": r(WIDTH)}
    for i in range(LAYERS):
        p = f"encoder.layer.{i}."
        for name, rows, columns in (("attention.self.query", WIDTH, WIDTH), ("attention.self.key", WIDTH, WIDTH),
                                    ("attention.self.value", WIDTH, WIDTH), ("attention.output.dense", WIDTH, WIDTH),
                                    ("intermediate.dense", HIDDEN, WIDTH), ("output.dense", WIDTH, HIDDEN)):
            t |= {f"{p}{name}.weight": r(rows, columns), f"{p}{name}.bias": r(rows)}
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            t |= {f"{p}{norm}.weight": r(WIDTH), f"{p}{norm}.bias": r(WIDTH)}
    pooler = {"pooler.dense.weight": r(WIDTH, WIDTH), "pooler.dense.bias": r(WIDTH)}
    keys = layer_norm | {"feed_forward_length": HIDDEN, "attention.layer_norm_epsilon": 1e-12,
                         "attention.causal": False, "pooling_type": 1, "^tokenizer.ggml.token_type_count": 2}
    f["bert"] = Family("bert", {
        "model_type": "bert", "max_position_embeddings": 128, "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
        "intermediate_size": HIDDEN, "num_attention_heads": HEADS, "layer_norm_eps": 1e-12, "type_vocab_size": 2,
        "hidden_act": "gelu", "position_embedding_type": "absolute", "vocab_size": VOCAB}, t | pooler, keys,
        drop=tuple(pooler), dtype="F32", extra=pooling)
    t = {"embeddings.word_embeddings.weight": r(VOCAB, WIDTH), "embeddings.token_type_embeddings.weight": r(2, WIDTH),
         "emb_ln.weight": r(WIDTH), "emb_ln.bias": r(WIDTH)}
    for i in range(LAYERS):
        p = f"encoder.layers.{i}."
        t |= {f"{p}attn.Wqkv.weight": r(3 * WIDTH, WIDTH), f"{p}attn.out_proj.weight": r(WIDTH, WIDTH)}
        gated(t, r, f"{p}mlp.", names=("fc11", "fc12", "fc2"))
        for norm in ("norm1", "norm2"):
            t |= {f"{p}{norm}.weight": r(WIDTH), f"{p}{norm}.bias": r(WIDTH)}
    f["nomic_bert"] = Family("nomic-bert", {
        "model_type": "nomic_bert", "n_positions": 128, "n_embd": WIDTH, "n_layer": LAYERS, "n_inner": HIDDEN,
        "n_head": HEADS, "layer_norm_epsilon": 1e-12, "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
        "type_vocab_size": 2, "activation_function": "swiglu", "vocab_size": VOCAB}, t,
        keys | {"rope.freq_base": 1000.0}, dtype="F16", extra=pooling)
    return f
