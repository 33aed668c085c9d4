/* graph.c - making a graph: values, constants, nodes, and asking it.
 *
 * All of it lies in the root's arena; arrays that grow leave their old copy there, which costs less than a second
 * owner would. Uses are kept in the order they came, so that passes meet them in the same order every time. */
#include "model/graph_impl.h"

wt_status wt_graph_new(wt_graph **out, wt_context *ctx, wt_err *err)
{
    *out = NULL;
    wt_graph *g = wt_alloc(ctx, 1, sizeof *g, err);
    if (!g)
        return WT_ENOMEM;
    g->root = g;
    g->ctx = ctx;
    g->name = g->producer = g->format = "";
    wt_arena_init(&g->arena, ctx);
    *out = g;
    return WT_OK;
}

wt_status wt_graph_new_sub(wt_graph **out, wt_graph *parent, wt_err *err)
{
    int depth = 1;
    *out = NULL;
    for (const wt_graph *g = parent; g; g = g->parent)
        if (++depth > WT_MAX_GRAPH_DEPTH)
            return wt_fail(err, WT_EFORMAT, "subgraphs are nested more than %d deep", WT_MAX_GRAPH_DEPTH);
    wt_graph *g = wt_arena_alloc(&parent->root->arena, 1, sizeof *g, err);
    if (!g)
        return WT_ENOMEM;
    g->root = parent->root;
    g->parent = parent;
    g->ctx = parent->ctx;
    g->name = "";
    *out = g;
    return WT_OK;
}

void wt_graph_close(wt_graph *root)
{
    if (!root)
        return;
    for (size_t i = 0; i < root->n_maps; i++)
        wt_map_close(&root->maps[i]);
    wt_context *ctx = root->ctx;
    wt_free(ctx, root->maps);
    wt_arena_free(&root->arena);
    if (root->close_owned)
        root->close_owned(root->owned);
    wt_free(ctx, root);
}

void wt_graph_own(wt_graph *root, void *what, void (*close)(void *what))
{
    root->owned = what;
    root->close_owned = close;
}

/* --- arrays and lists ------------------------------------------------------------------------------------------ */
wt_status wt_arena_push(wt_arena *arena, void *array_of_pointers, size_t n, size_t size, wt_err *err)
{
    if (n != 0 && (n & (n - 1)) != 0)
        return WT_OK;
    void *old, *grown = wt_arena_alloc(arena, n ? 2 * n : 1, size, err);
    if (!grown)
        return WT_ENOMEM;
    memcpy(&old, array_of_pointers, sizeof old);
    if (n)
        memcpy(grown, old, n * size);
    memcpy(array_of_pointers, &grown, sizeof grown);
    return WT_OK;
}

wt_status wt_uses_reserve(wt_value *value, size_t more, wt_err *err)
{
    size_t cap = value->cap_uses ? value->cap_uses : 2;
    while (cap < value->n_uses + more)
        cap *= 2;
    if (cap == value->cap_uses)
        return WT_OK;
    wt_use *uses = wt_arena_alloc(&value->graph->root->arena, cap, sizeof *uses, err);
    if (!uses)
        return WT_ENOMEM;
    if (value->n_uses)
        memcpy(uses, value->uses, value->n_uses * sizeof *uses);
    value->uses = uses;
    value->cap_uses = cap;
    return WT_OK;
}

void wt_uses_add(wt_value *value, wt_node *node, size_t index)
{
    value->uses[value->n_uses++] = (wt_use){ node, index };
}

/* From the end: a sweep removes nodes from the last to the first. */
void wt_uses_remove(wt_value *value, const wt_node *node, size_t index)
{
    for (size_t i = value->n_uses; i-- > 0;)
        if (value->uses[i].node == node && value->uses[i].index == index) {
            memmove(&value->uses[i], &value->uses[i + 1], (value->n_uses - i - 1) * sizeof *value->uses);
            value->n_uses--;
            return;
        }
}

void wt_node_link(wt_graph *graph, wt_node *node, wt_node *before)
{
    node->graph = graph;
    node->next = before;
    node->prev = before ? before->prev : graph->last;
    *(node->prev ? &node->prev->next : &graph->first) = node;
    *(before ? &before->prev : &graph->last) = node;
    graph->n_nodes++;
}

void wt_node_unlink(wt_node *node)
{
    wt_graph *graph = node->graph;
    *(node->prev ? &node->prev->next : &graph->first) = node->next;
    *(node->next ? &node->next->prev : &graph->last) = node->prev;
    graph->n_nodes--;
    node->graph = NULL;
}

/* --- values ------------------------------------------------------------------------------------------------------ */
wt_status wt_graph_add_value(wt_value **out, wt_graph *graph, const char *name, wt_err *err)
{
    wt_graph *root = graph->root;
    *out = NULL;
    if (name && name[0] && wt_names_find(root, graph, name))
        return wt_fail(err, WT_EFORMAT, "value '%s' is defined twice", name);
    WT_TRY(wt_names_reserve(root, 1, err));
    wt_value *v = wt_arena_alloc(&root->arena, 1, sizeof *v, err);
    if (!v)
        return WT_ENOMEM;
    v->id = root->next_value_id;
    v->graph = graph;
    v->type.shape.rank = -1;
    v->source = WT_NO_OFFSET;
    v->name = name && name[0] ? wt_arena_strdup(&root->arena, name, err) : wt_names_fresh(root, v->id, err);
    if (!v->name)
        return WT_ENOMEM;
    root->next_value_id++;
    wt_names_insert(v);
    *out = v;
    return WT_OK;
}

wt_status wt_graph_add_input(wt_graph *graph, wt_value *value, wt_err *err)
{
    if (value->graph != graph || value->producer || value->is_input)
        return wt_fail(err, WT_EFORMAT, "graph input '%s' is defined twice", value->name);
    WT_TRY(wt_arena_push(&graph->root->arena, &graph->inputs, graph->n_inputs, sizeof *graph->inputs, err));
    graph->inputs[graph->n_inputs++] = value;
    value->is_input = true;
    return WT_OK;
}

wt_status wt_graph_add_output(wt_graph *graph, wt_value *value, wt_err *err)
{
    if (value->graph != graph) {
        wt_fail(err, WT_EFORMAT, "'%s' is an output of a subgraph that does not define it", value->name);
        wt_err_hint(err, "inside the subgraph, copy the outer value with an Identity node");
        return WT_EFORMAT;
    }
    WT_TRY(wt_arena_push(&graph->root->arena, &graph->outputs, graph->n_outputs, sizeof *graph->outputs, err));
    graph->outputs[graph->n_outputs++] = value;
    value->is_output = true;
    return WT_OK;
}

wt_status wt_graph_set_constant(wt_value *value, const wt_tensor *t, wt_err *err)
{
    static const uint8_t nothing[64]; /* where the data of an empty tensor lie */
    wt_graph *graph = value->graph;
    size_t need;
    if (value->producer)
        return wt_fail(err, WT_EFORMAT, "value '%s' is defined twice: by a node and as a constant", value->name);
    if (!wt_tensor_size(t, &need) || t->bytes < need || (need && !t->data)) {
        char text[96];
        return wt_fail(err, WT_EFORMAT, "constant '%s' is %s[%s], but has %zu bytes of data", value->name,
                       wt_dtype_name(t->dtype), wt_shape_text(&t->shape, NULL, text, sizeof text), t->bytes);
    }
    if (!value->type.data) {
        if (graph->n_constants == graph->cap_constants) {
            const size_t cap = graph->cap_constants ? 2 * graph->cap_constants : 16;
            wt_value **grown = wt_arena_alloc(&graph->root->arena, cap, sizeof *grown, err);
            if (!grown)
                return WT_ENOMEM;
            if (graph->n_constants)
                memcpy(grown, graph->constants, graph->n_constants * sizeof *grown);
            graph->constants = grown;
            graph->cap_constants = cap;
        }
        graph->constants[graph->n_constants++] = value;
    }
    value->type = *t;
    value->type.bytes = need;
    if (!t->data)
        value->type.data = nothing;
    return WT_OK;
}

/* A copy of the data in the arena, the bytes of strings too. */
static wt_status copy_data(wt_arena *arena, wt_tensor *t, wt_err *err)
{
    void *data = wt_arena_alloc(arena, t->bytes ? t->bytes : 1, 1, err);
    if (!data)
        return WT_ENOMEM;
    if (t->bytes && t->data)
        memcpy(data, t->data, t->bytes);
    t->data = data;
    if (t->dtype != WT_STRING)
        return WT_OK;
    wt_string *strings = data;
    for (size_t i = 0; i < t->bytes / sizeof *strings; i++) {
        strings[i].data = wt_arena_strndup(arena, strings[i].data, strings[i].len, err);
        if (!strings[i].data)
            return WT_ENOMEM;
    }
    return WT_OK;
}

wt_status wt_graph_add_constant(wt_value **out, wt_graph *graph, const char *name, const wt_tensor *t, wt_err *err)
{
    wt_tensor own = *t;
    size_t need;
    *out = NULL;
    if (!wt_tensor_size(t, &need) || t->bytes < need || (need && !t->data))
        return wt_fail(err, WT_EFORMAT, "a constant without data, or with too little");
    own.bytes = need;
    WT_TRY(copy_data(&graph->root->arena, &own, err));
    wt_value *v;
    WT_TRY(wt_graph_add_value(&v, graph, name, err));
    const wt_status st = wt_graph_set_constant(v, &own, err);
    if (st != WT_OK) {
        wt_names_remove(v);
        return st;
    }
    *out = v;
    return WT_OK;
}

static wt_status add_plain(wt_value **out, wt_graph *graph, const char *name, wt_dtype dtype, const void *v, size_t n,
                           bool scalar, wt_err *err)
{
    const size_t size = wt_dtype_get(dtype)->block_bytes;
    wt_tensor t = { .dtype = dtype, .data = v, .shape = { .rank = scalar ? 0 : 1, .dim = { (int64_t)n } } };
    *out = NULL;
    if (scalar && n != 1)
        return wt_fail(err, WT_EUSAGE, "a scalar has one element, not %zu", n);
    if (wt_mul_overflows(n, size, &t.bytes))
        return wt_fail(err, WT_ENOMEM, "%zu elements exceed the address space", n);
    return wt_graph_add_constant(out, graph, name, &t, err);
}

wt_status wt_graph_add_const_i64(wt_value **out, wt_graph *graph, const char *name, const int64_t *v, size_t n,
                                 bool scalar, wt_err *err)
{
    return add_plain(out, graph, name, WT_I64, v, n, scalar, err);
}

wt_status wt_graph_add_const_f32(wt_value **out, wt_graph *graph, const char *name, const float *v, size_t n,
                                 bool scalar, wt_err *err)
{
    return add_plain(out, graph, name, WT_F32, v, n, scalar, err);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */
/* Undoing is possible at every step, so that a failed call leaves the graph as it was. */
static void unlink_values(wt_node *node, size_t n_in, size_t n_out)
{
    for (size_t i = 0; i < n_in; i++)
        if (node->in[i])
            wt_uses_remove(node->in[i], node, i);
    for (size_t i = 0; i < n_out; i++)
        if (node->out[i])
            node->out[i]->producer = NULL;
}

static wt_status link_values(wt_node *node, const wt_graph *graph, wt_value *const *in, wt_value *const *out,
                             wt_err *err)
{
    wt_status st = WT_OK;
    size_t i = 0, o = 0;
    for (; o < node->n_out && st == WT_OK; o++) {
        wt_value *v = out[o];
        if (v && v->graph != graph)
            st = wt_fail(err, WT_EINTERNAL, "value '%s' belongs to another graph", v->name);
        else if (v && (v->producer || v->is_input || v->type.data))
            st = wt_fail(err, WT_EFORMAT, "value '%s' is defined twice, the second time by %s", v->name, node->op_type);
        if (st != WT_OK)
            break;
        node->out[o] = v;
        if (v)
            v->producer = node, v->producer_index = o;
    }
    for (; i < node->n_in && st == WT_OK; i++) {
        st = in[i] ? wt_uses_reserve(in[i], 1, err) : WT_OK;
        if (st != WT_OK)
            break;
        if ((node->in[i] = in[i]) != NULL)
            wt_uses_add(in[i], node, i);
    }
    if (st != WT_OK)
        unlink_values(node, i, o);
    return st;
}

static wt_status fill_node(wt_node *node, wt_arena *arena, const char *domain, const char *op_type, const char *name,
                           const wt_attrs *attrs, wt_err *err)
{
    node->op = wt_op_find(domain, op_type);
    node->op_type = node->op ? node->op->name : wt_arena_strdup(arena, op_type, err);
    node->domain = node->op ? node->op->domain : wt_arena_strdup(arena, strcmp(domain, "ai.onnx") ? domain : "", err);
    node->name = name && name[0] ? wt_arena_strdup(arena, name, err) : "";
    node->in = wt_arena_alloc(arena, node->n_in, sizeof(wt_value *), err);
    node->out = wt_arena_alloc(arena, node->n_out, sizeof(wt_value *), err);
    wt_attr *items = wt_arena_alloc(arena, attrs ? attrs->count : 0, sizeof *items, err);
    if (!node->op_type || !node->domain || !node->name || !node->in || !node->out || !items)
        return WT_ENOMEM;
    if (attrs && attrs->count)
        memcpy(items, attrs->items, attrs->count * sizeof *items);
    node->attrs = (wt_attrs){ items, attrs ? attrs->count : 0 };
    return WT_OK;
}

wt_status wt_graph_add_node(wt_node **out, wt_graph *graph, wt_node *before, const char *domain, const char *op_type,
                            const char *name, wt_value *const *in, size_t n_in, wt_value *const *out_values,
                            size_t n_out, const wt_attrs *attrs, wt_err *err)
{
    wt_graph *root = graph->root;
    if (out)
        *out = NULL;
    wt_node *node = wt_arena_alloc(&root->arena, 1, sizeof *node, err);
    if (!node)
        return WT_ENOMEM;
    node->n_in = n_in;
    node->n_out = n_out;
    node->source = WT_NO_OFFSET;
    WT_TRY(fill_node(node, &root->arena, domain, op_type, name, attrs, err));
    WT_TRY(wt_names_reserve(root, n_out, err));
    WT_TRY(link_values(node, graph, in, out_values, err));
    node->id = root->next_node_id++;
    for (size_t i = 0; i < n_out; i++)
        if (node->out[i] && wt_names_find(root, graph, node->out[i]->name) != node->out[i])
            wt_names_insert(node->out[i]); /* its former producer was removed */
    wt_node_link(graph, node, before);
    if (out)
        *out = node;
    return WT_OK;
}

/* --- the rest ------------------------------------------------------------------------------------------------------
 */
bool wt_names_a_dim(const char *text, size_t len)
{
    static const char none[] = "None";
    if (len == sizeof none - 1 && !memcmp(text, none, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)text[i], lower = c | 0x20;
        if ((lower >= 'a' && lower <= 'z') || c == '_' || c >= 0x80) /* UTF-8 has letters beyond */
            return true;
    }
    return false;
}

wt_status wt_graph_symbol(wt_graph *graph, const char *name, int64_t *dim, wt_err *err)
{
    size_t index;
    WT_TRY(wt_names_symbol(graph->root, name, &index, err));
    *dim = WT_DIM_SYMBOL(index);
    return WT_OK;
}

wt_value *wt_graph_find(const wt_graph *graph, const char *name)
{
    for (const wt_graph *g = graph; g; g = g->parent) {
        wt_value *v = wt_names_find(g->root, g, name);
        if (v)
            return v;
    }
    return NULL;
}

const char *wt_graph_metadata(const wt_graph *graph, const char *key)
{
    const wt_graph *root = graph->root;
    for (size_t i = 0; i < root->n_metadata; i++)
        if (strcmp(root->metadata[i].key, key) == 0)
            return root->metadata[i].value;
    return NULL;
}

int64_t wt_graph_opset(const wt_graph *graph, const char *domain)
{
    const wt_graph *root = graph->root;
    const char *wanted = strcmp(domain, "ai.onnx") == 0 ? "" : domain;
    for (size_t i = 0; i < root->n_opsets; i++) {
        const char *d = root->opsets[i].domain;
        if (strcmp(strcmp(d, "ai.onnx") == 0 ? "" : d, wanted) == 0)
            return root->opsets[i].version;
    }
    return 0;
}

bool wt_value_single_use(const wt_value *v)
{
    return v->n_uses == 1 && !v->is_output && v->uses[0].node->graph == v->graph;
}

wt_graph *wt_node_subgraph(const wt_node *node, const char *attr)
{
    const wt_attr *a = wt_attr_find(&node->attrs, attr);
    return a && a->type == WT_ATTR_GRAPH ? a->v.graph : NULL;
}

bool wt_node_subgraphs(const wt_node *node, wt_subgraph_fn *fn, void *arg)
{
    for (size_t i = 0; i < node->attrs.count; i++) {
        const wt_attr *a = &node->attrs.items[i];
        if (a->type == WT_ATTR_GRAPH && a->v.graph && !fn(arg, a->v.graph))
            return false;
        for (size_t k = 0; a->type == WT_ATTR_GRAPHS && k < a->count; k++)
            if (!fn(arg, a->v.graphs[k]))
                return false;
    }
    return true;
}

typedef struct visit_state {
    wt_graph_visit_fn *fn;
    void *arg;
    wt_err *err;
    wt_status status;
} visit_state;

static bool visit_sub(void *arg, wt_graph *sub)
{
    visit_state *s = arg;
    s->status = wt_graph_visit(sub, s->fn, s->arg, s->err);
    return s->status == WT_OK;
}

wt_status wt_graph_visit(wt_graph *graph, wt_graph_visit_fn *fn, void *arg, wt_err *err)
{
    visit_state s = { fn, arg, err, WT_OK };
    for (wt_node *node = graph->first, *next; node; node = next) {
        next = node->next;
        WT_TRY(fn(arg, node, err));
        if (node->graph && !wt_node_subgraphs(node, visit_sub, &s))
            return s.status;
        while (next && !next->graph) /* fn may have removed it as well */
            next = next->next;
    }
    return WT_OK;
}
