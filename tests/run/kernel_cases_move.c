/* kernel_cases_move.c - what only moves: planes to blocks of channels and back, and transpositions of two groups of
 * dimensions. Every element must arrive where its coordinates say. */
#include <stdio.h>
#include "run/kernel_cases.h"

static const wt_dtype types[] = { WT_F32, WT_U8, WT_I8 };

bool kc_make_reorder(kc_case *c, size_t index, kc_random *r)
{
    if (index >= 240)
        return false;
    const int rank = kc_range(r, 2, 4);
    const bool pack = kc_range(r, 0, 1);
    const wt_dtype type = types[kc_range(r, 0, 2)];
    const int64_t dims[4] = { kc_range(r, 1, 3), kc_range(r, 1, 50), kc_range(r, 1, 40), kc_range(r, 1, 5) };
    c->op = WT_OP_REORDER;
    kc_input(c, 0, type, pack ? WT_PLAIN : WT_C16, false, r, rank, dims);
    kc_output(c, 0, type, pack ? WT_C16 : WT_PLAIN, rank, dims);
    const size_t n = kc_count(&c->out[0]);
    kc_expect(c, n);
    for (size_t i = 0; i < n; i++)
        c->want[i] = kc_get(&c->in[0], i);
    snprintf(c->text, sizeof c->text, "%s %s [%lld, %lld, %lld, %lld], %d of them", pack ? "pack" : "unpack",
             wt_dtype_name(type), (long long)dims[0], (long long)dims[1], (long long)dims[2], (long long)dims[3], rank);
    return true;
}

/* Element i of the result, by its coordinates. */
static double moved(const wt_tensor *x, const wt_tensor *y, const int64_t *perm, size_t i)
{
    int64_t at[WT_MAX_RANK] = { 0 };
    size_t from = 0;
    for (int d = y->shape.rank - 1; d >= 0; d--) {
        at[perm[d]] = (int64_t)(i % (size_t)y->shape.dim[d]);
        i /= (size_t)y->shape.dim[d];
    }
    for (int d = 0; d < x->shape.rank; d++)
        from = from * (size_t)x->shape.dim[d] + (size_t)at[d];
    return kc_get(x, from);
}

bool kc_make_transpose(kc_case *c, size_t index, kc_random *r)
{
    static const int64_t perms[][4] = {
        { 1, 0 },       { 0, 2, 1 },    { 1, 2, 0 },    { 2, 0, 1 },    { 0, 2, 3, 1 },
        { 0, 3, 1, 2 }, { 2, 3, 0, 1 }, { 0, 1, 3, 2 }, { 0, 2, 1, 3 }, { 3, 2, 1, 0 }
    };
    static const int ranks[] = { 2, 3, 3, 3, 4, 4, 4, 4, 4, 4 };
    if (index >= 240)
        return false;
    const size_t which = index % WT_ARRAY_LEN(perms);
    const int rank = ranks[which];
    const wt_dtype type = types[kc_range(r, 0, 2)];
    int64_t dims[4], to[4];
    for (int d = 0; d < rank; d++)
        dims[d] = kc_range(r, 1, rank == 4 ? 24 : 50);
    for (int d = 0; d < rank; d++)
        to[d] = dims[perms[which][d]];
    c->op = WT_OP_TRANSPOSE;
    kc_attr_ints(c, "perm", (size_t)rank, perms[which]);
    kc_input(c, 0, type, WT_PLAIN, false, r, rank, dims);
    kc_output(c, 0, type, WT_PLAIN, rank, to);
    const size_t n = kc_count(&c->out[0]);
    kc_expect(c, n);
    for (size_t i = 0; i < n; i++)
        c->want[i] = moved(&c->in[0], &c->out[0], perms[which], i);
    snprintf(c->text, sizeof c->text, "transpose %zu of %s, rank %d", which, wt_dtype_name(type), rank);
    return true;
}
