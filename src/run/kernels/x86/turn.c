/* turn.c - rows of what turns planes of elements of one or four bytes: Reorder between planes and blocks of 16
 * channels, and a Transpose that changes two groups of neighbouring dimensions for each other. Both are matrices
 * [rows, columns] that become [columns, rows], and go in squares of 16; what is left at their edges goes element by
 * element. See turn.h. */
#include "run/kernels/x86/turn.h"
#include "run/kernels/ref/types.h"
#include "run/kernels/x86/rows.h"

typedef struct turn_params {
    size_t elem;
    size_t count;         /* matrices */
    size_t rows, columns; /* of each, in the source */
    size_t from, to;      /* bytes between rows of the source, of the destination */
    size_t matrix;        /* bytes between matrices */
    size_t blocks, last;  /* Reorder: matrices of an image, channels of its last one; blocks 0: Transpose */
    size_t missing;       /* bytes that the planes of an image have less than its blocks */
    bool pack;            /* Reorder to blocks: the lanes behind the last channel become zero */
} turn_params;

static bool takes(const wt_prep *p)
{
    return wt_has_in(p, 0) && p->n_out == 1 && p->out[0] && p->in[0]->dtype == p->out[0]->dtype &&
           (wt_elem_bytes(p->in[0]->dtype) == 1 || wt_elem_bytes(p->in[0]->dtype) == 4);
}

static wt_status new_params(wt_prep *p, turn_params **out, wt_err *err)
{
    size_t bytes = 0;
    turn_params *q = *out = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    q->elem = wt_elem_bytes(p->in[0]->dtype);
    p->params = q;
    wt_tensor_size(p->in[0], &bytes);
    wt_x86_threads_bytes(p, (double)bytes);
    return WT_OK;
}

/* --- the squares
 * ------------------------------------------------------------------------------------------------------ */
static void edge(const turn_params *q, const char *s, char *d, size_t rows, size_t columns)
{
    for (size_t k = 0; k < columns; k++)
        for (size_t i = 0; i < rows; i++)
            if (q->elem == 4)
                memcpy(d + k * q->to + 4 * i, s + i * q->from + 4 * k, 4);
            else
                d[k * q->to + i] = s[i * q->from + k];
}

/* Rows [0, rows) by columns [0, columns), at most 16 of each. */
static void square(const turn_params *q, const char *s, char *d, size_t rows, size_t columns)
{
    if (rows < 16 || columns < 16)
        edge(q, s, d, rows, columns);
    else if (q->elem == 4)
        wt_turn_32_avx2(s, q->from, d, q->to);
    else
        wt_turn_8_avx2(s, q->from, d, q->to);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Sixteen columns of a matrix: sixteen rows of the result, written one after the other. */
static void strip(const turn_params *q, const char *s, char *d, size_t at, size_t matrix)
{
    size_t rows = q->rows, columns = least(16, q->columns - at);
    s += matrix * q->matrix + at * q->elem;
    d += matrix * q->matrix + at * q->to;
    if (q->blocks) {
        const size_t less = matrix / q->blocks * q->missing, lanes = (matrix + 1) % q->blocks ? 16 : q->last;
        s -= q->pack ? less : 0;
        d -= q->pack ? 0 : less;
        for (size_t k = 0; q->pack && lanes < 16 && k < columns; k++)
            memset(d + k * q->to + lanes * q->elem, 0, (16 - lanes) * q->elem);
        *(q->pack ? &rows : &columns) = lanes;
    }
    for (size_t i = 0; i < rows; i += 16)
        square(q, s + i * q->from, d + i * q->elem, least(16, rows - i), columns);
}

static wt_status run(const wt_run *r, wt_err *err)
{
    const turn_params *q = r->params;
    const size_t strips = (q->columns + 15) / 16;
    size_t begin, end;
    (void)err;
    wt_split(q->count * strips, 1, r->tid, r->nthreads, &begin, &end);
    for (size_t i = begin; i < end; i++)
        strip(q, r->in[0]->data, wt_tensor_mut(r->out[0]), i % strips * 16, i / strips);
    return WT_OK;
}

/* --- Reorder
 * ---------------------------------------------------------------------------------------------------------- */
/* A matrix is a block: [channels, pixels] in planes, [pixels, 16] in blocks. */
static bool reorder_accepts(const wt_prep *p)
{
    return takes(p) && p->in[0]->layout != p->out[0]->layout && p->in[0]->shape.rank >= 2 &&
           p->in[0]->shape.dim[1] > 0 && wt_shape_equal(&p->in[0]->shape, &p->out[0]->shape);
}

static wt_status reorder_prepare(wt_prep *p, wt_err *err)
{
    turn_params *q;
    const wt_shape *s = &p->in[0]->shape;
    WT_TRY(new_params(p, &q, err));
    const size_t pixels = (size_t)wt_shape_product(s, 2, s->rank), plane = pixels * q->elem;
    const size_t channels = (size_t)s->dim[1];
    q->pack = p->out[0]->layout == WT_C16;
    q->blocks = (channels + 15) / 16;
    q->last = channels - (q->blocks - 1) * 16;
    q->missing = (16 - q->last) * plane;
    q->count = (size_t)s->dim[0] * q->blocks;
    q->rows = q->pack ? 16 : pixels;
    q->columns = q->pack ? pixels : 16;
    q->from = q->pack ? plane : 16 * q->elem;
    q->to = q->pack ? 16 * q->elem : plane;
    q->matrix = 16 * plane;
    return WT_OK;
}

/* --- Transpose
 * -------------------------------------------------------------------------------------------------------- */
/* perm keeps dims [0, *first) and changes [first, middle) for [middle, rank). */
static bool changes_two(const wt_prep *p, int *first, int *middle)
{
    int64_t perm[WT_MAX_RANK];
    const int rank = p->in[0]->shape.rank;
    if (rank < 2 || wt_attr_ints(p->attrs, "perm", perm, WT_MAX_RANK) != (size_t)rank)
        return false;
    for (*first = 0; *first < rank && perm[*first] == *first;)
        ++*first;
    if (*first == rank)
        return false;
    *middle = (int)perm[*first];
    for (int i = *first; i < rank; i++) {
        const int after = i + *middle - *first;
        if (perm[i] != (after < rank ? after : after - rank + *first))
            return false;
    }
    return true;
}

static bool transpose_accepts(const wt_prep *p)
{
    int first, middle;
    if (!takes(p) || p->in[0]->layout != WT_PLAIN || p->out[0]->layout != WT_PLAIN || !changes_two(p, &first, &middle))
        return false;
    const wt_shape *s = &p->in[0]->shape;
    int64_t count, same;
    return wt_shape_count(s, &count) && wt_shape_count(&p->out[0]->shape, &same) && count == same && count > 0 &&
           wt_shape_product(s, first, middle) >= 16 && wt_shape_product(s, middle, s->rank) >= 16;
}

static wt_status transpose_prepare(wt_prep *p, wt_err *err)
{
    turn_params *q;
    int first = 0, middle = 0;
    const wt_shape *s = &p->in[0]->shape;
    WT_TRY(new_params(p, &q, err));
    changes_two(p, &first, &middle);
    q->count = (size_t)wt_shape_product(s, 0, first);
    q->rows = (size_t)wt_shape_product(s, first, middle);
    q->columns = (size_t)wt_shape_product(s, middle, s->rank);
    q->from = q->columns * q->elem;
    q->to = q->rows * q->elem;
    q->matrix = q->rows * q->from;
    return WT_OK;
}

const wt_kernel wt_x86_turn_rows[] = {
    { .name = "reorder_avx2",
      .op = WT_OP_REORDER,
      .need = WT_CPU_AVX2,
      .accepts = reorder_accepts,
      .prepare = reorder_prepare,
      .run = run },
    { .name = "transpose_avx2",
      .op = WT_OP_TRANSPOSE,
      .need = WT_CPU_AVX2,
      .accepts = transpose_accepts,
      .prepare = transpose_prepare,
      .run = run },
    { .name = NULL },
};
