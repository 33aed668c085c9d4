/* raise.c - the walk over all nodes, and what the raise_*.c files are built from. */
#include "raise.h"
#include "base/hash.h"

/* --- building
 * --------------------------------------------------------------------------------------------------------- */
bool wt_raise_wants_out(const wt_raise *r, size_t i)
{
    const wt_value *v = i < r->node->n_out ? r->node->out[i] : NULL;
    return v && (v->n_uses || v->is_output);
}

wt_status wt_raise_emit(wt_raise *r, const char *op_type, wt_value *const *in, size_t n_in, const wt_attr *attrs,
                        size_t n_attrs, wt_value **out, wt_err *err)
{
    wt_node *node = NULL;
    const wt_attrs list = { attrs, n_attrs };
    const char *name = r->node->name;
    if (name[0]) { /* nodes with one name are an error to some readers */
        name = wt_arena_printf(wt_raise_arena(r), err, "%s/%s_%d", name, op_type, ++r->emitted);
        if (!name)
            return WT_ENOMEM;
    }
    WT_TRY(wt_graph_add_value(out, r->node->graph, NULL, err));
    (*out)->source = r->node->source;
    WT_TRY(wt_graph_add_node(&node, r->node->graph, r->node, "", op_type, name, in, n_in, out, 1, &list, err));
    node->source = r->node->source;
    return wt_node_infer_early(node, err);
}

wt_status wt_raise_turn(wt_raise *r, const char *op_type, wt_value *const *in, size_t n_in, const wt_attr *attrs,
                        size_t n_attrs, wt_err *err)
{
    wt_attr *items = wt_arena_alloc(wt_raise_arena(r), n_attrs + 1, sizeof *items, err);
    if (!items)
        return WT_ENOMEM;
    if (n_attrs)
        memcpy(items, attrs, n_attrs * sizeof *items);
    WT_TRY(wt_node_set_op(r->node, "", op_type, err));
    for (size_t i = 0; i < n_in; i++)
        WT_TRY(wt_node_set_input(r->node, i, in[i], err));
    for (size_t i = n_in; i < r->node->n_in; i++)
        WT_TRY(wt_node_set_input(r->node, i, NULL, err));
    r->node->n_in = n_in;
    r->node->attrs = (wt_attrs){ items, n_attrs };
    return WT_OK;
}

wt_status wt_raise_i64(wt_raise *r, const int64_t *v, size_t n, bool scalar, wt_value **out, wt_err *err)
{
    return wt_graph_add_const_i64(out, r->node->graph, NULL, v, n, scalar, err);
}

wt_status wt_raise_f32(wt_raise *r, const float *v, size_t n, bool scalar, wt_value **out, wt_err *err)
{
    return wt_graph_add_const_f32(out, r->node->graph, NULL, v, n, scalar, err);
}

wt_status wt_raise_scalar_like(wt_raise *r, wt_value *like, float v, wt_value **out, wt_err *err)
{
    const wt_dtype dtype = like ? wt_value_dtype(like) : WT_F32;
    if (dtype == WT_F32)
        return wt_raise_f32(r, &v, 1, true, out, err);
    if (dtype == WT_DTYPE_NONE) {
        wt_value *in[2] = { NULL, like };
        WT_TRY(wt_raise_f32(r, &v, 1, true, &in[0], err));
        return wt_raise_emit(r, "CastLike", in, 2, NULL, 0, out, err);
    }
    uint64_t room[2] = { 0 };
    wt_tensor t = { .dtype = dtype, .data = room };
    if (dtype == WT_STRING || !wt_dtype_bytes(dtype, 1, &t.bytes) || t.bytes > sizeof room) {
        r->unknown = true;
        return WT_OK;
    }
    WT_TRY(wt_convert(&v, WT_F32, room, dtype, 1, true, err));
    return wt_graph_add_constant(out, r->node->graph, NULL, &t, err);
}

wt_status wt_raise_drop_attr(wt_raise *r, const char *name, wt_err *err)
{
    const wt_attrs *old = &r->node->attrs;
    wt_attr *items = wt_arena_alloc(wt_raise_arena(r), old->count + 1, sizeof *items, err);
    size_t n = 0;
    if (!items)
        return WT_ENOMEM;
    for (size_t i = 0; i < old->count; i++)
        if (strcmp(old->items[i].name, name))
            items[n++] = old->items[i];
    r->node->attrs = (wt_attrs){ items, n };
    return WT_OK;
}

wt_status wt_raise_set_text(wt_raise *r, const char *name, const char *text, wt_err *err)
{
    const wt_attr attr = wt_raise_text(name, text);
    return wt_node_set_attr(r->node, &attr, err);
}

void wt_raise_trim_outputs(wt_raise *r, size_t keep)
{
    wt_node *node = r->node;
    for (; node->n_out > keep; node->n_out--) {
        wt_value *v = node->out[node->n_out - 1];
        if (v)
            v->producer = NULL;
    }
}

void wt_raise_trim_inputs(wt_node *node)
{
    while (node->n_in && !node->in[node->n_in - 1])
        node->n_in--;
}

wt_attr wt_raise_int(const char *name, int64_t v)
{
    return (wt_attr){ .name = name, .type = WT_ATTR_INT, .count = 1, .v.i = v };
}

wt_attr wt_raise_float(const char *name, float v)
{
    return (wt_attr){ .name = name, .type = WT_ATTR_FLOAT, .count = 1, .v.f = v };
}

wt_attr wt_raise_text(const char *name, const char *text)
{
    return (wt_attr){ .name = name, .type = WT_ATTR_STRING, .count = 1, .v.s = { text, strlen(text) } };
}

/* --- the walk
 * --------------------------------------------------------------------------------------------------------- */
static const wt_raise_row *const all_rows[] = { wt_raise_rows_axes, wt_raise_rows_nn, wt_raise_rows_resize,
                                                wt_raise_rows_other, wt_raise_rows_microsoft };
enum { SLOTS = 512 }; /* more than twice the rows */

typedef struct walk {
    const int32_t *version;
    size_t n_versions;
    const wt_raise_row *slots[SLOTS];
} walk;

static size_t slot_of(const char *domain, const char *op_type)
{
    return (size_t)(wt_hash64(op_type, strlen(op_type), wt_hash64(domain, strlen(domain), 0)) % SLOTS);
}

static const wt_raise_row *find_row(const walk *w, const char *domain, const char *op_type)
{
    for (size_t i = slot_of(domain, op_type); w->slots[i]; i = (i + 1) % SLOTS)
        if (!strcmp(w->slots[i]->op_type, op_type) && !strcmp(w->slots[i]->domain, domain))
            return w->slots[i];
    return NULL;
}

static void index_rows(walk *w)
{
    for (size_t k = 0; k < WT_ARRAY_LEN(all_rows); k++)
        for (const wt_raise_row *row = all_rows[k]; row->op_type; row++) {
            size_t i = slot_of(row->domain, row->op_type);
            while (w->slots[i])
                i = (i + 1) % SLOTS;
            w->slots[i] = row;
        }
}

static wt_status raise_graph(const walk *w, wt_graph *graph, wt_err *err);

static wt_status raise_node(const walk *w, wt_node *node, wt_err *err)
{
    wt_raise r = { .node = node, .version = node->id < w->n_versions ? w->version[node->id] : 0 };
    const wt_raise_row *row = r.version ? find_row(w, node->domain, node->op_type) : NULL;
    if (row && r.version < row->below) {
        const wt_status st = row->fn(&r, err);
        if (st != WT_OK) {
            wt_err_where(err, "node \"%s\" (%s)", node->name, node->op_type);
            if (err && err->offset == WT_NO_OFFSET)
                err->offset = node->source;
            return st;
        }
        if (r.unknown)
            node->op = NULL;
    }
    for (size_t i = 0; i < node->attrs.count; i++) {
        const wt_attr *a = &node->attrs.items[i];
        if (a->type == WT_ATTR_GRAPH)
            WT_TRY(raise_graph(w, a->v.graph, err));
        for (size_t k = 0; a->type == WT_ATTR_GRAPHS && k < a->count; k++)
            WT_TRY(raise_graph(w, a->v.graphs[k], err));
    }
    return wt_node_infer_early(node, err);
}

static wt_status raise_graph(const walk *w, wt_graph *graph, wt_err *err)
{
    size_t done = 0;
    for (wt_node *node = graph->first, *next; node; node = next) {
        next = node->next;
        if (done++ % 1024 == 0)
            WT_TRY(wt_check_cancel(graph->root->ctx, err));
        WT_TRY(raise_node(w, node, err));
    }
    return WT_OK;
}

bool wt_onnx_has_older_forms(const char *domain, const char *op_type)
{
    for (size_t k = 0; k < WT_ARRAY_LEN(all_rows); k++)
        for (const wt_raise_row *row = all_rows[k]; row->op_type; row++)
            if (!strcmp(row->op_type, op_type) && !strcmp(row->domain, domain))
                return true;
    return false;
}

wt_status wt_onnx_raise(wt_graph *graph, const int32_t *version, size_t n_versions, wt_err *err)
{
    walk w = { .version = version, .n_versions = n_versions };
    index_rows(&w);
    return raise_graph(&w, graph, err);
}
