/* nbits.h - weights as ONNX Runtime's MatMulNBits and GatherBlockQuantized hold them: rows of codes of 2, 4 or 8 bits,
 * a scale and perhaps a zero point for each block of a row.
 *
 *     value = (code - zero point) * scale
 *
 * Codes lie lowest bits first. Zero points are packed as the codes are, each row at a byte of its own, or are numbers
 * of the scales' type. Where it changes nothing, such a matrix is one of our block formats, whose kernels are the
 * faster ones; and every block format is such a matrix, exactly or up to the rounding of one multiplication. */
#ifndef WT_NBITS_H
#define WT_NBITS_H
#include "model/blocks/blocks.h"

typedef struct wt_nbits {
    int bits;                       /* 2, 4, 8 */
    bool is_signed;                 /* codes are two's complement (int4 data) */
    int zero;                       /* zero point where there are none stored, of unsigned codes */
    size_t n, k, block, blocks;     /* rows, elements of a row, of a block, blocks of a row */
    size_t row_bytes, zp_row_bytes; /* zp_row_bytes: of packed zero points */
    const uint8_t *codes;
    const void *scales, *zps; /* zps NULL: none */
    wt_dtype scale_dtype;     /* F32, F16, BF16 */
    wt_dtype zp_dtype;        /* U8: packed (as signed as the codes are); else the scales' */
} wt_nbits;

float wt_nbits_scale(const wt_nbits *m, size_t row, size_t block);
float wt_nbits_zero(const wt_nbits *m, size_t row, size_t block);
static inline int wt_nbits_code(const wt_nbits *m, size_t row, size_t i)
{
    const size_t bit = i * (size_t)m->bits;
    const int code = m->codes[row * m->row_bytes + bit / 8] >> bit % 8 & ((1 << m->bits) - 1);
    return m->is_signed ? code ^ 1 << (m->bits - 1) : code;
}
/* A row as k floats. */
void wt_nbits_row(const wt_nbits *m, size_t row, float *out);

/* The block format that has exactly these values; WT_DTYPE_NONE: there is none. */
wt_dtype wt_nbits_bridge(const wt_nbits *m);
/* Rows [first, first + n) in that format. */
void wt_nbits_to_blocks(const wt_nbits *m, wt_dtype to, size_t first, size_t n, void *out);

/* --- the other way (nbits_from.c)
 * --------------------------------------------------------------------------------------- A block format as codes
 * around the middle of their range: value = (code - 2^(bits - 1)) * scale + offset, where the offset is 0 unless the
 * format has minima. */
typedef struct wt_nbits_form {
    int bits;
    size_t block;
    bool affine; /* has offsets */
} wt_nbits_form;
bool wt_nbits_form_of(wt_dtype dtype, wt_nbits_form *out); /* false: no such form */
/* k elements of one row: codes packed as MatMulNBits has them, a scale and an offset a block. NULL: not wanted. `room`
 * holds k floats. */
void wt_nbits_from_row(wt_dtype dtype, const void *row, size_t k, float *room, uint8_t *codes, float *scales,
                       float *offsets);
#endif
