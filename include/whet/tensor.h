/* whet/tensor.h - element types, shapes and tensors, as they cross the library's border.
 *
 * A tensor is a dense row-major array, or what is known of one before it exists: then dims may be symbolic and data
 * NULL. There are no strides. Dims: >= 0 known; WT_DIM_ANY unknown; other negative values name a symbol of a graph.
 * Who owns `data` is said by the call that hands a tensor out. */
#ifndef WHET_TENSOR_H
#define WHET_TENSOR_H
#include "whet/status.h"
#ifdef __cplusplus
extern "C" {
#endif

typedef enum wt_dtype {
    WT_DTYPE_NONE = 0, /* not known */
#define X(id, name, block_len, block_bytes, onnx, numpy, ggml) WT_##id,
#include "whet/dtypes.def"
#undef X
    WT_DTYPE_COUNT
} wt_dtype;

enum { WT_MAX_RANK = 8 };
#define WT_DIM_ANY             INT64_C(-1)
#define WT_DIM_IS_SYMBOL(d)    ((d) < -1)
#define WT_DIM_SYMBOL(index)   (-2 - (int64_t)(index)) /* index into the graph's symbol table */
#define WT_DIM_SYMBOL_INDEX(d) ((size_t)(-2 - (d)))

typedef struct wt_shape {
    int rank; /* -1: not even the rank is known */
    int64_t dim[WT_MAX_RANK];
} wt_shape;

/* How elements lie in memory; shape stays the logical one. */
typedef enum wt_layout {
    WT_PLAIN = 0, /* row-major */
    WT_C16 = 1    /* [n, ceil(c/16), spatial..., 16]: channels (axis 1) in blocks of 16, last block padded with zeros
                     (quantized: with anything) */
} wt_layout;

/* One element of a WT_STRING tensor: bytes, not NUL-terminated, borrowed from the tensor's owner. */
typedef struct wt_string {
    const char *data;
    size_t len;
} wt_string;

typedef struct wt_tensor {
    wt_dtype dtype;
    wt_layout layout;
    wt_shape shape;
    const void *data; /* NULL: not known (yet). Outputs of kernels are written through wt_tensor_mut(). */
    size_t bytes;     /* of data */
} wt_tensor;
/* "float32"; "?" for WT_DTYPE_NONE. */
WT_API const char *wt_dtype_name(wt_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
