/* blocks.h - the block formats of language models: how a row of them becomes floats, and floats a row.
 *
 * One codec per dtype with block_len > 1 of dtypes.def that is no packed ONNX integer, and for F32, F16, BF16, so that
 * callers need no special case. n counts elements and is a multiple of the block length. Decoding is bit-identical to
 * the reference arithmetic (formats in docs/formats.md); encoding without importance gives the reference's bytes. */
#ifndef WT_BLOCKS_H
#define WT_BLOCKS_H
#include "model/tensor.h"

typedef void wt_block_decode_fn(const void *blocks, float *out, size_t n);
/* importance: NULL, or n weights of the columns. */
typedef void wt_block_encode_fn(const float *x, void *blocks, size_t n, const float *importance);

typedef struct wt_block_codec {
    wt_dtype dtype;
    wt_block_decode_fn *decode;
    wt_block_encode_fn *encode; /* NULL: readable only */
} wt_block_codec;
const wt_block_codec *wt_block_codec_get(wt_dtype dtype); /* NULL: none */
#endif
