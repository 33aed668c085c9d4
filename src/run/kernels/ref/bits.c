/* bits.c - BitwiseAnd, BitwiseOr, BitwiseXor, BitShift, Mod. */
#include "run/kernels/ref/binary.h"
#include "run/kernels/ref/rows.h"
#include <math.h>

#define BIT_LOOPS(id, type, wide)                                                                                      \
    WT_BINARY_LOOP(and_##id, type, type, (wide)a &(wide)b)                                                             \
    WT_BINARY_LOOP(or_##id, type, type, (wide)a | (wide)b)                                                             \
    WT_BINARY_LOOP(xor_##id, type, type, (wide)a ^ (wide)b)
WT_INT_TYPES(BIT_LOOPS)

/* Shifting by the width or more, or by a negative amount, leaves the sign alone, where C leaves it undefined. A right
 * shift of a negative number is arithmetic: the complement of the shifted complement. */
#define SHIFTS_UNSIGNED(id, type, wide)                                                                                \
    static inline type left_##id(type a, type b) { return b < sizeof(type) * 8 ? (type)((wide)a << b) : (type)0; }     \
    static inline type right_##id(type a, type b) { return b < sizeof(type) * 8 ? (type)((wide)a >> b) : (type)0; }
#define SHIFTS_SIGNED(id, type, wide)                                                                                  \
    static inline bool within_##id(type b) { return b >= 0 && (uint64_t)b < sizeof(type) * 8; }                        \
    static inline type left_##id(type a, type b) { return within_##id(b) ? (type)((wide)a << b) : (type)0; }           \
    static inline type right_##id(type a, type b)                                                                      \
    {                                                                                                                  \
        const wide v = a < 0 ? ~(wide)a : (wide)a, moved = within_##id(b) ? v >> b : 0;                                \
        return (type)(a < 0 ? ~moved : moved);                                                                         \
    }
WT_UNSIGNED_TYPES(SHIFTS_UNSIGNED)
WT_SIGNED_TYPES(SHIFTS_SIGNED)
#define SHIFT_LOOPS(id, type, wide)                                                                                    \
    WT_BINARY_LOOP(shl_##id, type, type, left_##id(a, b))                                                              \
    WT_BINARY_LOOP(shr_##id, type, type, right_##id(a, b))
WT_INT_TYPES(SHIFT_LOOPS)

/* Mod: with the sign of the divisor (fmod = 0), or of the dividend (fmod = 1). What has no remainder gives 0. */
#define REMAINDER_SIGNED(id, type, wide)                                                                               \
    static inline type trunc_##id(type a, type b) { return b == 0 || b == -1 ? (type)0 : (type)(a % b); }              \
    static inline type floor_##id(type a, type b)                                                                      \
    {                                                                                                                  \
        const type r = trunc_##id(a, b);                                                                               \
        return r != 0 && (r < 0) != (b < 0) ? (type)(r + b) : r;                                                       \
    }
#define REMAINDER_UNSIGNED(id, type, wide)                                                                             \
    static inline type trunc_##id(type a, type b) { return b == 0 ? (type)0 : (type)(a % b); }                         \
    static inline type floor_##id(type a, type b) { return trunc_##id(a, b); }
WT_SIGNED_TYPES(REMAINDER_SIGNED)
WT_UNSIGNED_TYPES(REMAINDER_UNSIGNED)
static inline float trunc_F32(float a, float b) { return fmodf(a, b); }
static inline double trunc_F64(double a, double b) { return fmod(a, b); }
static inline double floor_F64(double a, double b)
{
    const double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
static inline float floor_F32(float a, float b) { return (float)floor_F64((double)a, (double)b); }

#define MOD_LOOPS(id, type, wide)                                                                                      \
    WT_BINARY_LOOP(mod_##id, type, type, floor_##id(a, b))                                                             \
    WT_BINARY_LOOP(fmod_##id, type, type, trunc_##id(a, b))
WT_NATIVE_TYPES(MOD_LOOPS)

#define AND(id, type, wide)   [WT_##id] = and_##id,
#define OR(id, type, wide)    [WT_##id] = or_##id,
#define XOR(id, type, wide)   [WT_##id] = xor_##id,
#define LEFT(id, type, wide)  [WT_##id] = shl_##id,
#define RIGHT(id, type, wide) [WT_##id] = shr_##id,
#define MOD(id, type, wide)   [WT_##id] = mod_##id,
#define FMOD(id, type, wide)  [WT_##id] = fmod_##id,
static wt_binary_fn *const and_table[WT_DTYPE_COUNT] = { WT_INT_TYPES(AND) };
static wt_binary_fn *const or_table[WT_DTYPE_COUNT] = { WT_INT_TYPES(OR) };
static wt_binary_fn *const xor_table[WT_DTYPE_COUNT] = { WT_INT_TYPES(XOR) };
static wt_binary_fn *const left_table[WT_DTYPE_COUNT] = { WT_INT_TYPES(LEFT) };
static wt_binary_fn *const right_table[WT_DTYPE_COUNT] = { WT_INT_TYPES(RIGHT) };
static wt_binary_fn *const mod_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(MOD) };
static wt_binary_fn *const fmod_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(FMOD) };

static wt_binary_fn *pick_bits(const wt_prep *p, wt_dtype dtype)
{
    switch (p->op) {
    case WT_OP_BITWISEAND: return and_table[dtype];
    case WT_OP_BITWISEOR: return or_table[dtype];
    case WT_OP_BITWISEXOR: return xor_table[dtype];
    case WT_OP_BITSHIFT:
        return wt_attr_is(p->attrs, "direction", "LEFT")    ? left_table[dtype]
               : wt_attr_is(p->attrs, "direction", "RIGHT") ? right_table[dtype]
                                                            : NULL;
    case WT_OP_MOD: return wt_attr_int(p->attrs, "fmod", 0) ? fmod_table[dtype] : mod_table[dtype];
    default: return NULL;
    }
}

static bool bits_accepts(const wt_prep *p) { return wt_binary_accepts(p, pick_bits, WT_DTYPE_NONE); }
static wt_status bits_prepare(wt_prep *p, wt_err *err) { return wt_binary_prepare(p, pick_bits, err); }

#define ROW(code, text)                                                                                                \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = bits_accepts, .prepare = bits_prepare, .run = wt_binary_run,       \
        .in_place = true                                                                                               \
    }
const wt_kernel wt_bits_rows[] = {
    ROW(WT_OP_BITWISEAND, "bitwiseand"),
    ROW(WT_OP_BITWISEOR, "bitwiseor"),
    ROW(WT_OP_BITWISEXOR, "bitwisexor"),
    ROW(WT_OP_BITSHIFT, "bitshift"),
    ROW(WT_OP_MOD, "mod"),
    { .name = NULL },
};
