/* write_opset.c - which opsets a written model imports.
 *
 * ai.onnx: 21, whose meaning the IR has; more when an operator or an element type came later, or when the file came
 * with more (later opsets only add to what 21 means). Other domains: as the file said. Only domains in use are named.
 */
#include "raise.h"
#include "writer.h"

typedef struct need {
    const char *name;
    int64_t opset;
} need;
/* Operators newer than opset 21, ours and those that are only passed through. */
static const need operators[] = {
    { "Attention", 24 },       { "BitCast", 26 }, { "CumProd", 26 },       { "RMSNormalization", 23 },
    { "RotaryEmbedding", 23 }, { "Swish", 24 },   { "TensorScatter", 24 },
};

static int64_t type_opset(wt_dtype dtype)
{
    switch (dtype) {
    case WT_F4E2M1: return 23;
    case WT_F8E8M0: return 24;
    case WT_U2:
    case WT_I2: return 25;
    default: return 0;
    }
}

typedef struct state {
    wt_graph *graph;
    wt_opset *opsets;
    size_t count, cap;
    int64_t opset; /* of ai.onnx */
} state;

static wt_status import(state *s, const char *domain, int64_t at_least, wt_err *err)
{
    const int64_t said = wt_graph_opset(s->graph, domain);
    const int64_t version = said > at_least ? said : at_least;
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->opsets[i].domain, domain)) {
            if (s->opsets[i].version < version)
                s->opsets[i].version = version;
            return WT_OK;
        }
    WT_TRY(wt_grow(s->graph->ctx, (void **)&s->opsets, &s->cap, s->count + 1, sizeof *s->opsets, err));
    s->opsets[s->count++] = (wt_opset){ domain, version };
    return WT_OK;
}

static wt_status refuse(const wt_node *node, wt_status code, const char *why, wt_err *err)
{
    wt_fail(err, code, "%s cannot be written to an ONNX file: %s", node->op_type, why);
    wt_err_where(err, "node \"%s\"", node->name);
    return code;
}

/* Inputs must say their type; of nested sequences and optionals we did not keep it. */
static wt_status check_inputs(const wt_graph *graph, wt_err *err)
{
    for (size_t i = 0; i < graph->n_inputs; i++) {
        const wt_value *v = graph->inputs[i];
        if (v->kind != WT_TENSOR_VALUE && v->kind != WT_STATE_VALUE && v->type.dtype == WT_DTYPE_NONE)
            return wt_fail(err, WT_EUNSUPPORTED,
                           "input '%s' is a map, or a sequence or optional of something else than tensors", v->name);
    }
    return WT_OK;
}

static wt_status look(void *arg, wt_node *node, wt_err *err)
{
    state *s = arg;
    if (node->op && (node->op->flags & WT_OP_INTERNAL))
        return refuse(node, WT_EINTERNAL, "it exists inside of the native engine only", err);
    if (!node->op && (wt_op_find(node->domain, node->op_type) || wt_onnx_has_older_forms(node->domain, node->op_type)))
        return refuse(node, WT_EUNSUPPORTED, "the file used a form of it that opset 21 cannot express", err);
    for (size_t i = 0; i < node->attrs.count; i++) {
        const wt_attr *a = &node->attrs.items[i];
        if (a->type == WT_ATTR_GRAPH)
            WT_TRY(check_inputs(a->v.graph, err));
    }
    for (size_t i = 0; i < node->n_in + node->n_out; i++) {
        const wt_value *v = i < node->n_in ? node->in[i] : node->out[i - node->n_in];
        const int64_t opset = v ? type_opset(wt_writer_stored(v)) : 0;
        s->opset = opset > s->opset ? opset : s->opset;
    }
    if (node->domain[0]) /* LabelEncoder is raised to the form of version 2 */
        return import(s, node->domain, !strcmp(node->op_type, "LabelEncoder") ? 2 : 1, err);
    for (size_t i = 0; i < WT_ARRAY_LEN(operators); i++)
        if (!strcmp(operators[i].name, node->op_type) && operators[i].opset > s->opset)
            s->opset = operators[i].opset;
    return WT_OK;
}

wt_status wt_onnx_needed_opsets(wt_graph *graph, const wt_opset **out, wt_err *err)
{
    const int64_t said = wt_graph_opset(graph, "");
    state s = { .graph = graph, .opset = said > WT_ONNX_OPSET ? said : WT_ONNX_OPSET };
    wt_status st = check_inputs(graph, err);
    if (st == WT_OK)
        st = import(&s, "", 0, err);
    if (st == WT_OK)
        st = wt_graph_visit(graph, look, &s, err);
    wt_opset *copy = st == WT_OK ? wt_arena_alloc(&graph->arena, s.count + 1, sizeof *copy, err) : NULL;
    if (st == WT_OK && !copy)
        st = WT_ENOMEM;
    if (st == WT_OK) {
        memcpy(copy, s.opsets, s.count * sizeof *copy);
        copy[0].version = s.opset;
        *out = copy;
    }
    wt_free(graph->ctx, s.opsets);
    return st;
}

int64_t wt_onnx_ir_version(int64_t opset)
{
    return opset <= 22 ? 10 : opset <= 24 ? opset - 12 : opset <= 27 ? 13 : 14;
}
