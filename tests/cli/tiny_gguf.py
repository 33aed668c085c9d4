"""A llama of one layer in a GGUF file, whole and damaged, for the command line's tests: written with no package."""
import random
import struct

WIDTH, INNER, VOCABULARY, HEADS, HEADS_KV = 256, 64, 32, 4, 2
HEAD = 16


def text(s):
    return struct.pack("<Q", len(s)) + s.encode()


def keys():
    numbers = {"block_count": 1, "context_length": 128, "embedding_length": WIDTH, "feed_forward_length": INNER,
               "attention.head_count": HEADS, "attention.head_count_kv": HEADS_KV, "attention.key_length": HEAD,
               "attention.value_length": HEAD, "rope.dimension_count": HEAD, "vocab_size": VOCABULARY}
    out = [text("general.architecture") + struct.pack("<I", 8) + text("llama"),
           text("general.name") + struct.pack("<I", 8) + text("tiny"),
           text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5)]
    return out + [text(f"llama.{key}") + struct.pack("<II", 4, value) for key, value in numbers.items()]


def tensors():
    """{name: dims, the fastest first}."""
    q, kv = HEADS * HEAD, HEADS_KV * HEAD
    return {"token_embd.weight": (WIDTH, VOCABULARY), "output_norm.weight": (WIDTH,), "blk.0.attn_norm.weight": (WIDTH,),
            "blk.0.attn_q.weight": (WIDTH, q), "blk.0.attn_k.weight": (WIDTH, kv), "blk.0.attn_v.weight": (WIDTH, kv),
            "blk.0.attn_output.weight": (q, WIDTH), "blk.0.ffn_norm.weight": (WIDTH,),
            "blk.0.ffn_gate.weight": (WIDTH, INNER), "blk.0.ffn_up.weight": (WIDTH, INNER),
            "blk.0.ffn_down.weight": (INNER, WIDTH)}


def whole():
    draw, data = random.Random(1), b""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors()), len(keys())) + b"".join(keys())
    for name, dims in tensors().items():
        count = dims[0] * (dims[1] if len(dims) > 1 else 1)
        head += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, 0, len(data))
        data += struct.pack(f"<{count}f", *([1.0] * count if len(dims) == 1
                                            else (draw.random() * 0.1 - 0.05 for _ in range(count))))
    return head + b"\0" * (-len(head) % 32) + data


def files():
    good = whole()
    return {"tiny.gguf": good, "cut.gguf": good[:len(good) - 4096],
            "nan.gguf": good[:-4] + struct.pack("<f", float("nan"))}
