/* types.h - the element types that the portable rows are written for, as lists: X(id, C type, unsigned type to compute
 * in).
 *
 * Integers compute in the unsigned type: it wraps, as ONNX Runtime and numpy do, where signed arithmetic would be
 * undefined; and it is at least 32 bits wide, so that no product of two promoted shorts overflows an int. */
#ifndef WT_REF_TYPES_H
#define WT_REF_TYPES_H
#include "model/tensor.h"

#define WT_SIGNED_TYPES(X)                                                                                             \
    X(I8, int8_t, uint32_t)                                                                                            \
    X(I16, int16_t, uint32_t)                                                                                          \
    X(I32, int32_t, uint32_t)                                                                                          \
    X(I64, int64_t, uint64_t)
#define WT_UNSIGNED_TYPES(X)                                                                                           \
    X(U8, uint8_t, uint32_t)                                                                                           \
    X(U16, uint16_t, uint32_t)                                                                                         \
    X(U32, uint32_t, uint32_t)                                                                                         \
    X(U64, uint64_t, uint64_t)
#define WT_INT_TYPES(X)    WT_SIGNED_TYPES(X) WT_UNSIGNED_TYPES(X)
#define WT_FLOAT_TYPES(X)  X(F32, float, float) X(F64, double, double)
/* Types whose elements are computed with as they lie in memory; F16 and BF16 go through blocks of float. */
#define WT_NATIVE_TYPES(X) WT_FLOAT_TYPES(X) WT_INT_TYPES(X)

static inline bool wt_is_half(wt_dtype t) { return t == WT_F16 || t == WT_BF16; }
static inline bool wt_is_signed_int(wt_dtype t) { return t == WT_I8 || t == WT_I16 || t == WT_I32 || t == WT_I64; }
static inline bool wt_is_unsigned_int(wt_dtype t) { return t == WT_U8 || t == WT_U16 || t == WT_U32 || t == WT_U64; }
static inline bool wt_is_int(wt_dtype t) { return wt_is_signed_int(t) || wt_is_unsigned_int(t); }
/* Bytes of one element of a type that is not packed; 0 for packed ones. */
static inline size_t wt_elem_bytes(wt_dtype t)
{
    const wt_dtype_info *info = wt_dtype_get(t);
    return info->block_len == 1 ? info->block_bytes : 0;
}

/* n halves (F16 or BF16) to floats and back, rounding to nearest even. */
static inline void wt_half_load(wt_dtype t, const uint16_t *x, float *y, size_t n)
{
    if (t == WT_BF16)
        for (size_t i = 0; i < n; i++)
            y[i] = wt_bf16_to_f32(x[i]);
    else
        for (size_t i = 0; i < n; i++)
            y[i] = wt_f16_to_f32(x[i]);
}
static inline void wt_half_store(wt_dtype t, const float *x, uint16_t *y, size_t n)
{
    if (t == WT_BF16)
        for (size_t i = 0; i < n; i++)
            y[i] = wt_f32_to_bf16(x[i]);
    else
        for (size_t i = 0; i < n; i++)
            y[i] = wt_f32_to_f16(x[i]);
}
#endif
