/* compare.c - comparisons and the truth tables of And, Or, Xor. Results are bool. */
#include "run/kernels/ref/binary.h"
#include "run/kernels/ref/rows.h"

#define ORDER_LOOPS(id, type, wide)                                                                                    \
    WT_BINARY_LOOP(equal_##id, type, uint8_t, a == b)                                                                  \
    WT_BINARY_LOOP(greater_##id, type, uint8_t, a > b)                                                                 \
    WT_BINARY_LOOP(greater_equal_##id, type, uint8_t, a >= b)                                                          \
    WT_BINARY_LOOP(less_##id, type, uint8_t, a < b)                                                                    \
    WT_BINARY_LOOP(less_equal_##id, type, uint8_t, a <= b)
WT_NATIVE_TYPES(ORDER_LOOPS)

/* A byte of a bool tensor from a file may be any; not 0 is true. */
WT_BINARY_LOOP(equal_bool, uint8_t, uint8_t, (a != 0) == (b != 0))
WT_BINARY_LOOP(and_bool, uint8_t, uint8_t, (a != 0) & (b != 0))
WT_BINARY_LOOP(or_bool, uint8_t, uint8_t, (a | b) != 0)
WT_BINARY_LOOP(xor_bool, uint8_t, uint8_t, (a != 0) ^ (b != 0))

static bool same_string(const wt_string *a, const wt_string *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void equal_string(const void *va, size_t sa, const void *vb, size_t sb, void *vy, size_t n)
{
    const wt_string *a = va, *b = vb;
    uint8_t *y = vy;
    for (size_t i = 0; i < n; i++)
        y[i] = same_string(a + i * sa, b + i * sb);
}

#define EQUAL(id, type, wide)         [WT_##id] = equal_##id,
#define GREATER(id, type, wide)       [WT_##id] = greater_##id,
#define GREATER_EQUAL(id, type, wide) [WT_##id] = greater_equal_##id,
#define LESS(id, type, wide)          [WT_##id] = less_##id,
#define LESS_EQUAL(id, type, wide)    [WT_##id] = less_equal_##id,
static wt_binary_fn *const equal_table[WT_DTYPE_COUNT] = {
    WT_NATIVE_TYPES(EQUAL)[WT_BOOL] = equal_bool, [WT_STRING] = equal_string
};
static wt_binary_fn *const greater_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(GREATER) };
static wt_binary_fn *const greater_equal_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(GREATER_EQUAL) };
static wt_binary_fn *const less_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(LESS) };
static wt_binary_fn *const less_equal_table[WT_DTYPE_COUNT] = { WT_NATIVE_TYPES(LESS_EQUAL) };

static wt_binary_fn *pick_comparison(const wt_prep *p, wt_dtype dtype)
{
    switch (p->op) {
    case WT_OP_EQUAL: return equal_table[dtype];
    case WT_OP_GREATER: return greater_table[dtype];
    case WT_OP_GREATEROREQUAL: return greater_equal_table[dtype];
    case WT_OP_LESS: return less_table[dtype];
    case WT_OP_LESSOREQUAL: return less_equal_table[dtype];
    case WT_OP_AND: return dtype == WT_BOOL ? and_bool : NULL;
    case WT_OP_OR: return dtype == WT_BOOL ? or_bool : NULL;
    case WT_OP_XOR: return dtype == WT_BOOL ? xor_bool : NULL;
    default: return NULL;
    }
}

static bool comparison_accepts(const wt_prep *p) { return wt_binary_accepts(p, pick_comparison, WT_BOOL); }
static wt_status comparison_prepare(wt_prep *p, wt_err *err) { return wt_binary_prepare(p, pick_comparison, err); }

#define ROW(code, text, same_size)                                                                                     \
    {                                                                                                                  \
        .name = text "_ref", .op = code, .accepts = comparison_accepts, .prepare = comparison_prepare,                 \
        .run = wt_binary_run, .in_place = same_size                                                                    \
    }
const wt_kernel wt_compare_rows[] = {
    ROW(WT_OP_EQUAL, "equal", false),
    ROW(WT_OP_GREATER, "greater", false),
    ROW(WT_OP_GREATEROREQUAL, "greaterorequal", false),
    ROW(WT_OP_LESS, "less", false),
    ROW(WT_OP_LESSOREQUAL, "lessorequal", false),
    ROW(WT_OP_AND, "and", true),
    ROW(WT_OP_OR, "or", true),
    ROW(WT_OP_XOR, "xor", true),
    { .name = NULL },
};
