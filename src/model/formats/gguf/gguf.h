/* gguf.h - GGUF files, versions 2 and 3: what llama.cpp and its kin keep language models in (docs/formats.md).
 *
 *     header | keys and values | tensor infos | padding | tensor data, each padded */
#ifndef WT_GGUF_H
#define WT_GGUF_H
#include "model/weights.h"

enum {
    WT_GGUF_VERSION = 3,
    WT_GGUF_ALIGNMENT = 32, /* without general.alignment */
    WT_GGUF_MAX_NAME = 63,  /* llama.cpp keeps a tensor's name in 64 bytes */
    WT_GGUF_MAX_KEY = 65535,
    WT_GGUF_MAX_DIMS = 4
};

bool wt_gguf_sniff(const uint8_t *head, size_t len);
/* One file, or all files of a split model whose name (PREFIX-00001-of-00003.gguf) says so, whichever of them `path` is.
 * Data are views of the maps; a file in the other byte order is swapped into memory. */
wt_status wt_gguf_open(wt_weights **out, wt_context *ctx, const char *path, wt_err *err);
#endif
