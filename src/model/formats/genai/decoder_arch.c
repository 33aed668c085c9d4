/* decoder_arch.c - the graph of a GenAI folder as one of our decoders (model/arch/arch.h).
 *
 * A batch is one row of all tokens: [1, T] where the file has [batch, sequence]. GroupQueryAttention alone makes tokens
 * meet, and becomes KvAttention, which knows whose they are; everything else is copied. What comes of attention_mask
 * and of the caches otherwise goes with it: a node that needs them is kept out, and named when the logits need that
 * node. Everything is computed in float32; weights stay as they are stored, with a Cast behind halves. */
#include <stdlib.h>
#include "decoder_angles.h"
#include "genai.h"
#include "model/arch/build.h"
#include "model/shape/microsoft_shape.h"

typedef struct copier {
    wt_arch_builder *b;
    const wt_graph *from;
    wt_value **map;          /* by id of from's values */
    const wt_node **why;     /* by id: the node for which there is no such value */
    wt_value **wide;         /* by id: constants of 16 bits, cast */
    const wt_value *gather;  /* of from: only the wanted rows go on from here; NULL: nowhere in front of the end */
    const wt_tensor *cosine; /* the tables that `angles` was made of */
    wt_value *angles;
    float angle_scale;
} copier;

static wt_status refuse(const wt_node *n, wt_err *err, const char *what)
{
    wt_fail(err, WT_EUNSUPPORTED, "%s: %s", n ? n->op_type : "the graph", what);
    wt_err_where(err, "node \"%s\"", n ? n->name : "");
    wt_err_hint(err, "decoders are read whose attention is GroupQueryAttention with caches, as ONNX Runtime GenAI's "
                     "model builder writes them");
    return WT_EUNSUPPORTED;
}

static bool is_half(wt_dtype t) { return t == WT_F16 || t == WT_BF16; }

static wt_status one_axis(copier *c, const char *op, wt_value *x, wt_value **out, wt_err *err)
{
    wt_value *in[2] = { x };
    WT_TRY(wt_graph_add_const_i64(&in[1], c->b->g, NULL, (int64_t[]){ 0 }, 1, false, err));
    return wt_b_op(c->b, out, "", op, NULL, in, 2, NULL, 0, err);
}

static wt_status cast(copier *c, wt_value *x, wt_dtype to, wt_value **out, wt_err *err)
{
    const wt_attr attr = wt_attr_of_int("to", wt_dtype_get(to)->onnx_code);
    return wt_b_op(c->b, out, "", "Cast", NULL, &x, 1, &attr, 1, err);
}

/* --- values ------------------------------------------------------------------------------------------------------- */
/* What a value of the file is here; NULL: it is not here. */
static wt_status get(copier *c, const wt_value *from, wt_value **out, wt_err *err)
{
    *out = c->map[from->id];
    if (*out || !wt_value_is_const(from))
        return WT_OK;
    WT_TRY(wt_graph_add_value(out, c->b->g, wt_graph_find(c->b->g, from->name) ? NULL : from->name, err));
    WT_TRY(wt_graph_set_constant(*out, &from->type, err));
    c->map[from->id] = *out;
    return WT_OK;
}

/* As get, of numbers of 16 bits as float32. */
static wt_status get_wide(copier *c, const wt_value *from, wt_value **out, wt_err *err)
{
    WT_TRY(get(c, from, out, err));
    if (!*out || !wt_value_is_const(from) || !is_half(from->type.dtype))
        return WT_OK;
    if (!c->wide[from->id])
        WT_TRY(cast(c, *out, WT_F32, &c->wide[from->id], err));
    *out = c->wide[from->id];
    return WT_OK;
}

/* [1, T] of 64 bits, from T of 32. */
static wt_status whole_input(copier *c, wt_value *x, const char *name, const char *as, wt_err *err)
{
    const wt_value *from = wt_graph_find(c->from, name);
    wt_value *wide, *in[2];
    if (!from || !from->is_input)
        return WT_OK;
    WT_TRY(cast(c, x, from->type.dtype == WT_I32 ? WT_I32 : WT_I64, &wide, err));
    in[0] = wide;
    WT_TRY(wt_graph_add_const_i64(&in[1], c->b->g, NULL, (int64_t[]){ 0 }, 1, false, err));
    return wt_b_op(c->b, &c->map[from->id], "", "Unsqueeze", as, in, 2, NULL, 0, err);
}

/* --- copied nodes ------------------------------------------------------------------------------------------------- */
/* Tables and scales whose operators take 16 bits as they are. */
static bool keeps_half(const wt_node *n, size_t i)
{
    if (wt_node_is(n, WT_OP_MATMULNBITS) || wt_node_is(n, WT_OP_GATHERBLOCKQUANTIZED))
        return i == 2 || i == 3;
    return wt_node_is(n, WT_OP_CAST) || (wt_node_is(n, WT_OP_GATHER) && i == 0);
}

static void keep_out(copier *c, const wt_node *n, const wt_node *cause)
{
    for (size_t i = 0; i < n->n_out; i++)
        if (n->out[i])
            c->why[n->out[i]->id] = cause;
}

/* True when all inputs are here. */
static wt_status inputs_of(copier *c, const wt_node *n, wt_value **in, bool *all, wt_err *err)
{
    *all = true;
    for (size_t i = 0; i < n->n_in && *all; i++) {
        in[i] = NULL;
        if (!n->in[i])
            continue;
        WT_TRY(keeps_half(n, i) ? get(c, n->in[i], &in[i], err) : get_wide(c, n->in[i], &in[i], err));
        *all = in[i] != NULL;
        if (!*all)
            keep_out(c, n, c->why[n->in[i]->id] ? c->why[n->in[i]->id] : n);
    }
    return WT_OK;
}

/* A Cast to 16 bits is one to 32 here. */
static wt_status widen(copier *c, const wt_node *n, wt_node *made, wt_err *err)
{
    const int64_t to = wt_attr_int(&n->attrs, "to", 0);
    if (wt_node_is(n, WT_OP_CAST) && is_half(wt_dtype_from_onnx(to)))
        return wt_node_set_attr_int(made, "to", wt_dtype_get(WT_F32)->onnx_code, err);
    const size_t decides = wt_node_is(n, WT_OP_GATHER) ? 0 : wt_node_is(n, WT_OP_GATHERBLOCKQUANTIZED) ? 2 : SIZE_MAX;
    if (decides != SIZE_MAX && wt_value_is_const(n->in[decides]) && is_half(n->in[decides]->type.dtype))
        return cast(c, c->map[n->out[0]->id], WT_F32, &c->map[n->out[0]->id], err);
    return WT_OK;
}

static wt_status copy_node(copier *c, const wt_node *n, wt_err *err)
{
    enum { MOST = 64 };
    wt_value *in[MOST], *out[MOST];
    wt_node *made;
    bool all;
    if (!n->op || (n->op->flags & WT_OP_CONTROL) || n->n_in > MOST || n->n_out > MOST) {
        keep_out(c, n, n);
        return WT_OK;
    }
    WT_TRY(inputs_of(c, n, in, &all, err));
    if (!all)
        return WT_OK;
    for (size_t i = 0; i < n->n_out; i++) {
        out[i] = NULL;
        if (n->out[i])
            WT_TRY(wt_graph_add_value(&out[i], c->b->g, NULL, err));
        if (n->out[i])
            c->map[n->out[i]->id] = out[i];
    }
    WT_TRY(wt_graph_add_node(&made, c->b->g, NULL, n->domain, n->op_type, n->name, in, n->n_in, out, n->n_out,
                             &n->attrs, err));
    return widen(c, n, made, err);
}

/* --- attention ---------------------------------------------------------------------------------------------------- */
/* The frequencies behind the tables, as a constant. */
static wt_status find_angles(copier *c, const wt_node *n, const wt_gqa_dims *d, wt_err *err)
{
    const wt_value *cosine = n->in[WT_GQA_COS], *sine = n->in[WT_GQA_SIN];
    if (!wt_value_is_const(cosine) || !wt_value_is_const(sine))
        return refuse(n, err, "its tables of angles are computed");
    if (c->cosine == &cosine->type)
        return WT_OK;
    wt_tensor t = { .dtype = WT_F32, .shape = { .rank = 1, .dim = { d->half } }, .bytes = (size_t)d->half * 4 };
    float *f = wt_arena_alloc(&c->b->g->arena, (size_t)d->half, sizeof *f, err);
    if (!f)
        return WT_ENOMEM;
    if (!wt_angles_find(&cosine->type, &sine->type, f, &c->angle_scale))
        return refuse(n, err, "its tables are no cosines and sines of multiples of an angle");
    t.data = f;
    WT_TRY(wt_graph_add_value(&c->angles, c->b->g, NULL, err));
    c->cosine = &cosine->type;
    return wt_graph_set_constant(c->angles, &t, err);
}

static wt_status turn(copier *c, const wt_node *n, const wt_gqa_dims *d, wt_value **x, wt_err *err)
{
    if (!d->half)
        return WT_OK;
    WT_TRY(find_angles(c, n, d, err));
    const wt_attr attrs[] = { wt_attr_of_int("head_dim", d->head), wt_attr_of_int("dims", 2 * d->half),
                              wt_attr_of_int("interleaved", d->interleaved), wt_attr_of_int("direct", 1),
                              wt_attr_of_float("attn_factor", (double)c->angle_scale) };
    return wt_b_op(c->b, x, "whet", "Rope", NULL, (wt_value *[]){ *x, c->b->positions, c->angles }, 3, attrs,
                   WT_ARRAY_LEN(attrs), err);
}

/* q, k and v as rows of tokens. */
static wt_status operands(copier *c, const wt_node *n, const wt_gqa_dims *d, wt_value **qkv, wt_err *err)
{
    const int64_t widths[3] = { d->heads * d->head, d->kv_heads * d->head, d->kv_heads * d->head };
    wt_value *all;
    for (size_t i = 0; i < (d->packed ? 1u : 3u); i++) {
        WT_TRY(get_wide(c, n->in[i], &qkv[i], err));
        if (!qkv[i])
            return refuse(c->why[n->in[i]->id], err, "it needs what only GroupQueryAttention may use");
        WT_TRY(one_axis(c, "Squeeze", qkv[i], &qkv[i], err));
    }
    if (!d->packed)
        return WT_OK;
    all = qkv[0];
    for (int64_t i = 0, at = 0; i < 3; at += widths[i++])
        WT_TRY(wt_b_slice(c->b, &qkv[i], all, at, at + widths[i], err));
    return WT_OK;
}

static wt_status check_attention(const copier *c, const wt_node *n, const wt_gqa_dims *d, int64_t *il, wt_err *err)
{
    const wt_value *past = n->n_in > WT_GQA_PAST_K ? n->in[WT_GQA_PAST_K] : NULL;
    if (!past || !past->is_input)
        return refuse(n, err, "its cache is no input of the graph");
    const char *digits = past->name + strcspn(past->name, "0123456789");
    *il = *digits ? strtoll(digits, NULL, 10) : -1;
    if (*il < 0 || *il >= c->b->hp.layers)
        return refuse(n, err, "the name of its cache says no layer");
    if (d->head != c->b->hp.head_dim || d->heads != c->b->hp.heads || d->kv_heads != c->b->kv_heads[*il])
        return wt_fail(
            err, WT_EFORMAT,
            "node \"%s\" has %lld heads and %lld key heads of %lld, genai_config.json says %lld, %lld and %lld",
            n->name, (long long)d->heads, (long long)d->kv_heads, (long long)d->head, (long long)c->b->hp.heads,
            (long long)c->b->kv_heads[*il], (long long)c->b->hp.head_dim);
    for (size_t i = WT_GQA_BIAS; i < n->n_in; i++)
        if (n->in[i] && i != WT_GQA_SINK)
            return refuse(n, err, i == WT_GQA_BIAS ? "it has an attention_bias" : "its cache is quantized");
    return WT_OK;
}

static wt_status sinks_of(copier *c, const wt_node *n, const wt_gqa_dims *d, wt_value **out, wt_err *err)
{
    *out = NULL;
    if (n->n_in > WT_GQA_SINK && n->in[WT_GQA_SINK])
        return get_wide(c, n->in[WT_GQA_SINK], out, err);
    if (wt_attr_int(&n->attrs, "smooth_softmax", 0) < 1)
        return WT_OK;
    wt_tensor t = { .dtype = WT_F32, .shape = { .rank = 1, .dim = { d->heads } }, .bytes = (size_t)d->heads * 4 };
    t.data = wt_arena_alloc(&c->b->g->arena, (size_t)d->heads, sizeof(float), err);
    if (!t.data)
        return WT_ENOMEM;
    WT_TRY(wt_graph_add_value(out, c->b->g, NULL, err));
    return wt_graph_set_constant(*out, &t, err);
}

static wt_status attention(copier *c, const wt_node *n, wt_err *err)
{
    wt_arch_builder *b = c->b;
    const wt_tensor *types[WT_GQA_SINK + 3];
    wt_gqa_dims d;
    wt_value *in[10] = { [5] = b->positions, [6] = b->slots, [7] = b->owners, [8] = b->pages }, *y;
    int64_t il;
    for (size_t i = 0; i < n->n_in && i < WT_ARRAY_LEN(types); i++)
        types[i] = n->in[i] ? &n->in[i]->type : NULL;
    const wt_infer infer = { .op_type = n->op_type, .attrs = &n->attrs, .in = types, .n_in = n->n_in };
    WT_TRY(wt_gqa_read(&infer, &d, err));
    WT_TRY(check_attention(c, n, &d, &il, err));
    WT_TRY(operands(c, n, &d, in, err));
    WT_TRY(turn(c, n, &d, &in[0], err));
    WT_TRY(turn(c, n, &d, &in[1], err));
    WT_TRY(wt_b_cache(b, &in[3], "k", il, b->options.k_dtype, d.head, err));
    WT_TRY(wt_b_cache(b, &in[4], "v", il, b->options.v_dtype, d.head, err));
    WT_TRY(sinks_of(c, n, &d, &in[9], err));
    const wt_attr attrs[] = { wt_attr_of_int("heads", d.heads), wt_attr_of_int("kv_heads", d.kv_heads),
                              wt_attr_of_float("scale", (double)d.scale),
                              wt_attr_of_float("softcap", (double)d.softcap), wt_attr_of_int("window", d.window) };
    WT_TRY(wt_b_op(b, &y, "whet", "KvAttention", n->name, in, in[9] ? 10 : 9, attrs, WT_ARRAY_LEN(attrs), err));
    return one_axis(c, "Unsqueeze", y, &c->map[n->out[0]->id], err);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */
/* True when v is computed from `base` and constants alone. */
static bool rests_on(const wt_value *v, const wt_value *base, int *steps)
{
    if (v == base || wt_value_is_const(v))
        return true;
    if (!v->producer || --*steps < 0)
        return false;
    for (size_t i = 0; i < v->producer->n_in; i++)
        if (v->producer->in[i] && !rests_on(v->producer->in[i], base, steps))
            return false;
    return v->producer->n_in > 0;
}

/* The last norm: from there on to the logits only the wanted rows are computed. */
static const wt_value *last_norm(const wt_graph *g, const wt_value *logits)
{
    int steps = 100; /* more than any head has */
    for (const wt_node *n = g->last; n; n = n->prev)
        if (wt_node_is(n, WT_OP_RMSNORMALIZATION) || wt_node_is(n, WT_OP_LAYERNORMALIZATION))
            return n->out[0] && rests_on(logits, n->out[0], &steps) ? n->out[0] : NULL;
    return NULL;
}

static wt_status wanted_rows(copier *c, wt_value **x, wt_err *err)
{
    const wt_attr axis = wt_attr_of_int("axis", 1);
    return wt_b_op(c->b, x, "", "Gather", NULL, (wt_value *[]){ *x, c->b->rows }, 2, &axis, 1, err);
}

static wt_status give_logits(copier *c, const wt_value *logits, wt_err *err)
{
    wt_value *x = c->map[logits->id];
    if (!x)
        return refuse(c->why[logits->id], err, "it needs what only GroupQueryAttention may use, or is not known here");
    if (!c->gather)
        WT_TRY(wanted_rows(c, &x, err));
    WT_TRY(one_axis(c, "Squeeze", x, &x, err));
    return wt_b_output(c->b, x, "logits", err);
}

/* --- the graph ---------------------------------------------------------------------------------------------------- */
static wt_status allocate(copier *c, wt_err *err)
{
    const size_t n = c->from->next_value_id + 1;
    c->map = wt_arena_alloc(&c->b->g->arena, n, sizeof *c->map, err);
    c->why = wt_arena_alloc(&c->b->g->arena, n, sizeof *c->why, err);
    c->wide = wt_arena_alloc(&c->b->g->arena, n, sizeof *c->wide, err);
    return c->map && c->why && c->wide ? WT_OK : WT_ENOMEM;
}

static wt_status build(wt_arch_builder *b, wt_err *err)
{
    copier c = { .b = b, .from = wt_weights_kept(b->w) };
    if (!c.from)
        return wt_fail(err, WT_EFORMAT, "the architecture 'onnx' is that of folders of ONNX Runtime GenAI");
    const wt_value *logits = wt_graph_find(c.from, "logits");
    if (!logits || !logits->is_output || !wt_graph_find(c.from, "input_ids"))
        return wt_fail(err, WT_EUNSUPPORTED, "the graph has no input 'input_ids' or no output 'logits'");
    if (b->options.outputs & WT_ARCH_HIDDEN)
        return wt_fail(err, WT_EUNSUPPORTED, "a graph in ONNX gives logits, not the hidden state behind them");
    WT_TRY(allocate(&c, err));
    WT_TRY(wt_b_inputs(b, err));
    WT_TRY(whole_input(&c, b->tokens, "input_ids", NULL, err));
    WT_TRY(whole_input(&c, b->positions, "position_ids", "places", err));
    c.gather = last_norm(c.from, logits);
    for (const wt_node *n = c.from->first; n; n = n->next) {
        WT_TRY(wt_node_is(n, WT_OP_GROUPQUERYATTENTION) ? attention(&c, n, err) : copy_node(&c, n, err));
        if (c.gather && n->n_out && n->out[0] == c.gather && c.map[c.gather->id])
            WT_TRY(wanted_rows(&c, &c.map[c.gather->id], err));
    }
    WT_TRY(give_logits(&c, logits, err));
    wt_graph_sweep(b->g);
    return WT_OK;
}
const wt_arch wt_arch_onnx = { .name = "onnx", .build = build };
