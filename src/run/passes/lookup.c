/* lookup.c - products that only select rows, and what follows them, become a table.
 *
 *   MatMul(Cast(Equal(i [.., 1], [0, 1, .. K-1])), W [K, N]) -> Gather([W; 0], Clip(i, -1, K))
 *       an index outside selects the row of zeros behind W, as it made a row of zeros before; exact, for a sum of one
 *       finite number and zeros is that number
 *   f(Gather(T, i), constants)                               -> Gather(f(T, constants), i)
 *       for what works on each element alone, while the table has fewer rows than are looked up */
#include <math.h>
#include "run/passes/pass.h"

/* --- one-hot products
 * ------------------------------------------------------------------------------------------------ */
typedef struct one_hot {
    wt_node *product;
    wt_value *index; /* [.., 1] */
    const wt_value *rows;
    int64_t count, width;
} one_hot;

/* 0, 1, .. n-1 along the last axis, the only one. */
static bool counts_up(const wt_value *v, int64_t n)
{
    const wt_shape *s = &v->type.shape;
    int64_t all, x;
    if (!wt_value_is_const(v) || s->rank < 1 || s->dim[s->rank - 1] != n || !wt_shape_count(s, &all) || all != n)
        return false;
    for (int64_t i = 0; i < n; i++)
        if (!wt_tensor_int(&v->type, i, &x) || x != i)
            return false;
    return true;
}

static bool all_finite(const wt_value *v)
{
    int64_t n;
    double x;
    if (!wt_shape_count(&v->type.shape, &n))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (!wt_tensor_double(&v->type, i, &x) || !isfinite(x))
            return false;
    return true;
}

static bool is_one_hot(const wt_pass_ctx *pc, wt_node *n, one_hot *o)
{
    const wt_value *w = n->n_in == 2 ? n->in[1] : NULL;
    if (!wt_node_is(n, WT_OP_MATMUL) || !wt_value_is_const(w) || w->quant || w->type.dtype != WT_F32 ||
        w->type.shape.rank != 2 || w->type.shape.dim[0] < 1 || w->type.shape.dim[0] >= INT32_MAX)
        return false;
    *o = (one_hot){ n, NULL, w, w->type.shape.dim[0], w->type.shape.dim[1] };
    const wt_node *cast = n->in[0]->producer;
    if (!wt_node_is(cast, WT_OP_CAST) || !wt_pass_may_fuse(pc, n->in[0]) || n->in[0]->quant || cast->graph != n->graph)
        return false;
    const wt_node *equal = cast->in[0]->producer;
    if (!wt_node_is(equal, WT_OP_EQUAL) || equal->graph != n->graph)
        return false;
    for (int i = 0; i < 2 && !o->index; i++) {
        wt_value *x = equal->in[i];
        const wt_value *range = equal->in[1 - i];
        const wt_shape *s = &x->type.shape;
        if ((x->type.dtype == WT_I32 || x->type.dtype == WT_I64) && s->rank >= 1 && s->dim[s->rank - 1] == 1 &&
            !wt_value_is_const(x) && counts_up(range, o->count) && range->type.shape.rank <= s->rank)
            o->index = x;
    }
    return o->index && all_finite(w);
}

static wt_status scalar(wt_graph *g, wt_dtype dtype, int64_t v, wt_value **out, wt_err *err)
{
    const int32_t narrow = (int32_t)v;
    if (dtype == WT_I64)
        return wt_graph_add_const_i64(out, g, NULL, &v, 1, true, err);
    const wt_tensor t = { .dtype = WT_I32, .data = &narrow, .bytes = sizeof narrow, .shape = { .rank = 0 } };
    return wt_graph_add_constant(out, g, NULL, &t, err);
}

static wt_status add_op(wt_node *before, const char *op, wt_value *const *in, size_t n_in, wt_value **out, wt_err *err)
{
    wt_node *node;
    WT_TRY(wt_graph_add_value(out, before->graph, NULL, err));
    WT_TRY(wt_graph_add_node(&node, before->graph, before, "", op, "", in, n_in, out, 1, NULL, err));
    return wt_node_infer(node, err);
}

/* The index without its axis of one, within -1..count: Gather reads both ends as the row of zeros. */
static wt_status bounded_index(const one_hot *o, wt_value **out, wt_err *err)
{
    const int64_t last = -1;
    const wt_dtype dtype = o->index->type.dtype;
    wt_value *squeeze[2] = { o->index }, *clip[3];
    WT_TRY(wt_graph_add_const_i64(&squeeze[1], o->product->graph, NULL, &last, 1, false, err));
    WT_TRY(add_op(o->product, "Squeeze", squeeze, 2, &clip[0], err));
    WT_TRY(scalar(o->product->graph, dtype, -1, &clip[1], err));
    WT_TRY(scalar(o->product->graph, dtype, o->count, &clip[2], err));
    return add_op(o->product, "Clip", clip, 3, out, err);
}

static wt_status table_of(const one_hot *o, wt_value **out, wt_err *err)
{
    wt_graph *g = o->product->graph;
    const size_t cells = (size_t)(o->count * o->width);
    float *rows = wt_arena_alloc(&g->root->arena, cells + (size_t)o->width, sizeof *rows, err);
    if (!rows)
        return WT_ENOMEM;
    memcpy(rows, o->rows->type.data, cells * sizeof *rows);
    const wt_tensor t = { .dtype = WT_F32,
                          .shape = { .rank = 2, .dim = { o->count + 1, o->width } },
                          .data = rows,
                          .bytes = (cells + (size_t)o->width) * sizeof *rows };
    WT_TRY(wt_graph_add_value(out, g, NULL, err));
    return wt_graph_set_constant(*out, &t, err);
}

static wt_status become_gather(wt_pass_ctx *pc, wt_node *n, const one_hot *o, wt_err *err)
{
    wt_value *table, *index;
    WT_TRY(bounded_index(o, &index, err));
    WT_TRY(table_of(o, &table, err));
    WT_TRY(wt_node_set_op(n, "", "Gather", err));
    n->attrs = (wt_attrs){ NULL, 0 };
    WT_TRY(wt_node_set_input(n, 0, table, err));
    WT_TRY(wt_node_set_input(n, 1, index, err));
    pc->changes++;
    return wt_node_infer(n, err);
}

/* --- what follows a lookup
 * ------------------------------------------------------------------------------------------- */
/* The constant behind a tensor whose last axis is that of the table: along that axis alone, as a vector or one number.
 */
static bool along_rows(const wt_value *c, const wt_value *y, int64_t width)
{
    int64_t n;
    const wt_shape *s = &c->type.shape;
    return wt_value_is_const(c) && !c->quant && c->type.dtype == WT_F32 && s->rank <= y->type.shape.rank &&
           wt_shape_count(s, &n) && (n == 1 || (n == width && s->dim[s->rank - 1] == width));
}

/* n works on each element of y, made by a Gather, alone. */
static bool elementwise(const wt_node *n, const wt_value *y, int64_t width)
{
    size_t x;
    if (!n->op || n->n_out != 1 || !n->out[0] || n->out[0]->type.dtype != WT_F32 || n->out[0]->quant)
        return false;
    if (wt_node_is_function(n, &x))
        return n->in[x] == y;
    const bool sums = wt_node_is(n, WT_OP_ADD) || wt_node_is(n, WT_OP_SUB) || wt_node_is(n, WT_OP_MUL) ||
                      wt_node_is(n, WT_OP_DIV);
    return sums && n->n_in == 2 && n->in[0] != n->in[1] && along_rows(n->in[n->in[0] == y ? 1 : 0], y, width);
}

static wt_status flat_constant(wt_node *n, size_t i, wt_err *err)
{
    wt_value *c = n->in[i], *v;
    wt_tensor t = c->type;
    int64_t count = 1;
    if (t.shape.rank < 2)
        return WT_OK;
    wt_shape_count(&t.shape, &count);
    t.shape = wt_shape_make(1, &count);
    WT_TRY(wt_graph_add_value(&v, n->graph, NULL, err));
    WT_TRY(wt_graph_set_constant(v, &t, err));
    return wt_node_set_input(n, i, v, err);
}

/* Rows looked up, as far as known: a symbolic batch is at least one. */
static bool table_is_smaller(const wt_node *gather)
{
    const wt_shape *s = &gather->in[1]->type.shape;
    int64_t looked_up = 1;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] > 0 && __builtin_mul_overflow(looked_up, s->dim[i], &looked_up))
            return true;
    return s->rank >= 0 && gather->in[0]->type.shape.dim[0] <= looked_up;
}

static bool is_lookup(const wt_pass_ctx *pc, const wt_node *n)
{
    const wt_value *table = n->n_in == 2 ? n->in[0] : NULL;
    return wt_node_is(n, WT_OP_GATHER) && wt_value_is_const(table) && !table->quant && table->n_uses == 1 &&
           table->type.dtype == WT_F32 && table->type.shape.rank == 2 && !wt_attr_int(&n->attrs, "axis", 0) &&
           !n->out[0]->quant && wt_pass_may_fuse(pc, n->out[0]) && table_is_smaller(n);
}

/* f moves in front of the Gather, which makes f's result. */
static wt_status swap(wt_pass_ctx *pc, wt_node *gather, wt_node *f, wt_err *err)
{
    wt_value *y = gather->out[0], *changed;
    for (size_t i = 0; i < f->n_in; i++)
        if (f->in[i] == y)
            WT_TRY(wt_node_set_input(f, i, gather->in[0], err));
        else if (f->in[i])
            WT_TRY(flat_constant(f, i, err));
    wt_value *result = f->out[0];
    WT_TRY(wt_graph_add_value(&changed, f->graph, NULL, err));
    WT_TRY(wt_node_set_output(f, 0, changed, err));
    WT_TRY(wt_node_set_output(gather, 0, result, err));
    wt_node_move_before(f, gather);
    WT_TRY(wt_node_infer(f, err));
    WT_TRY(wt_node_set_input(gather, 0, changed, err));
    pc->changes++;
    return wt_node_infer(gather, err);
}

static wt_status into_table(wt_pass_ctx *pc, wt_node *gather, bool *done, wt_err *err)
{
    *done = false;
    if (!is_lookup(pc, gather))
        return WT_OK;
    wt_node *f = gather->out[0]->uses[0].node;
    if (f->graph != gather->graph || !elementwise(f, gather->out[0], gather->in[0]->type.shape.dim[1]))
        return WT_OK;
    *done = true;
    WT_TRY(swap(pc, gather, f, err));
    return wt_pass_fold_node(pc, f, err);
}

wt_status wt_pass_lookup(wt_pass_ctx *pc, wt_graph *graph, wt_err *err)
{
    for (wt_node *n = graph->first; n; n = n->next) {
        one_hot o;
        bool again = true;
        if (is_one_hot(pc, n, &o))
            WT_TRY(become_gather(pc, n, &o, err));
        while (again && wt_node_is(n, WT_OP_GATHER))
            WT_TRY(into_table(pc, n, &again, err));
    }
    return WT_OK;
}
