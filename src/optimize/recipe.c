/* recipe.c - see the header. Layers are counted as the reference counts them: in the order of layer numbers and names,
 * by a counter for each kind of tensor. */
#include "optimize/recipe.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/str.h"
#include "model/blocks/blocks.h"

enum { F32 = 0, F16 = 1, BF16 = 32 };
typedef enum mixture {
    Q4_0 = 2,
    Q4_1 = 3,
    Q8_0 = 7,
    Q5_0 = 8,
    Q5_1 = 9,
    Q2_K = 10,
    Q3_K_S = 11,
    Q3_K_M = 12,
    Q3_K_L = 13,
    Q4_K_S = 14,
    Q4_K_M = 15,
    Q5_K_S = 16,
    Q5_K_M = 17,
    Q6_K = 18,
    IQ4_NL = 25,
    IQ4_XS = 30,
    TQ1_0 = 36,
    TQ2_0 = 37,
    MXFP4_MOE = 38
} mixture;

static const wt_scheme schemes[] = {
    { "f32", F32, WT_F32 },          { "f16", F16, WT_F16 },
    { "bf16", BF16, WT_BF16 },       { "q4_0", Q4_0, WT_Q4_0 },
    { "q4_1", Q4_1, WT_Q4_1 },       { "q5_0", Q5_0, WT_Q5_0 },
    { "q5_1", Q5_1, WT_Q5_1 },       { "q8_0", Q8_0, WT_Q8_0 },
    { "q2_k", Q2_K, WT_Q2_K },       { "q3_k_s", Q3_K_S, WT_Q3_K },
    { "q3_k_m", Q3_K_M, WT_Q3_K },   { "q3_k_l", Q3_K_L, WT_Q3_K },
    { "q4_k_s", Q4_K_S, WT_Q4_K },   { "q4_k_m", Q4_K_M, WT_Q4_K },
    { "q5_k_s", Q5_K_S, WT_Q5_K },   { "q5_k_m", Q5_K_M, WT_Q5_K },
    { "q6_k", Q6_K, WT_Q6_K },       { "iq4_nl", IQ4_NL, WT_IQ4_NL },
    { "iq4_xs", IQ4_XS, WT_IQ4_XS }, { "tq1_0", TQ1_0, WT_TQ1_0 },
    { "tq2_0", TQ2_0, WT_TQ2_0 },    { "mxfp4_moe", MXFP4_MOE, WT_MXFP4 },
};

const wt_scheme *wt_scheme_find(const char *name)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(schemes); i++)
        if (!strcmp(schemes[i].name, name))
            return &schemes[i];
    return NULL;
}

/* --- what a tensor is ----------------------------------------------------------------------------------------------
 */

typedef enum kind { EMBEDDING, Q, K, V, QKV, ATTENTION_OUT, UP, GATE, DOWN, OUTPUT, OTHER } kind;

static kind kind_of(const char *name)
{
    static const struct {
        const char *part;
        kind kind;
    } parts[] = { { "attn_qkv.weight", QKV }, { "attn_kv_b.weight", QKV }, { "attn_v.weight", V },
                  { "attn_k.weight", K },     { "attn_q.weight", Q },      { "attn_output.weight", ATTENTION_OUT },
                  { "ffn_up", UP },           { "ffn_gate", GATE },        { "ffn_down", DOWN } };
    if (!strcmp(name, "output.weight"))
        return OUTPUT;
    if (!strcmp(name, "token_embd.weight") || !strcmp(name, "per_layer_token_embd.weight"))
        return EMBEDDING;
    for (size_t i = 0; i < WT_ARRAY_LEN(parts); i++)
        if (strstr(name, parts[i].part))
            return parts[i].kind;
    return OTHER;
}

/* Why a tensor stays as it is; NULL: it may be quantized. */
static const char *exempt(const wt_weight *w, const char *name)
{
    static const char *const small[] = {
        "_norm.weight",
        "ffn_gate_inp.weight",
        "ffn_gate_tid2eid.weight",
        "altup",
        "laurel",
        "per_layer_model_proj",
        "ssm_conv1d",
        "shortconv.conv.weight",
        "indexer.k_proj.weight",
        "indexer.q_proj.weight",
        "time_mix_first.weight",
        "time_mix_w0.weight",
        "time_mix_w1.weight",
        "time_mix_w2.weight",
        "time_mix_v0.weight",
        "time_mix_v1.weight",
        "time_mix_v2.weight",
        "time_mix_a0.weight",
        "time_mix_a1.weight",
        "time_mix_a2.weight",
        "time_mix_g1.weight",
        "time_mix_g2.weight",
        "time_mix_decay_w1.weight",
        "time_mix_decay_w2.weight",
        "time_mix_lerp_fused.weight",
        "attn_rel_b.weight",
        ".position_embd",
        "sam.pos_embd",
        "sam.neck.",
        "sam.net_",
        ".rel_pos",
        ".patch_embd",
        ".patch_merger",
        "a.rvq.codebook",
        "mm.a.code_embd",
    };
    int dims = w->shape.rank;
    for (int i = 0; i + 1 < w->shape.rank && w->shape.dim[i] == 1; i++)
        dims--;
    if (dims < 2)
        return "has one dimension";
    if (!wt_str_ends(name, "weight"))
        return "is no weight";
    if (!strcmp(name, "position_embd.weight") || !strcmp(name, "token_types.weight"))
        return "is a small table";
    for (size_t i = 0; i < WT_ARRAY_LEN(small); i++)
        if (strstr(name, small[i]))
            return "is small";
    return wt_block_codec_get(w->dtype) ? NULL : "holds no real numbers";
}

/* --- the recipe ------------------------------------------------------------------------------------------------------
 */

typedef struct recipe {
    const wt_weights *weights;
    const wt_scheme *scheme;
    bool importance, tied, falcon, seventy_billion;
    int64_t layers, experts, share; /* query heads that share a key */
    int n_values, i_values, i_down; /* counters, as the reference's */
} recipe;

static bool more_bits(int i, int n) { return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2; }

static wt_dtype for_output(const recipe *r, const wt_weight *w)
{
    const wt_dtype base = r->scheme->base;
    const int64_t row = w->shape.dim[w->shape.rank - 1];
    if (r->scheme->file_type == MXFP4_MOE || r->falcon || row % wt_dtype_get(base)->block_len)
        return WT_Q8_0;
    return base == WT_Q8_0 ? base : WT_Q6_K;
}

static wt_dtype for_values(recipe *r)
{
    const int i = r->i_values++;
    wt_dtype t = r->scheme->base;
    switch ((mixture)r->scheme->file_type) {
    case Q2_K: t = r->share >= 4 ? WT_Q4_K : WT_Q3_K; break;
    case Q3_K_M: t = i < 2 ? WT_Q5_K : WT_Q4_K; break;
    case Q3_K_L: t = WT_Q5_K; break;
    case IQ4_NL:
    case IQ4_XS: t = r->share >= 4 ? WT_Q5_K : t; break;
    case Q4_K_M:
    case Q5_K_M: t = more_bits(i, r->n_values) ? WT_Q6_K : t; break;
    case Q4_K_S: t = i < 4 ? WT_Q5_K : t; break;
    default: break;
    }
    if (r->seventy_billion && (t == WT_Q3_K || t == WT_Q4_K)) /* eight heads share it, so it is small */
        t = WT_Q5_K;
    return r->experts == 8 ? WT_Q8_0 : t;
}

static wt_dtype for_down(recipe *r, const char *name)
{
    const int n = (int)r->layers, count = r->i_down++,
              i = r->experts > 1 ? atoi(name + strcspn(name, "0123456789")) : count;
    const wt_dtype base = r->scheme->base;
    switch ((mixture)r->scheme->file_type) {
    case Q2_K: return WT_Q3_K;
    case Q3_K_M: return i < n / 16 ? WT_Q5_K : !r->falcon || more_bits(i, n) ? WT_Q4_K : WT_Q3_K;
    case Q3_K_L: return r->falcon ? WT_Q4_K : WT_Q5_K;
    case Q4_K_M:
        if (r->falcon)
            return i < n / 16 ? WT_Q6_K : more_bits(i, n) ? WT_Q5_K : WT_Q4_K;
        return more_bits(i, n) ? WT_Q6_K : base;
    case Q5_K_M: return more_bits(i, n) ? WT_Q6_K : base;
    case Q4_K_S: return !r->falcon && i < n / 8 ? WT_Q5_K : base;
    case IQ4_NL:
    case IQ4_XS: return !r->importance && i < n / 8 ? WT_Q5_K : base;
    case Q4_0: return r->importance && i < n / 8 ? WT_Q4_1 : base;
    case Q5_0: return r->importance && i < n / 8 ? WT_Q5_1 : base;
    default: return base;
    }
}

static wt_dtype for_attention_out(const recipe *r)
{
    const wt_dtype base = r->scheme->base;
    const mixture m = (mixture)r->scheme->file_type;
    if (r->falcon)
        return m == Q3_K_L ? WT_Q4_K : base;
    if (r->experts == 8) {
        static const mixture raised[] = { Q2_K, Q3_K_S, Q3_K_M, Q4_K_S, Q4_K_M, IQ4_NL, IQ4_XS };
        for (size_t i = 0; i < WT_ARRAY_LEN(raised); i++)
            if (m == raised[i])
                return WT_Q5_K;
        return base;
    }
    return m == Q2_K ? WT_Q3_K : m == Q3_K_M ? WT_Q4_K : m == Q3_K_L ? WT_Q5_K : base;
}

/* The type that the recipe wants, before anybody looks at the length of rows. */
static wt_dtype by_recipe(recipe *r, const wt_weight *w, const char *name, kind k, const char **why)
{
    const mixture m = (mixture)r->scheme->file_type;
    *why = NULL;
    if (k == OUTPUT || (k == EMBEDDING && r->tied)) {
        *why = k == OUTPUT ? "the output is read for every token" : "the output reads the embeddings";
        return for_output(r, w);
    }
    if (m == MXFP4_MOE)
        return w->shape.rank > 2 ? WT_MXFP4 : WT_Q8_0;
    switch (k) {
    case EMBEDDING: return m == TQ1_0 || m == TQ2_0 ? WT_Q4_K : r->scheme->base;
    case V:
    case QKV: *why = "values of attention"; return for_values(r);
    case K: *why = "eight experts"; return r->experts == 8 ? WT_Q8_0 : r->scheme->base;
    case DOWN: *why = "the way down"; return for_down(r, name);
    case ATTENTION_OUT: *why = "output of attention"; return for_attention_out(r);
    default: return r->scheme->base;
    }
}

/* What a row of this length can be stored as. */
static wt_dtype fall_back(wt_dtype t, int64_t row)
{
    if (row % wt_dtype_get(t)->block_len == 0)
        return t;
    switch (t) {
    case WT_IQ4_XS: t = WT_IQ4_NL; break;
    case WT_Q2_K:
    case WT_Q3_K:
    case WT_TQ1_0:
    case WT_TQ2_0: t = WT_Q4_0; break;
    case WT_Q4_K: t = WT_Q5_0; break;
    case WT_Q5_K: t = WT_Q5_1; break;
    case WT_Q6_K: t = WT_Q8_0; break;
    default: break;
    }
    return row % wt_dtype_get(t)->block_len == 0 ? t : WT_F16;
}

static wt_status prepare(recipe *r, wt_err *err)
{
    const wt_weights *w = r->weights;
    wt_string arch;
    char key[128];
    int64_t heads = 1, kv = 1;
    WT_TRY(wt_weights_string(w, "general.architecture", "", &arch, err));
#define KEY(suffix) (snprintf(key, sizeof key, "%.*s.%s", (int)arch.len, arch.data, suffix), key)
    WT_TRY(wt_weights_int(w, KEY("block_count"), 0, &r->layers, err));
    WT_TRY(wt_weights_int(w, KEY("expert_count"), 0, &r->experts, err));
    const wt_meta *h = wt_weights_meta(w, KEY("attention.head_count"));
    if (h)
        wt_meta_int_at(h, 0, &heads);
    kv = heads;
    const wt_meta *g = wt_weights_meta(w, KEY("attention.head_count_kv"));
    if (g)
        wt_meta_int_at(g, 0, &kv);
#undef KEY
    r->share = kv > 0 ? heads / kv : 0;
    r->tied = !wt_weights_find(w, "output.weight");
    r->falcon = arch.len == 6 && !memcmp(arch.data, "falcon", 6);
    r->seventy_billion = r->layers == 80 && arch.len == 5 &&
                         (!memcmp(arch.data, "qwen2", 5) || (!memcmp(arch.data, "llama", 5) && heads != kv));
    for (size_t i = 0; i < wt_weights_count(w); i++) {
        const kind k = kind_of(wt_weights_at(w, i)->name.data);
        r->n_values += k == V || k == QKV;
    }
    return WT_OK;
}

/* --- order, overrides ----------------------------------------------------------------------------------------------
 */

static int layer_of(const char *name)
{
    int n = -1;
    if (!wt_str_starts(name, "blk."))
        return -1;
    for (const char *s = name + 4; *s >= '0' && *s <= '9' && n < 1000000; s++)
        n = (n < 0 ? 0 : n) * 10 + *s - '0';
    return n;
}

static int by_layer(const void *a, const void *b)
{
    const wt_weight *x = *(const wt_weight *const *)a, *y = *(const wt_weight *const *)b;
    const int i = layer_of(x->name.data), j = layer_of(y->name.data);
    return i != j ? (i < j ? -1 : 1) : strcmp(x->name.data, y->name.data);
}

/* The override of a tensor: WT_DTYPE_NONE without one; its own type for "float". */
static wt_status overruled(const wt_weight *w, const char *const *keep, size_t n, wt_dtype *out, wt_err *err)
{
    *out = WT_DTYPE_NONE;
    for (size_t i = 0; i < n; i++) {
        const char *equals = strrchr(keep[i], '=');
        char glob[256];
        const size_t len = equals ? (size_t)(equals - keep[i]) : 0;
        if (!len || len >= sizeof glob)
            return wt_fail(err, WT_EUSAGE, "--keep '%s': GLOB=TYPE was expected, as in *attn_v*=q8_0", keep[i]);
        memcpy(glob, keep[i], len);
        glob[len] = 0;
        const wt_scheme *type = wt_scheme_find(equals + 1);
        const wt_dtype dtype = type ? type->base : wt_dtype_from_name(equals + 1);
        const bool same = !strcmp(equals + 1, "float");
        if (!same && (!wt_block_codec_get(dtype) || !wt_block_codec_get(dtype)->encode))
            return wt_fail(err, WT_EUSAGE, "--keep '%s': '%s' is no type that can be written", keep[i], equals + 1);
        if (wt_glob_match(glob, w->name.data))
            *out = same ? w->dtype : dtype;
    }
    return WT_OK;
}

/* Norms and biases: what every reader expects in float32 is float32. */
static wt_dtype kept_type(const wt_weight *w)
{
    return wt_block_codec_get(w->dtype) && (w->dtype == WT_F16 || w->dtype == WT_BF16 || wt_dtype_is_block(w->dtype))
               ? WT_F32
               : w->dtype;
}

static wt_status choose(recipe *r, const wt_weight *w, const char *const *keep, size_t n_keep, wt_choice *c,
                        wt_err *err)
{
    wt_dtype forced = WT_DTYPE_NONE;
    const char *name = w->name.data, *why = exempt(w, name);
    const int64_t row = w->shape.dim[w->shape.rank - 1];
    WT_TRY(overruled(w, keep, n_keep, &forced, err));
    if (why) {
        c->asked = c->got = forced ? fall_back(forced, row) : kept_type(w);
        snprintf(c->why, sizeof c->why, "%s", forced ? "as --keep says" : why);
        return WT_OK;
    }
    c->asked = wt_dtype_is_block(r->scheme->base) ? by_recipe(r, w, name, kind_of(name), &why) : r->scheme->base;
    if (forced) {
        c->asked = forced;
        why = "as --keep says";
    }
    c->got = fall_back(c->asked, row);
    if (c->got != c->asked)
        snprintf(c->why, sizeof c->why, "rows of %lld are no multiple of %u: not %s", (long long)row,
                 wt_dtype_get(c->asked)->block_len, wt_dtype_name(c->asked));
    else if (why && c->got != r->scheme->base)
        snprintf(c->why, sizeof c->why, "%s", why);
    else
        snprintf(c->why, sizeof c->why, "default of %s", r->scheme->name);
    return WT_OK;
}

wt_status wt_recipe_choose(const wt_weights *weights, const wt_scheme *scheme, const char *const *keep, size_t n_keep,
                           bool importance, wt_choice *choices, wt_err *err)
{
    recipe r = { .weights = weights, .scheme = scheme, .importance = importance };
    const size_t n = wt_weights_count(weights);
    wt_context *ctx = wt_weights_context(weights);
    WT_TRY(prepare(&r, err));
    const wt_weight **order = wt_alloc(ctx, n, sizeof *order, err);
    if (!order)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        order[i] = wt_weights_at(weights, i);
    qsort(order, n, sizeof(const wt_weight *), by_layer);
    wt_status st = WT_OK;
    for (size_t i = 0; i < n && st == WT_OK; i++)
        st = choose(&r, order[i], keep, n_keep, &choices[wt_weights_index(weights, order[i])], err);
    wt_free(ctx, order);
    return st;
}
