/* lower.c - the graph of a decoder (model/arch/arch.h) as operators that ONNX Runtime has.
 *
 * Rows of tokens, [T, width], become [batch, sequence, width]. Nearly every node works along the last axis and stays
 * what it is; the wanted rows are all of them. */
#include "lower.h"
#include <stdio.h>
#include "model/act.h"

/* Nodes without a name have that of their weights. */
static const char *name_of(const wt_node *node)
{
    for (size_t i = 0; i < node->n_in && !node->name[0]; i++)
        if (wt_value_is_const(node->in[i]))
            return node->in[i]->name;
    return node->name;
}

wt_status wt_lower_refuse(const wt_lower *l, wt_err *err, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    wt_fail(err, WT_EUNSUPPORTED, "%s cannot be written for ONNX Runtime: %s", l->node ? l->node->op_type : "the model",
            text);
    if (l->node)
        wt_err_where(err, "node \"%s\"", name_of(l->node));
    wt_err_hint(err, "keep the model in GGUF or safetensors, which whet runs itself");
    return WT_EUNSUPPORTED;
}

wt_status wt_lower_put(wt_lower *l, const char *domain, const char *op, wt_value *const *in, size_t n_in,
                       const wt_attr *attrs, size_t n_attrs, wt_value **out, wt_err *err)
{
    const wt_attrs list = { attrs, n_attrs };
    const char *name = "";
    wt_node *node;
    wt_value *made;
    if (l->node && l->node->name[0]) {
        name = wt_arena_printf(&l->to->arena, err, "%s/%s", l->node->name, op);
        if (!name)
            return WT_ENOMEM;
    }
    WT_TRY(wt_graph_add_value(&made, l->to, NULL, err));
    WT_TRY(wt_graph_add_node(&node, l->to, NULL, domain, op, name, in, n_in, &made, 1, &list, err));
    *out = made; /* last: it may be one of the inputs */
    return WT_OK;
}

wt_status wt_lower_ints(wt_lower *l, const int64_t *v, size_t n, wt_value **out, wt_err *err)
{
    return wt_graph_add_const_i64(out, l->to, NULL, v, n, false, err);
}

/* --- values ------------------------------------------------------------------------------------------------------- */
/* What a value became; a constant that is met for the first time: numbers of the activations' type. */
static wt_status value(wt_lower *l, const wt_value *from, wt_value **out, wt_err *err)
{
    *out = l->map[from->id];
    if (*out)
        return WT_OK;
    if (!wt_value_is_const(from))
        return wt_lower_refuse(l, err, "its input '%s'", from->name);
    return wt_lower_constant(l, from, l->act, out, err);
}

static bool is_input(const wt_value *v, const char *name) { return v && v->is_input && !strcmp(v->name, name); }

static wt_status activate(wt_lower *l, wt_value **x, int64_t act, wt_err *err)
{
    const wt_attr tanh = { .name = "approximate", .type = WT_ATTR_STRING, .count = 1, .v.s = { "tanh", 4 } };
    wt_value *gate;
    switch (act) {
    case WT_ACT_NONE: return WT_OK;
    case WT_ACT_RELU: return wt_lower_put(l, "", "Relu", x, 1, NULL, 0, x, err);
    case WT_ACT_SIGMOID: return wt_lower_put(l, "", "Sigmoid", x, 1, NULL, 0, x, err);
    case WT_ACT_TANH: return wt_lower_put(l, "", "Tanh", x, 1, NULL, 0, x, err);
    case WT_ACT_GELU: return wt_lower_put(l, "", "Gelu", x, 1, NULL, 0, x, err);
    case WT_ACT_GELU_TANH: return wt_lower_put(l, "", "Gelu", x, 1, &tanh, 1, x, err);
    case WT_ACT_SILU:
        WT_TRY(wt_lower_put(l, "", "Sigmoid", x, 1, NULL, 0, &gate, err));
        return wt_lower_put(l, "", "Mul", (wt_value *[]){ *x, gate }, 2, NULL, 0, x, err);
    default: return wt_lower_refuse(l, err, "activation %lld", (long long)act);
    }
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */
static wt_status embedding(wt_lower *l, const wt_node *n, wt_value **out, wt_err *err)
{
    wt_value *ids = l->ids, *factor;
    const float scale = wt_attr_float(&n->attrs, "scale", 1);
    if (is_input(n->in[0], "positions"))
        WT_TRY(wt_lower_places(l, &ids, err));
    WT_TRY(wt_lower_rows(l, ids, n->in[1], out, err));
    if (scale == 1)
        return WT_OK;
    uint32_t room;
    wt_tensor t = { .dtype = l->act, .data = &room, .bytes = wt_dtype_get(l->act)->block_bytes };
    WT_TRY(wt_convert(&scale, WT_F32, &room, l->act, 1, true, err));
    WT_TRY(wt_graph_add_constant(&factor, l->to, NULL, &t, err));
    return wt_lower_put(l, "", "Mul", (wt_value *[]){ *out, factor }, 2, NULL, 0, out, err);
}

static wt_status linear(wt_lower *l, const wt_node *n, wt_value **out, wt_err *err)
{
    wt_value *x, *more;
    WT_TRY(value(l, n->in[0], &x, err));
    WT_TRY(wt_lower_product(l, x, n->in[1], out, err));
    for (size_t i = 2; i < n->n_in; i++) {
        if (!n->in[i])
            continue;
        WT_TRY(value(l, n->in[i], &more, err));
        WT_TRY(wt_lower_put(l, "", "Add", (wt_value *[]){ *out, more }, 2, NULL, 0, out, err));
    }
    return activate(l, out, wt_attr_int(&n->attrs, "act", WT_ACT_NONE), err);
}

static wt_status glu(wt_lower *l, const wt_node *n, wt_value **out, wt_err *err)
{
    wt_value *half[2];
    const wt_attr attrs[2] = { { .name = "axis", .type = WT_ATTR_INT, .count = 1, .v.i = -1 },
                               { .name = "num_outputs", .type = WT_ATTR_INT, .count = 1, .v.i = 2 } };
    const wt_attrs list = { attrs, 2 };
    wt_node *split;
    const bool swap = wt_attr_int(&n->attrs, "swap", 0) != 0;
    WT_TRY(value(l, n->in[0], &half[0], err));
    if (n->n_in > 1 && n->in[1]) {
        WT_TRY(value(l, n->in[1], &half[1], err));
    } else {
        wt_value *both = half[0];
        for (int i = 0; i < 2; i++)
            WT_TRY(wt_graph_add_value(&half[i], l->to, NULL, err));
        WT_TRY(wt_graph_add_node(&split, l->to, NULL, "", "Split", "", &both, 1, half, 2, &list, err));
    }
    wt_value *gate = half[swap], *up = half[!swap];
    WT_TRY(activate(l, &gate, wt_attr_int(&n->attrs, "act", WT_ACT_NONE), err));
    return wt_lower_put(l, "", "Mul", (wt_value *[]){ gate, up }, 2, NULL, 0, out, err);
}

/* [0, heads, size] and [0, width] of rows get the axis of the batch in front; a constant keeps its own. */
static wt_status reshape(wt_lower *l, const wt_node *n, wt_value **out, wt_err *err)
{
    wt_value *in[2];
    int64_t dims[WT_MAX_RANK], count = 0;
    const wt_tensor *t = &n->in[1]->type;
    const bool constant = wt_value_is_const(n->in[0]);
    if (!t->data || !wt_shape_count(&t->shape, &count) || count < 1 || count >= WT_MAX_RANK)
        return wt_lower_refuse(l, err, "a shape that is not known");
    dims[0] = 0;
    for (int64_t i = 0; i < count; i++)
        if (!wt_tensor_int(t, i, &dims[i + !constant]))
            return wt_lower_refuse(l, err, "a shape that is not known");
    if (!constant && dims[1] != 0)
        return wt_lower_refuse(l, err, "a shape that mixes tokens");
    WT_TRY(value(l, n->in[0], &in[0], err));
    WT_TRY(wt_lower_ints(l, dims, (size_t)count + !constant, &in[1], err));
    return wt_lower_put(l, "", "Reshape", in, 2, NULL, 0, out, err);
}

/* Columns of rows. */
static wt_status slice(wt_lower *l, const wt_node *n, wt_value **out, wt_err *err)
{
    wt_value *in[4];
    int64_t bound;
    WT_TRY(value(l, n->in[0], &in[0], err));
    for (size_t i = 1; i < 3; i++) {
        if (!n->in[i]->type.data || !wt_tensor_int(&n->in[i]->type, 0, &bound))
            return wt_lower_refuse(l, err, "bounds that are not known");
        WT_TRY(wt_lower_ints(l, &bound, 1, &in[i], err));
    }
    WT_TRY(wt_lower_ints(l, (int64_t[]){ -1 }, 1, &in[3], err));
    return wt_lower_put(l, "", "Slice", in, 4, NULL, 0, out, err);
}

static wt_status same(wt_lower *l, const wt_node *n, wt_value **out, wt_err *err)
{
    wt_value *in[4];
    if (n->n_in > WT_ARRAY_LEN(in))
        return wt_lower_refuse(l, err, "%zu inputs", n->n_in);
    for (size_t i = 0; i < n->n_in; i++)
        WT_TRY(value(l, n->in[i], &in[i], err));
    return wt_lower_put(l, n->domain, n->op_type, in, n->n_in, n->attrs.items, n->attrs.count, out, err);
}

static wt_status lower_node(wt_lower *l, const wt_node *n, wt_value **out, wt_err *err)
{
    switch (n->op->code) {
    case WT_OP_EMBEDDING: return embedding(l, n, out, err);
    case WT_OP_LINEAR: return linear(l, n, out, err);
    case WT_OP_GLU: return glu(l, n, out, err);
    case WT_OP_KVATTENTION: return wt_lower_attention(l, n, out, err);
    case WT_OP_ROPE: *out = NULL; return WT_OK; /* goes into attention */
    case WT_OP_GATHER:
        if (is_input(n->in[1], "rows"))
            return value(l, n->in[0], out, err);
        return wt_lower_refuse(l, err, "other rows than the wanted ones");
    case WT_OP_RESHAPE: return reshape(l, n, out, err);
    case WT_OP_SLICE: return slice(l, n, out, err);
    case WT_OP_RMSNORMALIZATION:
    case WT_OP_LAYERNORMALIZATION:
    case WT_OP_ADD:
    case WT_OP_MUL:
    case WT_OP_MATMUL:
    case WT_OP_TANH:
    case WT_OP_SIGMOID:
    case WT_OP_IDENTITY: return same(l, n, out, err);
    case WT_OP_EXPERTS: return wt_lower_refuse(l, err, "a mixture of experts");
    default: return wt_lower_refuse(l, err, "no operator there means the same");
    }
}

/* --- the graph ---------------------------------------------------------------------------------------------------- */
static wt_status add_outputs(wt_lower *l, wt_err *err)
{
    const wt_value *logits = l->from->outputs[0];
    wt_value *out;
    wt_node *node;
    char name[48];
    WT_TRY(wt_graph_add_value(&out, l->to, "logits", err));
    WT_TRY(wt_graph_add_node(&node, l->to, NULL, "", "Identity", "", &l->map[logits->id], 1, &out, 1, NULL, err));
    WT_TRY(wt_graph_add_output(l->to, out, err));
    for (int64_t il = 0; il < l->hp->layers; il++)
        for (int i = 0; i < 2; i++) {
            snprintf(name, sizeof name, "present.%d.%s", (int)il, i ? "value" : "key");
            wt_value *present = wt_graph_find(l->to, name);
            if (present)
                WT_TRY(wt_graph_add_output(l->to, present, err));
        }
    return WT_OK;
}

static wt_status walk(wt_lower *l, wt_err *err)
{
    l->map = wt_arena_alloc(&l->to->arena, l->from->next_value_id + 1, sizeof *l->map, err);
    if (!l->map)
        return WT_ENOMEM;
    WT_TRY(wt_lower_inputs(l, err));
    for (const wt_node *n = l->from->first; n; n = n->next) {
        l->node = n;
        if (n->n_out != 1 || !n->op)
            return wt_lower_refuse(l, err, "%zu outputs", n->n_out);
        WT_TRY(lower_node(l, n, &l->map[n->out[0]->id], err));
    }
    l->node = NULL;
    return add_outputs(l, err);
}

static wt_status finish(wt_lower *l, wt_err *err)
{
    wt_graph_sweep(l->to);
    WT_TRY(wt_graph_infer(l->to, err));
    return wt_graph_verify(l->to, WT_EINTERNAL, err);
}

/* The graph's constants are views of what the decoder's graph holds. */
static void close_source(void *graph) { wt_graph_close(graph); }

static wt_status build(wt_graph **out, wt_hparams *hp, wt_weights *set, wt_err *err)
{
    const wt_arch_options ao = { .k_dtype = WT_F32, .v_dtype = WT_F32 };
    WT_TRY(wt_arch_hparams(hp, set, err));
    const wt_arch *arch = wt_arch_find(hp->arch, strlen(hp->arch));
    if (arch->encoder) {
        wt_fail(err, WT_EUNSUPPORTED, "a model of architecture '%s' gives embeddings, and this writes decoders",
                hp->arch);
        wt_err_hint(err, "keep the model in GGUF or safetensors, which whet runs itself");
        return WT_EUNSUPPORTED;
    }
    if (hp->short_context) /* longer texts have other frequencies */
        hp->context = hp->short_context;
    WT_TRY(wt_arch_build(out, set, &ao, err));
    return wt_graph_infer(*out, err);
}

wt_status wt_genai_lower(wt_graph **out, wt_weights *set, const wt_genai_options *options, wt_err *err)
{
    wt_hparams hp;
    wt_graph *from = NULL;
    *out = NULL;
    wt_status st = build(&from, &hp, set, err);
    wt_lower l = { .from = from, .hp = &hp, .options = options };
    l.act = options->dtype == WT_F16 ? WT_F16 : WT_F32;
    if (st == WT_OK)
        st = wt_graph_new(&l.to, wt_weights_context(set), err);
    if (l.to) {
        l.to->name = from->name;
        l.to->format = "onnx";
        wt_graph_own(l.to, from, close_source);
        st = walk(&l, err);
    } else {
        wt_graph_close(from);
    }
    if (st == WT_OK)
        st = finish(&l, err);
    wt_free(wt_weights_context(set), l.made);
    wt_free(wt_weights_context(set), l.angles);
    if (st != WT_OK) {
        wt_graph_close(l.to);
        return st;
    }
    *out = l.to;
    return WT_OK;
}
