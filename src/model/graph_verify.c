/* graph_verify.c - is this a graph? Run on every file that was read, and after every pass in debug builds.
 *
 * One walk in order marks what is defined, so that each use is seen to come after its definition, and gives every input
 * of every node a slot. A second look at the values marks the slots that their uses claim: each once, and none left
 * over. Attributes are held to their types here, because those who read them take a default instead of complaining. */
#include "model/graph_impl.h"

typedef struct verifier {
    wt_context *ctx;
    wt_status blame;
    wt_err *err;
    const wt_graph *root;
    uint8_t *defined;        /* [next_value_id] */
    const wt_value **values; /* [n_values] in the order of their definition */
    size_t n_values;
    size_t *first_slot; /* [next_node_id] + 1; 0: not seen */
    size_t n_slots, n_filled;
    uint8_t *slots; /* [n_slots] claimed by a use */
    wt_status status;
} verifier;

/* --- saying where ------------------------------------------------------------------------------------------------ */
static const char *node_name(const wt_node *node)
{
    return node->name && node->name[0] ? node->name : node->n_out && node->out[0] ? node->out[0]->name : "";
}

static wt_status at_node(const verifier *v, const wt_node *node)
{
    wt_err_where(v->err, "%s node '%s'", node->op_type, node_name(node));
    return v->blame;
}

#define FAIL_NODE(v, node, ...)   (wt_fail_at((v)->err, (v)->blame, (node)->source, __VA_ARGS__), at_node(v, node))
#define FAIL_VALUE(v, value, ...) wt_fail_at((v)->err, (v)->blame, (value)->source, __VA_ARGS__)

/* --- values --------------------------------------------------------------------------------------------------------
 */
static wt_status check_quant(const verifier *v, const wt_value *x)
{
    const wt_quant *q = x->quant;
    int64_t want = 1;
    if (!q)
        return WT_OK;
    if (!q->scale || !q->zero_point || q->count == 0 || q->axis < -1 ||
        (x->type.shape.rank >= 0 && q->axis >= x->type.shape.rank))
        return FAIL_VALUE(v, x, "the quantization of '%s' has no scales, or an axis %d that is not there", x->name,
                          q->axis);
    if (q->axis >= 0 && q->block == 0 && x->type.shape.rank >= 0)
        want = x->type.shape.dim[q->axis];
    if (q->block == 0 && want >= 0 && (uint64_t)want != q->count)
        return FAIL_VALUE(v, x, "the quantization of '%s' has %zu scales for %lld parts", x->name, q->count,
                          (long long)want);
    return WT_OK;
}

static wt_status check_constant(const verifier *v, const wt_value *x)
{
    size_t bytes;
    if (x->type.data && (!wt_tensor_size(&x->type, &bytes) || bytes > x->type.bytes))
        return FAIL_VALUE(v, x, "constant '%s' has %zu bytes, which is not what its type needs", x->name,
                          x->type.bytes);
    return WT_OK;
}

/* x comes into being here, in `graph`. */
static wt_status define(verifier *v, const wt_graph *graph, const wt_value *x)
{
    if (x->graph != graph || x->id >= v->root->next_value_id)
        return FAIL_VALUE(v, x, "value '%s' belongs to another graph", x->name);
    if (v->defined[x->id])
        return FAIL_VALUE(v, x, "value '%s' is defined twice", x->name);
    if (!x->name || !x->name[0] || wt_names_find(v->root, graph, x->name) != x)
        return FAIL_VALUE(v, x, "the name '%s' is not unique in its graph", x->name ? x->name : "");
    if (x->type.shape.rank > WT_MAX_RANK)
        return FAIL_VALUE(v, x, "value '%s' has rank %d; at most %d is possible", x->name, x->type.shape.rank,
                          WT_MAX_RANK);
    for (int i = 0; i < x->type.shape.rank; i++)
        if (WT_DIM_IS_SYMBOL(x->type.shape.dim[i]) && WT_DIM_SYMBOL_INDEX(x->type.shape.dim[i]) >= v->root->n_symbols)
            return FAIL_VALUE(v, x, "value '%s' has a dimension that names no symbol", x->name);
    WT_TRY(check_constant(v, x));
    WT_TRY(check_quant(v, x));
    v->defined[x->id] = 1;
    v->values[v->n_values++] = x;
    return WT_OK;
}

/* --- nodes ----------------------------------------------------------------------------------------------------------
 */
/* Nearly everywhere the optional inputs come last; not so where ONNX Runtime put the scales of a quantized LSTM behind
 * them, and not for Loop, whose trip count and condition may both be left out. */
static bool is_optional(const wt_op *op, int i)
{
    return i >= op->min_in || (op->flags & WT_OP_CONTROL) ||
           (op->code == WT_OP_DYNAMICQUANTIZELSTM && i >= 3 && i <= 7);
}

static wt_status check_arity(const verifier *v, const wt_node *node)
{
    const wt_op *op = node->op;
    if (!op)
        return WT_OK;
    if (node->n_in < (size_t)op->min_in || node->n_in > (size_t)op->max_in)
        return FAIL_NODE(v, node, "%s has %zu inputs, expected %d%s", op->name, node->n_in,
                         node->n_in < (size_t)op->min_in ? op->min_in : op->max_in,
                         op->min_in == op->max_in          ? ""
                         : node->n_in < (size_t)op->min_in ? " or more"
                                                           : " at most");
    if (node->n_out < (size_t)op->min_out || node->n_out > (size_t)op->max_out)
        return FAIL_NODE(v, node, "%s has %zu outputs, expected %d%s", op->name, node->n_out,
                         node->n_out < (size_t)op->min_out ? op->min_out : op->max_out,
                         op->min_out == op->max_out          ? ""
                         : node->n_out < (size_t)op->min_out ? " or more"
                                                             : " at most");
    for (int i = 0; i < op->min_in; i++)
        if (!node->in[i] && !is_optional(op, i))
            return FAIL_NODE(v, node, "input %d of %s is missing", i, op->name);
    return WT_OK;
}

static wt_status check_input(verifier *v, const wt_graph *graph, const wt_node *node, const wt_value *x)
{
    const wt_graph *g = graph;
    while (g && g != x->graph)
        g = g->parent;
    if (!g)
        return FAIL_NODE(v, node, "input '%s' belongs to a graph around which this node does not lie", x->name);
    if (x->id >= v->root->next_value_id || !v->defined[x->id]) {
        const char *why = x->producer && x->producer->graph ? "only further down" : "nowhere";
        return FAIL_NODE(v, node, "input '%s' is defined %s", x->name, why);
    }
    if (g != graph && wt_graph_find(graph, x->name) != x)
        return FAIL_NODE(v, node, "input '%s' is hidden by another value of that name", x->name);
    return WT_OK;
}

static const char *attr_type_name(wt_attr_type type)
{
    static const char *const names[] = { "?",
                                         "an integer",
                                         "a float",
                                         "a string",
                                         "a list of integers",
                                         "a list of floats",
                                         "a list of strings",
                                         "a tensor",
                                         "a graph",
                                         "a list of tensors",
                                         "a list of graphs" };
    return (size_t)type < WT_ARRAY_LEN(names) ? names[type] : names[0];
}

typedef struct attr_row {
    wt_opcode op;
    const char *name;
    wt_attr_type type;
    bool required;
} attr_row;
static const attr_row attr_rows[] = {
/* in the order of the opcodes */
#define X(op, name, type, required) { WT_OP_##op, name, WT_ATTR_##type, required },
#include "model/attrs.def"
#undef X
};

/* The first row of an operator. */
static const attr_row *rows_of(wt_opcode op)
{
    size_t low = 0, high = WT_ARRAY_LEN(attr_rows);
    while (low < high) {
        const size_t mid = low + (high - low) / 2;
        if (attr_rows[mid].op < op)
            low = mid + 1;
        else
            high = mid;
    }
    return &attr_rows[low];
}

static wt_status check_attrs(const verifier *v, const wt_node *node)
{
    for (size_t i = 0; i < node->attrs.count; i++) {
        const wt_attr *a = &node->attrs.items[i];
        if (!a->name || !a->name[0] || a->type < WT_ATTR_INT || a->type > WT_ATTR_GRAPHS)
            return FAIL_NODE(v, node, "attribute %zu has no name or no type", i);
        if (wt_attr_find(&node->attrs, a->name) != a)
            return FAIL_NODE(v, node, "attribute '%s' is there twice", a->name);
        if (a->ref)
            return FAIL_NODE(v, node, "attribute '%s' refers to '%s' of a function, but this is none", a->name, a->ref);
    }
    if (!node->op)
        return WT_OK;
    const attr_row *const end = attr_rows + WT_ARRAY_LEN(attr_rows);
    for (const attr_row *row = rows_of(node->op->code); row < end && row->op == node->op->code; row++) {
        const wt_attr *a = wt_attr_find(&node->attrs, row->name);
        if (!a && row->required)
            return FAIL_NODE(v, node, "attribute '%s' is missing, expected %s", row->name, attr_type_name(row->type));
        if (a && a->type != row->type)
            return FAIL_NODE(v, node, "attribute '%s' is %s, expected %s", row->name, attr_type_name(a->type),
                             attr_type_name(row->type));
    }
    return WT_OK;
}

static wt_status check_graph(verifier *v, const wt_graph *graph, const wt_graph *parent, int depth);

typedef struct sub_check {
    verifier *v;
    const wt_node *node;
    int depth;
} sub_check;

static bool check_sub(void *arg, wt_graph *sub)
{
    const sub_check *c = arg;
    c->v->status = check_graph(c->v, sub, c->node->graph, c->depth + 1);
    return c->v->status == WT_OK;
}

static wt_status check_node(verifier *v, const wt_graph *graph, const wt_node *node, int depth)
{
    sub_check c = { v, node, depth };
    if (node->graph != graph || node->id >= v->root->next_node_id || v->first_slot[node->id])
        return FAIL_NODE(v, node, "the node stands in the wrong graph, or twice in one");
    if (!node->op_type || !node->op_type[0] || !node->domain || !node->name)
        return FAIL_NODE(v, node, "a node without an operator");
    v->first_slot[node->id] = v->n_slots + 1;
    v->n_slots += node->n_in;
    WT_TRY(check_arity(v, node));
    WT_TRY(check_attrs(v, node));
    for (size_t i = 0; i < node->n_in; i++) {
        if (!node->in[i])
            continue;
        WT_TRY(check_input(v, graph, node, node->in[i]));
        v->n_filled++;
    }
    if (!wt_node_subgraphs(node, check_sub, &c))
        return v->status;
    for (size_t i = 0; i < node->n_out; i++) {
        const wt_value *x = node->out[i];
        if (!x)
            continue;
        if (x->producer != node || x->producer_index != i || x->is_input || x->type.data)
            return FAIL_NODE(v, node, "output '%s' is defined twice", x->name);
        WT_TRY(define(v, graph, x));
    }
    return WT_OK;
}

/* --- graphs ----------------------------------------------------------------------------------------------------------
 */
static wt_status check_interface(verifier *v, const wt_graph *graph)
{
    for (size_t i = 0; i < graph->n_inputs; i++) {
        if (!graph->inputs[i]->is_input || graph->inputs[i]->producer)
            return FAIL_VALUE(v, graph->inputs[i], "graph input '%s' is defined twice", graph->inputs[i]->name);
        WT_TRY(define(v, graph, graph->inputs[i]));
    }
    for (size_t i = 0; i < graph->n_constants; i++) {
        const wt_value *x = graph->constants[i];
        if (!x->type.data || x->producer)
            return FAIL_VALUE(v, x, "constant '%s' has no data, or a node that makes it", x->name);
        if (!x->is_input) /* else it is the default of an input, defined above */
            WT_TRY(define(v, graph, x));
    }
    return WT_OK;
}

static wt_status check_outputs(const verifier *v, const wt_graph *graph)
{
    for (size_t i = 0; i < graph->n_outputs; i++) {
        const wt_value *x = graph->outputs[i];
        if (x->graph != graph || x->id >= v->root->next_value_id || !v->defined[x->id] || !x->is_output)
            return FAIL_VALUE(v, x, "graph output '%s' is defined nowhere", x->name);
    }
    return WT_OK;
}

static wt_status check_graph(verifier *v, const wt_graph *graph, const wt_graph *parent, int depth)
{
    size_t n = 0;
    const wt_node *last = NULL;
    if (depth > WT_MAX_GRAPH_DEPTH)
        return wt_fail(v->err, v->blame, "subgraphs are nested more than %d deep", WT_MAX_GRAPH_DEPTH);
    if (graph->root != v->root || graph->parent != parent)
        return wt_fail(v->err, v->blame, "subgraph '%s' stands in another graph than its own", graph->name);
    WT_TRY(check_interface(v, graph));
    for (const wt_node *node = graph->first; node; last = node, node = node->next) {
        if (node->prev != last || n++ == graph->n_nodes)
            return FAIL_NODE(v, node, "the list of nodes is broken");
        if (n % 1024 == 0)
            WT_TRY(wt_check_cancel(v->ctx, v->err));
        WT_TRY(check_node(v, graph, node, depth));
    }
    if (graph->last != last || n != graph->n_nodes)
        return wt_fail(v->err, v->blame, "the list of nodes of graph '%s' is broken", graph->name);
    return check_outputs(v, graph);
}

/* --- uses ------------------------------------------------------------------------------------------------------------
 */
/* Every use a value counts must be a filled slot of a node, each another one: then equal numbers mean that all are
 * counted. */
static wt_status check_uses(verifier *v)
{
    size_t claimed = 0;
    if (!(v->slots = wt_alloc(v->ctx, v->n_slots, 1, v->err)))
        return WT_ENOMEM;
    for (size_t i = 0; i < v->n_values; i++) {
        const wt_value *x = v->values[i];
        for (size_t k = 0; k < x->n_uses; k++) {
            const wt_use *use = &x->uses[k];
            const size_t first = use->node->graph && use->node->id < v->root->next_node_id
                                     ? v->first_slot[use->node->id]
                                     : 0;
            if (!first || use->index >= use->node->n_in || use->node->in[use->index] != x)
                return FAIL_VALUE(v, x, "value '%s' counts a use that is none", x->name);
            if (v->slots[first - 1 + use->index]++)
                return FAIL_VALUE(v, x, "value '%s' counts a use twice", x->name);
            claimed++;
        }
    }
    if (claimed != v->n_filled)
        return wt_fail(v->err, v->blame, "%zu inputs of nodes are not counted as uses of their values",
                       v->n_filled - claimed);
    return WT_OK;
}

wt_status wt_graph_verify(const wt_graph *graph, wt_status blame, wt_err *err)
{
    const wt_graph *root = graph->root;
    verifier v = { .ctx = root->ctx, .blame = blame, .err = err, .root = root };
    v.defined = wt_alloc(v.ctx, root->next_value_id, 1, err);
    v.values = wt_alloc(v.ctx, root->next_value_id, sizeof *v.values, err);
    v.first_slot = wt_alloc(v.ctx, root->next_node_id, sizeof *v.first_slot, err);
    wt_status st = v.defined && v.values && v.first_slot ? check_graph(&v, root, NULL, 1) : WT_ENOMEM;
    if (st == WT_OK)
        st = check_uses(&v);
    wt_free(v.ctx, v.defined);
    wt_free(v.ctx, v.values);
    wt_free(v.ctx, v.first_slot);
    wt_free(v.ctx, v.slots);
    return st;
}
