/* product.c - products of float32 matrices. See product.h.
 *
 * With many rows, a panel of 8 columns of b is packed [k][8] into the scratch and meets the rows four by four. With
 * fewer than four rows packing would cost as much as the product: then b is read as it lies, in chunks of columns where
 * its rows are contiguous, and by dot products where its columns are. */
#include "run/kernels/ref/product.h"
#include "run/kernels/ref/nn_ref.h"

enum {
    COLS = WT_REF_COLS,
    ROWS = WT_REF_ROWS,
    BLOCK = 64 /* rows of a unit */,
    CHUNK = 64 /* columns of a thin unit */,
    LANES = 16,
    PIECE = 256
};

typedef enum form { BLOCKED, THIN_ROWS /* b_col == 1 */, THIN_DOTS } form;

static form form_of(const wt_product *p)
{
    if (p->m >= ROWS || p->a_col != 1)
        return BLOCKED;
    return p->b_col == 1 ? THIN_ROWS : p->b_row == 1 ? THIN_DOTS : BLOCKED;
}

static size_t row_blocks(const wt_product *p) { return (p->m + BLOCK - 1) / BLOCK; }

size_t wt_product_units(const wt_product *p)
{
    switch (form_of(p)) {
    case BLOCKED: return (p->n + COLS - 1) / COLS * row_blocks(p);
    case THIN_ROWS: return (p->n + CHUNK - 1) / CHUNK;
    default: return (p->n + COLS - 1) / COLS;
    }
}

size_t wt_product_scratch(const wt_product *p)
{
    if (form_of(p) != BLOCKED)
        return 0;
    const size_t panel = p->k * COLS, rows = p->a_col == 1 ? 0 : p->k * ROWS;
    return wt_align_up((panel + rows) * sizeof(float), 64);
}

/* --- many rows
 * -------------------------------------------------------------------------------------------------------- */
static float load_b(const wt_product *p, const void *b, size_t at)
{
    if (p->b_dtype == WT_F32)
        return ((const float *)b)[at];
    const uint16_t h = ((const uint16_t *)b)[at];
    return p->b_dtype == WT_BF16 ? wt_bf16_to_f32(h) : wt_f16_to_f32(h);
}

/* Columns [j, j + COLS) as [k][COLS], zeros behind the last column. */
static void pack_panel(const wt_product *p, const void *b, size_t j, float *panel)
{
    const size_t cols = p->n - j < COLS ? p->n - j : COLS;
    if (cols == COLS && p->b_col == 1 && p->b_dtype == WT_F32) {
        const float *from = (const float *)b + j;
        for (size_t k = 0; k < p->k; k++)
            memcpy(panel + k * COLS, from + k * p->b_row, COLS * sizeof(float));
        return;
    }
    if (cols < COLS)
        memset(panel, 0, p->k * COLS * sizeof(float));
    for (size_t c = 0; c < cols; c++)
        for (size_t k = 0; k < p->k; k++)
            panel[k * COLS + c] = load_b(p, b, k * p->b_row + (j + c) * p->b_col);
}

static void pack_rows(const wt_product *p, const float *a, size_t i, size_t rows, float *out)
{
    for (size_t k = 0; k < p->k; k++)
        for (size_t r = 0; r < rows; r++)
            out[r * p->k + k] = a[(i + r) * p->a_row + k * p->a_col];
}

static void run_blocked(const wt_product *p, const float *a, const void *b, const void *arg, float *panel, size_t begin,
                        size_t end)
{
    const size_t blocks = row_blocks(p);
    float *packed = panel + p->k * COLS, sum[ROWS][COLS];
    size_t have = SIZE_MAX; /* the panel in the scratch */
    for (size_t u = begin; u < end; u++) {
        const size_t j = u / blocks * COLS, first = u % blocks * BLOCK,
                     last = first + BLOCK < p->m ? first + BLOCK : p->m;
        const size_t cols = p->n - j < COLS ? p->n - j : COLS;
        if (have != j)
            pack_panel(p, b, have = j, panel);
        for (size_t i = first; i < last; i += ROWS) {
            const size_t rows = last - i < ROWS ? last - i : ROWS;
            if (p->a_col == 1) {
                wt_ref_block(a + i * p->a_row, p->a_row, (int)rows, panel, COLS, p->k, sum);
            } else {
                pack_rows(p, a, i, rows, packed);
                wt_ref_block(packed, p->k, (int)rows, panel, COLS, p->k, sum);
            }
            for (size_t r = 0; r < rows; r++)
                p->store(p, arg, i + r, j, sum[r], cols);
        }
    }
}

/* --- few rows
 * --------------------------------------------------------------------------------------------------------- */
static void thin_chunk(const wt_product *p, const float *a, const void *b, size_t j, size_t cols, float *sum)
{
    float row[CHUNK];
    memset(sum, 0, CHUNK * sizeof *sum);
    for (size_t k = 0; k < p->k; k++) {
        const float v = a[k];
        const float *from = (const float *)b + k * p->b_row + j;
        if (p->b_dtype != WT_F32) {
            wt_half_load(p->b_dtype, (const uint16_t *)b + k * p->b_row + j, row, cols);
            from = row;
        }
        if (cols == CHUNK)
            for (size_t c = 0; c < CHUNK; c++)
                sum[c] += v * from[c];
        else
            for (size_t c = 0; c < cols; c++)
                sum[c] += v * from[c];
    }
}

static void run_thin_rows(const wt_product *p, const float *a, const void *b, const void *arg, size_t begin, size_t end)
{
    float sum[CHUNK];
    for (size_t u = begin; u < end; u++) {
        const size_t j = u * CHUNK, cols = p->n - j < CHUNK ? p->n - j : CHUNK;
        for (size_t i = 0; i < p->m; i++) {
            thin_chunk(p, a + i * p->a_row, b, j, cols, sum);
            p->store(p, arg, i, j, sum, cols);
        }
    }
}

/* Sixteen partial sums, folded at the end. */
static float dot(const float *a, const float *b, size_t n)
{
    float lane[LANES] = { 0 }, sum = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t l = 0; l < LANES; l++)
            lane[l] += a[i + l] * b[i + l];
    for (size_t width = LANES / 2; width > 0; width /= 2)
        for (size_t l = 0; l < width; l++)
            lane[l] += lane[l + width];
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum + lane[0];
}

static float dot_half(const wt_product *p, const float *a, const uint16_t *b)
{
    float piece[PIECE], sum = 0;
    for (size_t k = 0; k < p->k; k += PIECE) {
        const size_t n = p->k - k < PIECE ? p->k - k : PIECE;
        wt_half_load(p->b_dtype, b + k, piece, n);
        sum += dot(a + k, piece, n);
    }
    return sum;
}

static void run_thin_dots(const wt_product *p, const float *a, const void *b, const void *arg, size_t begin, size_t end)
{
    float sum[COLS];
    for (size_t u = begin; u < end; u++) {
        const size_t j = u * COLS, cols = p->n - j < COLS ? p->n - j : COLS;
        for (size_t i = 0; i < p->m; i++) {
            for (size_t c = 0; c < cols; c++) {
                const size_t at = (j + c) * p->b_col;
                sum[c] = p->b_dtype == WT_F32 ? dot(a + i * p->a_row, (const float *)b + at, p->k)
                                              : dot_half(p, a + i * p->a_row, (const uint16_t *)b + at);
            }
            p->store(p, arg, i, j, sum, cols);
        }
    }
}

void wt_product_run(const wt_product *p, const float *a, const void *b, const void *arg, void *scratch, size_t begin,
                    size_t end)
{
    switch (form_of(p)) {
    case BLOCKED: run_blocked(p, a, b, arg, scratch, begin, end); break;
    case THIN_ROWS: run_thin_rows(p, a, b, arg, begin, end); break;
    default: run_thin_dots(p, a, b, arg, begin, end); break;
    }
}
