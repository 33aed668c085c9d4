"""Small folders whose matrices are quantized as each tool does it, written from the formats' definitions in numpy, and
the float32 numbers that their formulas give.

A case is a function of a random generator and a shape that returns the tensors of one matrix (by suffix), and its
values; Folder makes a Llama of them.
"""
import json

import numpy as np

LAYERS, WIDTH, HEADS, KV, HEAD, HIDDEN, VOCAB = 1, 128, 4, 2, 32, 256, 96
f32 = np.float32
E2M1 = np.array([0, .5, 1, 1.5, 2, 3, 4, 6, -0., -.5, -1, -1.5, -2, -3, -4, -6], f32)
NF4 = np.array([-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
                -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
                0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023,
                1], f32)


def bf16(x):
    """Rounded to bfloat16, as float32."""
    bits = np.ascontiguousarray(x, f32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7fff + (bits >> 16 & 1)) >> 16 << 16).astype(np.uint32).view(f32)


def e4m3(code):
    """The number of an E4M3 (fn) code."""
    code = np.asarray(code).astype(np.int32)
    exponent, mantissa = code >> 3 & 15, code & 7
    x = np.where(exponent > 0, (1 + mantissa / 8) * 2.0 ** (exponent - 7), mantissa * 2.0 ** -9)
    return (np.where(code & 128, -1, 1) * x).astype(f32)


def stream(codes, bits):
    """Codes of the last axis as words of 32 bits, low bits first."""
    flat = (codes[..., None].astype(np.uint8) >> np.arange(bits, dtype=np.uint8) & 1).reshape(*codes.shape[:-1], -1)
    flat = np.concatenate([flat, np.zeros((*flat.shape[:-1], -flat.shape[-1] % 32), np.uint8)], -1)
    return np.packbits(flat, axis=-1, bitorder="little").view("<u4")


def spread(x, group, columns):
    return np.repeat(x, group, -1)[..., :columns]


class Stored:
    """Bytes of a type that numpy may not have, and their shape."""
    def __init__(self, dtype, x):
        self.dtype, self.x = dtype, np.ascontiguousarray(x)


def floats(dtype, x):
    """(what is stored, what it means) of scales."""
    if dtype == "bfloat16":
        x = bf16(x)
        return Stored("bfloat16", (x.view(np.uint32) >> 16).astype(np.uint16)), x
    x = x.astype({"float16": np.float16, "float32": f32}[dtype])
    return Stored(dtype, x), x.astype(f32)


def mlx(bits, group, dtype="float16", offset=None):
    def case(r, rows, columns):
        codes = r.integers(0, 1 << bits, (rows, columns))
        raw = r.uniform(0.001, 0.02, (rows, columns // group)) * r.choice([-1, 1], (rows, columns // group))
        scales, s = floats(dtype, raw)
        biases, b = floats(dtype, offset(s) if offset else r.uniform(-0.1, 0.1, s.shape))
        value = codes.astype(f32) * spread(s, group, columns) + spread(b, group, columns)
        return {"weight": Stored("uint32", stream(codes, bits)), "scales": scales, "biases": biases}, value
    return case


def mlx_floats(mode):
    group, bits = {"mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}[mode]
    def case(r, rows, columns):
        codes = r.integers(0, 1 << bits, (rows, columns))
        if bits == 8:
            codes = np.where(codes & 127 == 127, 0, codes)
        numbers = E2M1[codes] if bits == 4 else e4m3(codes)
        raw = r.integers(1, 126 if mode == "nvfp4" else 140, (rows, columns // group))
        scale = e4m3(raw) if mode == "nvfp4" else np.ldexp(f32(1), raw - 127).astype(f32)
        return {"weight": Stored("uint32", stream(codes, bits)), "scales": Stored("uint8", raw.astype(np.uint8))}, \
            numbers * spread(scale, group, columns)
    return case


def down(codes, bits):
    """GPTQ: [in, out] codes as words [in * bits / 32, out]."""
    return stream(codes.T, bits).T


def gptq(bits, group, sym=False, plus=1, order=False, dtype="float16"):
    def case(r, rows, columns):
        groups = -(-columns // (group or columns))
        codes = r.integers(0, 1 << bits, (columns, rows))
        zeros = np.full((groups, rows), 1 << bits - 1) if sym else r.integers(1, 1 << bits, (groups, rows))
        scales, s = floats(dtype, r.uniform(0.001, 0.02, (groups, rows)))
        which = np.arange(columns) // (group or columns)
        if order:
            which = r.permutation(which)
        value = (codes - zeros[which]).astype(f32) * s[which]
        return {"qweight": Stored("int32", down(codes, bits)), "qzeros": Stored("int32", stream(zeros - plus, bits)),
                "scales": scales, "g_idx": Stored("int32", which.astype(np.int32))}, value.T
    return case


def awq(group):
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    def pack(x):
        x = x.reshape(*x.shape[:-1], -1, 8)[..., order].astype(np.uint32)
        return (x << np.arange(0, 32, 4, dtype=np.uint32)).sum(-1).astype(np.uint32)
    def case(r, rows, columns):
        codes = r.integers(0, 16, (columns, rows))
        zeros = r.integers(0, 16, (columns // group, rows))
        scales, s = floats("float16", r.uniform(0.001, 0.02, zeros.shape))
        which = np.arange(columns) // group
        return {"qweight": Stored("int32", pack(codes)), "qzeros": Stored("int32", pack(zeros)), "scales": scales}, \
            ((codes - zeros[which]).astype(f32) * s[which]).T
    return case


def ct_packed(bits, group, sym=True, dtype="bfloat16"):
    def case(r, rows, columns):
        groups = columns // group if group else 1
        half = 1 << bits - 1
        codes = r.integers(-half, half, (rows, columns))
        zeros = np.zeros((rows, groups), int) if sym else r.integers(-half, half, (rows, groups))
        scales, s = floats(dtype, r.uniform(0.001, 0.02, (rows, groups)))
        tensors = {"weight_packed": Stored("int32", stream(codes + half, bits)), "weight_scale": scales,
                   "weight_shape": Stored("int64", np.array([rows, columns]))}
        if not sym:
            tensors["weight_zero_point"] = Stored("int32", stream((zeros + half).T, bits).T)
        each = group or columns
        return tensors, (codes - spread(zeros, each, columns)).astype(f32) * spread(s, each, columns)
    return case


def ct_int8(per, sym=True):
    def case(r, rows, columns):
        codes = r.integers(-128, 128, (rows, columns))
        scales, s = floats("bfloat16", r.uniform(0.001, 0.02, (rows, 1) if per == "channel" else (1,)))
        tensors = {"weight": Stored("int8", codes.astype(np.int8)), "weight_scale": scales}
        zeros = 0
        if not sym:
            zeros = r.integers(-100, 100, (rows, 1))
            tensors["weight_zero_point"] = Stored("int8", zeros.astype(np.int8))
        return tensors, (codes - zeros).astype(f32) * s
    return case


def fp8_codes(r, rows, columns):
    codes = r.integers(0, 256, (rows, columns))
    return np.where(codes & 127 == 127, 0, codes).astype(np.uint8)


def ct_fp8(per, scale="weight_scale", dtype="bfloat16", power=False):
    def case(r, rows, columns):
        codes = fp8_codes(r, rows, columns)
        shape = {"channel": (rows, 1), "tensor": (1,), "block": (-(-rows // 64), -(-columns // 128))}[per]
        raw = 2.0 ** r.integers(-9, -5, shape) if power else r.uniform(0.001, 0.02, shape)
        scales, s = floats(dtype, raw)
        if per == "block":
            s = np.repeat(np.repeat(s, 64, 0)[:rows], 128, 1)[:, :columns]
        return {"weight": Stored("float8_e4m3fn", codes), scale: scales}, e4m3(codes) * s
    return case


def nibbles(codes):
    return (codes[..., ::2] | codes[..., 1::2] << 4).astype(np.uint8)


def ct_fp4(nv):
    def case(r, rows, columns):
        codes = r.integers(0, 16, (rows, columns))
        group = 16 if nv else 32
        raw = r.integers(1, 126 if nv else 140, (rows, columns // group)).astype(np.uint8)
        tensors = {"weight_packed": Stored("uint8", nibbles(codes)),
                   "weight_scale": Stored("float8_e4m3fn" if nv else "uint8", raw)}
        scale = e4m3(raw) if nv else np.ldexp(f32(1), raw.astype(np.int32) - 127).astype(f32)
        if nv:
            tensors["weight_global_scale"] = Stored("float32", np.array([1234.5], f32))
            scale = scale / f32(1234.5)
        return tensors, E2M1[codes] * spread(scale, group, columns)
    return case


def bnb(nested, block=64):
    def case(r, rows, columns):
        n = rows * columns
        codes = r.integers(0, 16, n)
        absmax = r.uniform(0.01, 0.2, -(-n // block)).astype(f32)
        state = {"quant_type": "nf4", "blocksize": block, "dtype": "bfloat16", "shape": [rows, columns]}
        tensors = {"weight.quant_map": Stored("float32", NF4)}
        if nested:
            index = r.integers(0, 256, absmax.size).astype(np.uint8)
            table = np.linspace(-1, 1, 256).astype(f32)
            outer = r.uniform(0.01, 0.2, -(-absmax.size // 256)).astype(f32)
            absmax = table[index] * np.repeat(outer, 256)[:absmax.size] + f32(0.0625)
            tensors |= {"weight.nested_quant_map": Stored("float32", table), "weight.nested_absmax": Stored("float32", outer)}
            state |= {"nested_blocksize": 256, "nested_dtype": "float32", "nested_offset": 0.0625}
        else:
            index = absmax
        text = np.frombuffer(json.dumps(state).encode(), np.uint8)
        tensors |= {"weight": Stored("uint8", (codes[::2] << 4 | codes[1::2]).astype(np.uint8)[:, None]),
                    "weight.absmax": Stored("uint8" if nested else "float32", index),
                    "weight.quant_state.bitsandbytes__nf4": Stored("uint8", text)}
        return tensors, (NF4[codes] * np.repeat(absmax, block)[:n]).reshape(rows, columns)
    return case


def bnb8(r, rows, columns):
    codes = r.integers(-127, 128, (rows, columns))
    scale = r.uniform(0.1, 0.5, rows).astype(f32)
    return {"weight": Stored("int8", codes.astype(np.int8)), "SCB": Stored("float32", scale)}, \
        codes.astype(f32) * (scale / f32(127))[:, None]


# name -> (quantization of config.json, the case, the type that holds it)
def cases():
    c = {}
    for bits in (2, 3, 4, 5, 6, 8):
        for group in (32, 64, 128):
            c[f"mlx-{bits}-{group}"] = ({"group_size": group, "bits": bits}, mlx(bits, group),
                                        "q4_1" if bits <= 4 else "q5_1" if bits == 5 else "affine8")
    for dtype, kind in (("bfloat16", "q4_1"), ("float32", "affine8")):
        c[f"mlx-4-64-{dtype}"] = ({"group_size": 64, "bits": 4, "mode": "affine"}, mlx(4, 64, dtype), kind)
    c["mlx-4-32-signed"] = ({"group_size": 32, "bits": 4}, mlx(4, 32, offset=lambda s: -8 * s), "q4_0")
    c["mlx-8-32-signed"] = ({"group_size": 32, "bits": 8}, mlx(8, 32, offset=lambda s: -128 * s), "q8_0")
    for mode, group, bits, kind in (("mxfp4", 32, 4, "mxfp4"), ("nvfp4", 16, 4, "nvfp4"), ("mxfp8", 32, 8, "float32")):
        c[f"mlx-{mode}"] = ({"group_size": group, "bits": bits, "mode": mode}, mlx_floats(mode), kind)
    method = {"quant_method": "gptq"}
    for bits, kind in ((2, "q4_0"), (3, "q4_0"), (4, "q5_0"), (8, "affine8")):
        c[f"gptq-{bits}"] = (method | {"bits": bits, "group_size": 64}, gptq(bits, 64), kind)
    c["gptq-4-sym"] = (method | {"bits": 4, "group_size": 128, "sym": True}, gptq(4, 128, sym=True), "q4_0")
    c["gptq-8-sym"] = (method | {"bits": 8, "group_size": -1, "sym": True}, gptq(8, 0, sym=True), "q8_0")
    c["gptq-4-v2"] = (method | {"bits": 4, "group_size": 64, "checkpoint_format": "gptq_v2"}, gptq(4, 64, plus=0),
                      "q5_0")
    c["gptq-4-order"] = (method | {"bits": 4, "group_size": 32, "desc_act": True}, gptq(4, 32, order=True), "float32")
    c["awq"] = ({"quant_method": "awq", "bits": 4, "group_size": 64, "version": "gemm"}, awq(64), "q5_0")
    ct = lambda bits, group, **more: {"quant_method": "compressed-tensors", "config_groups": {"group_0": {
        "targets": ["Linear"], "weights": {"num_bits": bits, "group_size": group} | more}}}
    c["ct-4-32"] = (ct(4, 32), ct_packed(4, 32), "q4_0")
    c["ct-4-asym"] = (ct(4, 128), ct_packed(4, 128, sym=False, dtype="float16"), "q5_0")
    c["ct-4-channel"] = (ct(4, None), ct_packed(4, 0), "q4_0")
    c["ct-8-64"] = (ct(8, 64), ct_packed(8, 64), "q8_0")
    c["ct-4-float32"] = (ct(4, 32), ct_packed(4, 32, dtype="float32"), "float32")
    c["ct-int8"] = (ct(8, None), ct_int8("channel"), "q8_0")
    c["ct-int8-tensor"] = (ct(8, None), ct_int8("tensor"), "q8_0")
    c["ct-int8-asym"] = (ct(8, None), ct_int8("channel", sym=False), "affine8")
    c["ct-fp8"] = (ct(8, None, type="float"), ct_fp8("channel"), "float32")
    c["ct-fp8-tensor"] = (ct(8, None, type="float"), ct_fp8("tensor", dtype="float32"), "float32")
    c["ct-fp8-power"] = (ct(8, None, type="float"), ct_fp8("channel", power=True), "bfloat16")
    c["ct-fp8-block"] = (ct(8, None, type="float", block_structure=[64, 128]), ct_fp8("block"), "float32")
    c["ct-nvfp4"] = (ct(4, 16, type="float"), ct_fp4(True), "float32")
    c["ct-mxfp4"] = (ct(4, 32, type="float"), ct_fp4(False), "mxfp4")
    c["fp8"] = ({"quant_method": "fp8", "weight_block_size": [64, 128]},
                ct_fp8("block", scale="weight_scale_inv", dtype="float32"), "float32")
    four = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    c["bnb-nf4"] = (four, bnb(False), "float32")
    c["bnb-nf4-nested"] = (four, bnb(True), "float32")
    c["bnb-nf4-wide"] = (four, bnb(True, block=512), "float32")
    c["bnb-int8"] = ({"quant_method": "bitsandbytes", "load_in_8bit": True}, bnb8, "float32")
    return c


MATRICES = {"self_attn.q_proj": (HEADS * HEAD, WIDTH), "self_attn.k_proj": (KV * HEAD, WIDTH),
            "self_attn.v_proj": (KV * HEAD, WIDTH), "self_attn.o_proj": (WIDTH, HEADS * HEAD),
            "mlp.gate_proj": (HIDDEN, WIDTH), "mlp.up_proj": (HIDDEN, WIDTH), "mlp.down_proj": (WIDTH, HIDDEN)}
GGUF = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down"}
CONFIG = dict(model_type="llama", max_position_embeddings=64, hidden_size=WIDTH, num_hidden_layers=LAYERS,
              intermediate_size=HIDDEN, num_attention_heads=HEADS, num_key_value_heads=KV, rms_norm_eps=1e-5,
              rope_theta=10000.0, vocab_size=VOCAB, tie_word_embeddings=True)


def pairs(x, heads):
    return x.reshape(heads, 2, x.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(x.shape)


class Folder:
    def __init__(self, quantization, case, seed=1):
        r = np.random.default_rng(seed)
        key = "quantization_config" if "quant_method" in quantization else "quantization"
        self.config = CONFIG | {key: quantization}
        self.tensors = {"model.embed_tokens.weight": Stored("float32", r.uniform(-1, 1, (VOCAB, WIDTH)).astype(f32)),
                        "model.norm.weight": Stored("float32", np.ones(WIDTH, f32))}
        self.values = {}
        for layer in range(LAYERS):
            p = f"model.layers.{layer}."
            for norm in ("input_layernorm", "post_attention_layernorm"):
                self.tensors[f"{p}{norm}.weight"] = Stored("float32", np.ones(WIDTH, f32))
            for name, (rows, columns) in MATRICES.items():
                tensors, value = case(r, rows, columns)
                self.tensors |= {f"{p}{name}.{suffix}": x for suffix, x in tensors.items()}
                for which, heads in (("q_proj", HEADS), ("k_proj", KV)):
                    value = pairs(value, heads) if which in name else value
                self.values[f"blk.{layer}.{GGUF[name]}.weight"] = value

    def write(self, folder):
        from safetensors import TensorSpec, serialize_file
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(self.config))
        keep = {name: np.frombuffer(t.x.tobytes(), np.uint8) for name, t in self.tensors.items()}
        serialize_file({name: TensorSpec(dtype=t.dtype, shape=list(t.x.shape), data_ptr=keep[name].ctypes.data,
                                         data_len=keep[name].nbytes) for name, t in self.tensors.items()},
                       str(folder / "model.safetensors"), metadata={"format": "pt"})
        return folder
