/* unary_int.c - functions of one integer or truth value. */
#include "run/kernels/ref/unary.h"

#define LOOP(name, type, expression)                                                                                   \
    static void name(const void *vx, void *vy, size_t n, const wt_unary_args *args)                                    \
    {                                                                                                                  \
        const type *px = vx;                                                                                           \
        type *py = vy;                                                                                                 \
        (void)args;                                                                                                    \
        WT_IVDEP                                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const type x = px[i];                                                                                      \
            py[i] = (type)(expression);                                                                                \
        }                                                                                                              \
    }
#define SIGNED(id, type, wide)                                                                                         \
    LOOP(abs_##id, type, x < 0 ? (wide)0 - (wide)x : (wide)x)                                                          \
    LOOP(neg_##id, type, (wide)0 - (wide)x)                                                                            \
    LOOP(sign_##id, type, (x > 0) - (x < 0))                                                                           \
    LOOP(relu_##id, type, x < 0 ? 0 : x)                                                                               \
    LOOP(not_##id, type, ~(wide)x)
#define UNSIGNED(id, type, wide)                                                                                       \
    LOOP(abs_##id, type, x)                                                                                            \
    LOOP(neg_##id, type, (wide)0 - (wide)x)                                                                            \
    LOOP(sign_##id, type, x > 0)                                                                                       \
    LOOP(not_##id, type, ~(wide)x)
WT_SIGNED_TYPES(SIGNED)
WT_UNSIGNED_TYPES(UNSIGNED)
LOOP(not_bool, uint8_t, x == 0)

#define ENTRY_ABS(id, type, wide)  [WT_##id] = abs_##id,
#define ENTRY_NEG(id, type, wide)  [WT_##id] = neg_##id,
#define ENTRY_SIGN(id, type, wide) [WT_##id] = sign_##id,
#define ENTRY_RELU(id, type, wide) [WT_##id] = relu_##id,
#define ENTRY_NOT(id, type, wide)  [WT_##id] = not_##id,
static wt_unary_fn *const abs_table[WT_DTYPE_COUNT] = { WT_INT_TYPES(ENTRY_ABS) };
static wt_unary_fn *const neg_table[WT_DTYPE_COUNT] = { WT_INT_TYPES(ENTRY_NEG) };
static wt_unary_fn *const sign_table[WT_DTYPE_COUNT] = { WT_INT_TYPES(ENTRY_SIGN) };
static wt_unary_fn *const relu_table[WT_DTYPE_COUNT] = { WT_SIGNED_TYPES(ENTRY_RELU) };
static wt_unary_fn *const bitnot_table[WT_DTYPE_COUNT] = { WT_INT_TYPES(ENTRY_NOT) };

wt_unary_fn *wt_unary_int(wt_opcode op, wt_dtype dtype)
{
    switch (op) {
    case WT_OP_ABS: return abs_table[dtype];
    case WT_OP_NEG: return neg_table[dtype];
    case WT_OP_SIGN: return sign_table[dtype];
    case WT_OP_RELU: return relu_table[dtype];
    case WT_OP_BITWISENOT: return bitnot_table[dtype];
    case WT_OP_NOT: return dtype == WT_BOOL ? not_bool : NULL;
    default: return NULL;
    }
}
