/* tensor.h - working with element types, shapes and tensors (the types themselves: whet/tensor.h).
 *
 * Views of the same bytes (Reshape) are tensors with the same data. Symbols of negative dims are in graph.h. */
#ifndef WT_TENSOR_H
#define WT_TENSOR_H
#include "base/base.h"
#include "whet/tensor.h"

typedef struct wt_dtype_info {
    const char *name;
    uint32_t block_len, block_bytes;
    int onnx_code;
    const char *numpy;
    int ggml_code; /* -1: none */
} wt_dtype_info;
const wt_dtype_info *wt_dtype_get(wt_dtype dtype);
wt_dtype wt_dtype_from_onnx(int64_t code);  /* WT_DTYPE_NONE: no such code */
wt_dtype wt_dtype_from_ggml(uint32_t code); /* WT_DTYPE_NONE: no such code, or one that was removed */
wt_dtype wt_dtype_from_name(const char *name);
/* The block formats of language models: q4_0, q6_k, ... */
static inline bool wt_dtype_is_block(wt_dtype t) { return t >= WT_Q4_0 && t < WT_DTYPE_COUNT; }
static inline bool wt_dtype_is_float(wt_dtype t) { return t == WT_F32 || t == WT_F16 || t == WT_F64 || t == WT_BF16; }
/* Bytes of n elements (rounded up to whole blocks); false on overflow. */
bool wt_dtype_bytes(wt_dtype dtype, uint64_t n, size_t *bytes);

static inline void *wt_tensor_mut(wt_tensor *t) { return (void *)(uintptr_t)t->data; }

bool wt_shape_known(const wt_shape *shape); /* rank and all dims */
bool wt_shape_equal(const wt_shape *a, const wt_shape *b);
/* Number of elements; false if unknown or it overflows int64. rank 0 gives 1. */
bool wt_shape_count(const wt_shape *shape, int64_t *count);
/* Product of dims [from, to), assumes they are known. */
int64_t wt_shape_product(const wt_shape *shape, int from, int to);
wt_shape wt_shape_make(int rank, const int64_t *dims);
/* "1x3x?x?" ("scalar" for rank 0, "?" for unknown rank); symbols as names when given, else "?". Returns out. */
const char *wt_shape_text(const wt_shape *shape, const char *const *symbols, char *out, size_t size);
/* numpy's broadcasting of known or partly known shapes; WT_EFORMAT when impossible. */
wt_status wt_shape_broadcast(const wt_shape *a, const wt_shape *b, wt_shape *out, wt_err *err);
/* Normalises axis in [-rank, rank) (or [-rank, rank] with allow_end); -1 when out of range. */
int wt_axis(int64_t axis, int rank, bool allow_end);

/* Bytes the tensor needs with its dtype, layout and known shape; false if unknown or overflowing. */
bool wt_tensor_size(const wt_tensor *t, size_t *bytes);
/* Reads element i of a small integer tensor (I64, I32, U8, I8, BOOL, ...) whose data is known; false otherwise. */
bool wt_tensor_int(const wt_tensor *t, int64_t i, int64_t *out);
/* Reads element i as double, any numeric dtype (half and bfloat16 included). */
bool wt_tensor_double(const wt_tensor *t, int64_t i, double *out);
/* An owned copy (string bytes included) in one wt_alloc block; free with wt_free(ctx, t). */
wt_status wt_tensor_clone(wt_tensor **out, wt_context *ctx, const wt_tensor *t, wt_err *err);
/* A zeroed owned tensor in one wt_alloc block; free with wt_free. */
wt_status wt_tensor_new(wt_tensor **out, wt_context *ctx, wt_dtype dtype, const wt_shape *shape, wt_err *err);

/* Scalar conversions, exact, round to nearest even. */
float wt_f16_to_f32(uint16_t h);
uint16_t wt_f32_to_f16(float f);
static inline float wt_bf16_to_f32(uint16_t h)
{
    const uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
uint16_t wt_f32_to_bf16(float f);
void wt_halves(const void *floats, void *halves, size_t n); /* wt_f32_to_f16 of each, at any addresses */
float wt_f8_to_f32(uint8_t v, wt_dtype dtype);              /* the four float8 types and E8M0 */
uint8_t wt_f32_to_f8(float f, wt_dtype dtype, bool saturate);
float wt_f4_to_f32(uint8_t v); /* F4E2M1, in the low four bits */
uint8_t wt_f32_to_f4(float f);
/* Converts n elements between numeric dtypes with ONNX Cast's meaning (plain types; 4/2-bit packed too). */
wt_status wt_convert(const void *src, wt_dtype from, void *dst, wt_dtype to, size_t n, bool saturate, wt_err *err);
#endif
