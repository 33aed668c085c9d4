/* packed.h - matrices whose file keeps codes, scales and zero points in tensors of their own (MLX, GPTQ, AWQ,
 * compressed-tensors, bitsandbytes), as rows of a type that the engine computes with.
 *
 *     value(r, c) = (code(r, c) - zero(r, g)) scale(r, g)           integers, g = c / group, or group_of[c]
 *                 = code(r, c) scale(r, g) + offset(r, g)           the same with an offset of its own
 *                 = number(code(r, c)) scale(r, g)                  small floats, tables
 *
 * in float32. A reader of a framework's folder says where the codes lie; wt_packed_choose() looks at every scale and
 * takes the smallest type that holds the same numbers to the last bit: a block format, or plain floats. */
#ifndef WT_PACKED_H
#define WT_PACKED_H
#include "model/weights.h"

typedef enum wt_packed_order {
    WT_PACKED_ROWS,    /* a row is a stream of bits, low bits first */
    WT_PACKED_COLUMNS, /* words of 32 bits [codes / words, rows]: a stream down each column of words */
    WT_PACKED_AWQ,     /* words [columns, rows / 8]: eight rows a word, in the order 0 2 4 6 1 3 5 7 */
    WT_PACKED_FLAT     /* nibbles of the whole matrix, the high one of a byte first */
} wt_packed_order;

typedef struct wt_packed_codes {
    const uint8_t *data; /* NULL: none */
    wt_packed_order order;
    int bits;       /* 2 to 8, not 7 */
    bool is_signed; /* bytes: read as code + 128 */
    size_t stride;  /* ROWS: bytes of a row; COLUMNS and AWQ: words of a line; FLAT: columns of a row */
} wt_packed_codes;

typedef struct wt_packed_factors {
    const uint8_t *data; /* NULL: none */
    wt_dtype dtype;      /* F32, F16, BF16, F8E4M3FN, F8E8M0 */
    int64_t row_step, group_step;
} wt_packed_factors;

typedef enum wt_packed_number {
    WT_PACKED_INTEGER,
    WT_PACKED_E2M1,
    WT_PACKED_E4M3,
    WT_PACKED_E5M2,
    WT_PACKED_TABLE
} wt_packed_number;

typedef struct wt_packed {
    const char *name; /* of the matrix, for messages */
    uint64_t source;
    int64_t rows, columns;
    wt_packed_number number;
    wt_packed_codes codes, zeros; /* zeros: code of (group, row), or of (row, group) in COLUMNS of `zeros_by_row` */
    bool zeros_by_row;            /* zero points lie as [rows, groups] */
    int zero;                     /* without zeros; with them, what is added to each */
    wt_packed_factors scale, offset;
    double divisor; /* of scales; 0: none */
    int64_t group, groups;
    int64_t row_group;       /* rows that share scales; 0: 1 */
    const uint8_t *group_of; /* int32 a column; NULL: in order */
    const float *table;      /* 16 numbers */
    wt_dtype dtype;          /* set by wt_packed_choose */
} wt_packed;

/* WT_EFORMAT names a scale that is no number. */
wt_status wt_packed_choose(wt_packed *packed, wt_err *err);
/* A type that holds what either of two chosen types does. */
wt_dtype wt_packed_common(wt_dtype a, wt_dtype b);
/* A wt_rows_fn: rows->from is a wt_packed. */
wt_status wt_packed_load(const wt_rows *rows, uint64_t first, uint64_t n, void *out, wt_err *err);
/* Codes [first, first + n) of a row. */
void wt_packed_codes_at(const wt_packed_codes *codes, int64_t row, int64_t first, size_t n, uint8_t *out);
/* Whether f is a number of float16. */
static inline bool wt_is_half(float f) { return wt_f16_to_f32(wt_f32_to_f16(f)) == f; }
#endif
