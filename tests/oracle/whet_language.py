"""A language model behind the library's own interface: logits of tokens, for comparing with other engines."""
import ctypes
import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("WHET_BINARY_DIR", HERE.parent.parent / "build" / "release"))
F32 = 1
ROOM = 32  # for what options grow by: they say their own size


class ContextOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("allocator", ctypes.c_void_p * 3), ("memory_limit", ctypes.c_uint64),
                ("threads", ctypes.c_int), ("cpu_mask", ctypes.c_uint32), ("seed", ctypes.c_uint64),
                ("log", ctypes.c_void_p), ("progress", ctypes.c_void_p), ("user", ctypes.c_void_p),
                ("more", ctypes.c_uint64 * ROOM)]


class LanguageOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("threads", ctypes.c_int), ("k_dtype", ctypes.c_int),
                ("v_dtype", ctypes.c_int), ("hidden", ctypes.c_bool), ("context", ctypes.c_int64),
                ("more", ctypes.c_uint64 * ROOM)]


class Token(ctypes.Structure):
    _fields_ = [("token", ctypes.c_int32), ("seq", ctypes.c_int), ("wanted", ctypes.c_bool)]


class Language:
    """Caches are float32; cpu: the level of kernels ("c" computes with the weights as floats); context:
    tokens it is opened for."""

    def __init__(self, path, vocab, cpu=None, context=0):
        self.lib, self.vocab = ctypes.CDLL(str(BUILD / "libwhet.so")), vocab
        self.lib.wt_context_defaults.restype = ContextOptions
        self.lib.wt_language_defaults.restype = LanguageOptions
        self.lib.wt_cpu_levels.restype = ctypes.c_uint32
        self.lib.wt_decoder_output.restype = ctypes.POINTER(ctypes.c_float)
        self.lib.wt_decoder_output.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.err = ctypes.create_string_buffer(4096)
        self.ctx, self.model, self.decoder = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        options = self.lib.wt_context_defaults()
        if cpu:
            options.cpu_mask = self.lib.wt_cpu_levels(cpu.encode())
        self.check(self.lib.wt_context_open(ctypes.byref(self.ctx), ctypes.byref(options), self.err))
        options = self.lib.wt_language_defaults()
        options.k_dtype = options.v_dtype = F32
        options.context = context
        self.check(self.lib.wt_language_open(ctypes.byref(self.model), self.ctx, str(path).encode(),
                                             ctypes.byref(options), self.err))
        self.check(self.lib.wt_decoder_open(ctypes.byref(self.decoder), self.model, None, self.err))

    def check(self, status):
        if status:
            words = [w.decode("utf-8", "replace") for w in self.err.raw.split(b"\0") if len(w) > 3]
            raise RuntimeError(f"{status}: {' '.join(words)}")

    def logits(self, ids, steps=0):
        """Of all tokens: the prompt at once, the last `steps` one by one."""
        import numpy as np
        seq, out = ctypes.c_int(), []
        self.check(self.lib.wt_seq_open(self.decoder, ctypes.byref(seq), self.err))
        for first, last in [(0, len(ids) - steps)] + [(i, i + 1) for i in range(len(ids) - steps, len(ids))]:
            tokens = (Token * (last - first))(*[Token(t, seq.value, True) for t in ids[first:last]])
            self.check(self.lib.wt_decoder_run(self.decoder, tokens, len(tokens), self.err))
            out += [np.ctypeslib.as_array(self.lib.wt_decoder_output(self.decoder, i), (self.vocab,)).copy()
                    for i in range(len(tokens))]
        self.lib.wt_seq_close(self.decoder, seq)
        return np.array(out)

    def greedy(self, ids, count):
        import numpy as np
        seq, out, part = ctypes.c_int(), [], list(ids)
        self.check(self.lib.wt_seq_open(self.decoder, ctypes.byref(seq), self.err))
        while len(out) < count:
            tokens = (Token * len(part))(*[Token(t, seq.value, i == len(part) - 1) for i, t in enumerate(part)])
            self.check(self.lib.wt_decoder_run(self.decoder, tokens, len(tokens), self.err))
            row = np.ctypeslib.as_array(self.lib.wt_decoder_output(self.decoder, 0), (self.vocab,))
            part = [int(row.argmax())]
            out += part
        self.lib.wt_seq_close(self.decoder, seq)
        return out

    def close(self):
        self.lib.wt_decoder_close(self.decoder)
        self.lib.wt_language_close(self.model)
        self.lib.wt_context_close(self.ctx)
