/* selections.c - NonZero, Compress, Unique, NonMaxSuppression: outputs whose length their rules have counted with the
 * same code (model/shape/select.h). They run on one thread, for they append. */
#include "model/shape/select.h"
#include "model/shape/shape.h"
#include "run/kernels/ref/nn_rows.h"
#include "run/kernels/ref/rows.h"
#include "run/kernels/ref/types.h"

static wt_infer as_infer(const wt_prep *p)
{
    return (wt_infer){ .op_type = p->op_type, .attrs = p->attrs, .in = p->in, .n_in = p->n_in };
}

/* The rule counted in data of this moment; other data (a session running on) must not write beyond the buffer. */
static wt_status too_many(const char *op, size_t room, wt_err *err)
{
    return wt_fail(err, WT_EINTERNAL, "%s: more elements are selected than the %zu that were counted", op, room);
}

/* --- NonZero
 * ----------------------------------------------------------------------------------------------------------- */
static bool nonzero_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_out_is(p, 0, WT_I64) && wt_elem_bytes(p->in[0]->dtype) != 0 &&
           p->in[0]->dtype != WT_C64 && p->in[0]->dtype != WT_C128 && wt_all_plain(p);
}

static wt_status nonzero_run(const wt_run *r, wt_err *err)
{
    const wt_tensor *x = r->in[0];
    const size_t n = wt_count(x), room = (size_t)r->out[0]->shape.dim[1];
    int64_t *y = wt_tensor_mut(r->out[0]);
    size_t found = 0;
    if (r->tid)
        return WT_OK;
    for (size_t i = 0; i < n; i++) {
        if (!wt_element_nonzero(x, (int64_t)i))
            continue;
        if (found == room)
            return too_many("NonZero", room, err);
        size_t rest = i;
        for (int d = x->shape.rank - 1; d >= 0; d--) {
            y[(size_t)d * room + found] = (int64_t)(rest % (size_t)x->shape.dim[d]);
            rest /= (size_t)x->shape.dim[d];
        }
        found++;
    }
    return WT_OK;
}

/* --- Compress
 * ---------------------------------------------------------------------------------------------------------- */
typedef struct compress_params {
    size_t outer, len, inner; /* inner in bytes */
    size_t room;              /* selected steps along the axis */
} compress_params;

static bool compress_accepts(const wt_prep *p)
{
    return wt_has_in(p, 0) && wt_in_is(p, 1, WT_BOOL) && wt_has_out(p, 0) && p->in[0]->dtype == p->out[0]->dtype &&
           wt_elem_bytes(p->in[0]->dtype) != 0 && wt_all_plain(p);
}

static wt_status compress_prepare(wt_prep *p, wt_err *err)
{
    const wt_shape *x = &p->in[0]->shape;
    const bool flat = !wt_attr_find(p->attrs, "axis");
    const int axis = flat ? 0 : wt_axis(wt_attr_int(p->attrs, "axis", 0), x->rank, false);
    compress_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    if (axis < 0)
        return wt_fail(err, WT_EFORMAT, "Compress: axis does not exist in a tensor of rank %d", x->rank);
    const size_t elem = wt_elem_bytes(p->in[0]->dtype);
    q->outer = flat ? 1 : (size_t)wt_shape_product(x, 0, axis);
    q->len = flat ? wt_count(p->in[0]) : (size_t)x->dim[axis];
    q->inner = flat ? elem : (size_t)wt_shape_product(x, axis + 1, x->rank) * elem;
    q->room = (size_t)p->out[0]->shape.dim[axis];
    p->params = q;
    return WT_OK;
}

static wt_status compress_run(const wt_run *r, wt_err *err)
{
    const compress_params *q = r->params;
    const uint8_t *chosen = r->in[1]->data;
    const size_t n = wt_count(r->in[1]) < q->len ? wt_count(r->in[1]) : q->len;
    const char *x = r->in[0]->data;
    char *y = wt_tensor_mut(r->out[0]);
    if (r->tid)
        return WT_OK;
    for (size_t o = 0; o < q->outer; o++) {
        size_t found = 0;
        for (size_t i = 0; i < n; i++) {
            if (!chosen[i])
                continue;
            if (found == q->room)
                return too_many("Compress", q->room, err);
            memcpy(y + (o * q->room + found++) * q->inner, x + (o * q->len + i) * q->inner, q->inner);
        }
    }
    return WT_OK;
}

/* --- Unique
 * ------------------------------------------------------------------------------------------------------------ */
typedef struct unique_params {
    wt_unique u;
    size_t items, room; /* room: distinct items, as counted */
} unique_params;

static bool unique_accepts(const wt_prep *p)
{
    if (!wt_has_in(p, 0) || wt_elem_bytes(p->in[0]->dtype) == 0 || p->in[0]->dtype == WT_C64 ||
        p->in[0]->dtype == WT_C128)
        return false;
    for (size_t i = 1; i < p->n_out; i++)
        if (wt_has_out(p, i) && p->out[i]->dtype != WT_I64)
            return false;
    return wt_has_out(p, 0) && p->out[0]->dtype == p->in[0]->dtype && wt_all_plain(p);
}

static wt_status unique_prepare(wt_prep *p, wt_err *err)
{
    const wt_infer c = as_infer(p);
    unique_params *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    WT_TRY(wt_unique_read(&c, &q->u, err));
    q->items = (size_t)wt_unique_items(&q->u, p->in[0]);
    q->room = (size_t)p->out[0]->shape.dim[q->u.flat ? 0 : q->u.axis];
    p->params = q;
    p->scratch_bytes = wt_align_up(q->items * 3 * sizeof(int64_t), 64);
    return WT_OK;
}

/* Items that are equal lie together in `order`; group[i] becomes the number of item i's group, in the order of the
 * output, and first[g] its first item. Returns the number of groups. */
static size_t number_groups(const unique_params *q, const wt_tensor *x, int64_t *order, int64_t *first, int64_t *group)
{
    size_t groups = 0;
    wt_unique_sort(&q->u, x, order, first);
    for (size_t i = 0; i < q->items; i++) {
        if (i > 0 && !wt_unique_equal(&q->u, x, order[i - 1], order[i]))
            groups++;
        group[order[i]] = (int64_t)groups;
    }
    groups += q->items > 0;
    for (size_t g = 0; g < groups; g++)
        first[g] = -1;
    if (q->u.sorted) {
        for (size_t i = q->items; i-- > 0;)
            first[group[i]] = (int64_t)i;
        return groups;
    }
    int64_t *renamed = order; /* sorted number -> number by first occurrence; order is not needed any more */
    size_t named = 0;
    for (size_t g = 0; g < groups; g++)
        renamed[g] = -1;
    for (size_t i = 0; i < q->items; i++) {
        const size_t g = (size_t)group[i];
        if (renamed[g] < 0) {
            first[named] = (int64_t)i;
            renamed[g] = (int64_t)named++;
        }
        group[i] = renamed[g];
    }
    return groups;
}

static void copy_items(const unique_params *q, const wt_tensor *x, const int64_t *first, size_t groups, char *y)
{
    const size_t elem = wt_elem_bytes(x->dtype);
    const int axis = q->u.axis;
    const size_t outer = q->u.flat ? 1 : (size_t)wt_shape_product(&x->shape, 0, axis);
    const size_t inner = (q->u.flat ? 1 : (size_t)wt_shape_product(&x->shape, axis + 1, x->shape.rank)) * elem;
    for (size_t o = 0; o < outer; o++)
        for (size_t g = 0; g < groups; g++)
            memcpy(y + (o * groups + g) * inner, (const char *)x->data + (o * q->items + (size_t)first[g]) * inner,
                   inner);
}

static wt_status unique_run(const wt_run *r, wt_err *err)
{
    const unique_params *q = r->params;
    const wt_tensor *x = r->in[0];
    int64_t *order = r->scratch, *first = order + q->items, *group = first + q->items, *out[4] = { NULL };
    if (r->tid)
        return WT_OK;
    for (size_t i = 1; i < r->n_out && i < 4; i++)
        out[i] = r->out[i] ? wt_tensor_mut(r->out[i]) : NULL;
    const size_t groups = number_groups(q, x, order, first, group);
    if (groups != q->room)
        return too_many("Unique", q->room, err);
    copy_items(q, x, first, groups, wt_tensor_mut(r->out[0]));
    for (size_t g = 0; g < groups; g++) {
        if (out[1])
            out[1][g] = first[g];
        if (out[3])
            out[3][g] = 0;
    }
    for (size_t i = 0; i < q->items; i++) {
        if (out[2])
            out[2][i] = group[i];
        if (out[3])
            out[3][group[i]]++;
    }
    return WT_OK;
}

/* --- NonMaxSuppression
 * ------------------------------------------------------------------------------------------------ */
static bool nms_accepts(const wt_prep *p)
{
    return wt_in_is(p, 0, WT_F32) && wt_in_is(p, 1, WT_F32) && wt_out_is(p, 0, WT_I64) && wt_all_plain(p);
}

static wt_status nms_prepare(wt_prep *p, wt_err *err)
{
    const wt_infer c = as_infer(p);
    wt_nms *q = wt_arena_alloc(p->arena, 1, sizeof *q, err);
    if (!q)
        return WT_ENOMEM;
    for (size_t i = 0; i < p->n_in; i++)
        if (p->in[i] && !p->in[i]->data)
            return wt_fail(err, WT_EUNSUPPORTED, "NonMaxSuppression: the number of boxes must be counted first");
    WT_TRY(wt_nms_read(&c, q, err));
    p->params = q;
    p->scratch_bytes = wt_align_up((size_t)q->boxes * 2 * sizeof(int64_t), 64);
    return WT_OK;
}

static wt_status nms_run(const wt_run *r, wt_err *err)
{
    wt_nms n = *(const wt_nms *)r->params;
    const int64_t room = r->out[0]->shape.dim[0];
    if (r->tid)
        return WT_OK;
    n.box = wt_in_f32(r, 0);
    n.score = wt_in_f32(r, 1);
    if (wt_nms_select(&n, r->scratch, NULL) != room)
        return too_many("NonMaxSuppression", (size_t)room, err);
    wt_nms_select(&n, r->scratch, wt_tensor_mut(r->out[0]));
    return WT_OK;
}

const wt_kernel wt_select_rows[] = {
    { .name = "nonzero_ref", .op = WT_OP_NONZERO, .accepts = nonzero_accepts, .run = nonzero_run },
    { .name = "compress_ref",
      .op = WT_OP_COMPRESS,
      .accepts = compress_accepts,
      .prepare = compress_prepare,
      .run = compress_run },
    { .name = "unique_ref",
      .op = WT_OP_UNIQUE,
      .accepts = unique_accepts,
      .prepare = unique_prepare,
      .run = unique_run },
    { .name = "nms_ref",
      .op = WT_OP_NONMAXSUPPRESSION,
      .accepts = nms_accepts,
      .prepare = nms_prepare,
      .run = nms_run },
    { .name = NULL },
};
