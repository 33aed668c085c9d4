#!/usr/bin/env python3
"""llama.cpp's perplexity of a small random model, by its tool's protocol: tests/run/language/golden/perplexity.txt.

Chunks that do not overlap; BOS takes the place of a chunk's first token; the second half is scored.

    "$(tools/venv llama)" tests/oracle/perplexity.py
"""
import ctypes
import pathlib
import sys
import tempfile

import llama_cpp as lc
import numpy as np

import language

TEXT = ("the cat and the hat, the rain in the town and the end of it all. was he the one that ran to the river? "
        "no, it was her, and that was the end of the story, as it ever was, ever.")  # in the test three times, one behind the other
TIMES, CHUNK = 3, 50


def ids_of(vocab, text):
    ids = (lc.llama_token * 4096)()
    n = lc.llama_tokenize(vocab, text.encode(), len(text.encode()), ids, 4096, True, False)
    assert n > 0
    return list(ids[:n])


def logits(ctx, ids):
    lc.llama_memory_clear(lc.llama_get_memory(ctx), True)
    batch = lc.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.seq_id[i][0], batch.logits[i] = token, i, 1, 0, 1
    assert lc.llama_decode(ctx, batch) == 0
    rows = [np.ctypeslib.as_array(lc.llama_get_logits_ith(ctx, i), (language.VOCAB,)).astype(np.float64)
            for i in range(len(ids))]
    lc.llama_batch_free(batch)
    return rows


def main():
    silent = lc.llama_log_callback(lambda level, text, user: None)
    lc.llama_log_set(silent, ctypes.c_void_p(0))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "llama.gguf"
        language.write_gguf(path, language.CASES["llama"]())
        model = lc.llama_model_load_from_file(str(path).encode(), lc.llama_model_default_params())
        p = lc.llama_context_default_params()
        p.n_ctx, p.n_batch, p.n_ubatch, p.n_threads, p.n_threads_batch = 256, 128, 128, 1, 1
        p.type_k = p.type_v = p.flash_attn_type = 0
        ctx = lc.llama_init_from_model(model, p)
        ids = ids_of(lc.llama_model_get_vocab(model), TEXT * TIMES)
        chunks, nll = len(ids) // CHUNK, []
        for c in range(chunks):
            part = ids[c * CHUNK:(c + 1) * CHUNK]
            rows = logits(ctx, [1] + part[1:])
            for i in range(CHUNK // 2, CHUNK - 1):
                top = rows[i].max()
                nll.append(top + np.log(np.exp(rows[i] - top).sum()) - rows[i][part[i + 1]])
        (language.GOLDEN / "perplexity.txt").write_text(
            f"# llama.cpp (llama-cpp-python {lc.__version__}) of golden/llama: made by tests/oracle/perplexity.py\n"
            f"text {TEXT}\ntimes {TIMES}\nchunk {CHUNK}\nchunks {chunks}\nscored {len(nll)}\n"
            f"perplexity {np.exp(np.mean(nll)):.9g}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
