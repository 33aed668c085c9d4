/* assess_weights.c - see the header. */
#include "measure/assess_weights.h"
#include "base/json.h"
#include "model/arch/arch.h"
#include "model/assess.h"

enum { PREFILL = 512 /* tokens of one run while a prompt is read */, CONTEXT = 4096 };

/* --- the mix of types ----------------------------------------------------------------------------------------------
 */

typedef struct mix {
    size_t tensors;
    uint64_t elements, bytes;
} mix;

static void add_mix(json_t *o, const wt_weights *w)
{
    mix of[WT_DTYPE_COUNT] = { 0 }, all = { 0 };
    json_t *list = json_array();
    for (size_t i = 0; i < wt_weights_count(w); i++) {
        const wt_weight *t = wt_weights_at(w, i);
        const uint64_t n = (uint64_t)wt_shape_product(&t->shape, 0, t->shape.rank);
        of[t->dtype].tensors++;
        of[t->dtype].elements += n;
        of[t->dtype].bytes += t->bytes;
        all.elements += n;
        all.bytes += t->bytes;
    }
    for (;;) { /* most bytes first */
        int most = -1;
        for (int t = 0; t < WT_DTYPE_COUNT; t++)
            if (of[t].tensors && (most < 0 || of[t].bytes > of[most].bytes))
                most = t;
        if (most < 0)
            break;
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:f}", "dtype", wt_dtype_name((wt_dtype)most),
                                              "tensors", (json_int_t)of[most].tensors, "elements",
                                              (json_int_t)of[most].elements, "bytes", (json_int_t)of[most].bytes,
                                              "share", (double)of[most].bytes / (double)all.bytes));
        of[most].tensors = 0;
    }
    json_object_set_new(o, "quantization", list);
    json_object_set_new(o, "size_bytes", json_integer((json_int_t)wt_weights_file_bytes(w)));
    json_object_set_new(o, "parameters", json_integer((json_int_t)all.elements));
    json_object_set_new(o, "weights_bytes", json_integer((json_int_t)all.bytes));
    json_object_set_new(o, "bits_per_weight",
                        wt_json_real(all.elements ? 8.0 * (double)all.bytes / (double)all.elements : 0));
}

/* --- keys ------------------------------------------------------------------------------------------------------------
 */

static json_t *key_text(const wt_weights *w, const char *key)
{
    const wt_meta *m = wt_weights_meta(w, key);
    if (!m || m->is_array || m->type != WT_META_STRING)
        return json_null();
    json_t *text = json_stringn(m->strings[0].data, m->strings[0].len < 200 ? m->strings[0].len : 200);
    return text ? text : json_null(); /* no UTF-8 */
}

static void add_hparams(json_t *o, const wt_weights *w, const wt_hparams *hp)
{
    const struct {
        const char *key;
        int64_t value;
    } rows[] = { { "layers", hp->layers },     { "width", hp->width },
                 { "vocabulary", hp->vocab },  { "context_length", hp->context },
                 { "heads", hp->heads },       { "kv_heads", hp->layers > 0 ? hp->kv_heads[0] : 0 },
                 { "head_dim", hp->head_dim }, { "feed_forward", hp->feed_forward },
                 { "experts", hp->experts },   { "experts_used", hp->experts_used } };
    for (size_t i = 0; i < WT_ARRAY_LEN(rows); i++)
        json_object_set_new(o, rows[i].key, json_integer(rows[i].value));
    json_object_set_new(o, "tokenizer", key_text(w, "tokenizer.ggml.model"));
    json_object_set_new(o, "chat_template", json_boolean(wt_weights_meta(w, "tokenizer.chat_template") != NULL));
}

/* --- memory ----------------------------------------------------------------------------------------------------------
 */

static uint64_t kv_bytes_per_token(const wt_hparams *hp, wt_dtype dtype)
{
    uint64_t sum = 0;
    size_t row = 0;
    for (int64_t i = 0; i < hp->layers; i++) {
        sum += wt_dtype_bytes(dtype, (uint64_t)(hp->kv_heads[i] * hp->head_dim), &row) ? row : 0;
        sum += wt_dtype_bytes(dtype, (uint64_t)(hp->kv_heads[i] * hp->value_dim), &row) ? row : 0;
    }
    return sum;
}

/* Most bytes of values alive at once while `tokens` are read, the caches not counted. */
static wt_status scratch_bytes(uint64_t *out, wt_weights *w, int64_t tokens, int64_t context, wt_dtype kv, wt_err *err)
{
    const wt_shape per_token = wt_shape_make(1, (int64_t[]){ tokens }), one = wt_shape_make(1, (int64_t[]){ 1 }),
                   pages = wt_shape_make(2, (int64_t[]){ 1, (context + WT_KV_PAGE - 1) / WT_KV_PAGE });
    const wt_arch_options options = { .k_dtype = kv, .v_dtype = kv };
    wt_graph *g = NULL;
    wt_activation_peak peak = { 0 };
    WT_TRY(wt_arch_build(&g, w, &options, err));
    wt_status st = WT_OK;
    for (size_t i = 0; i < g->n_inputs && st == WT_OK; i++) {
        const char *name = g->inputs[i]->name;
        const bool state = g->inputs[i]->type.shape.rank == 4; /* the caches keep their number of pages open */
        if (!state)
            st = wt_graph_fix_input(g, name,
                                    !strcmp(name, "pages")  ? &pages
                                    : !strcmp(name, "rows") ? &one
                                                            : &per_token,
                                    err);
    }
    if (st == WT_OK)
        st = wt_graph_infer(g, err);
    if (st == WT_OK)
        st = wt_graph_activation_peak(g, &peak, err);
    wt_graph_close(g);
    *out = peak.bytes;
    return st;
}

/* Weights in memory: each once, in the order that products want, and a table that serves both ends of a decoder twice:
 * its rows are read where they lie, too. */
static uint64_t weights_in_memory(const json_t *o, const wt_weights *w, const wt_hparams *hp)
{
    const uint64_t all = (uint64_t)json_integer_value(json_object_get(o, "weights_bytes"));
    const wt_weight *table = wt_weights_find(w, "token_embd.weight");
    return all + (hp->causal && table && !wt_weights_find(w, "output.weight") ? table->bytes : 0);
}

static wt_status add_memory(json_t *o, wt_weights *w, const wt_hparams *hp, const wt_exec_options *exec, wt_err *err)
{
    const int64_t own = hp->context > 0 && hp->context < CONTEXT ? hp->context : CONTEXT;
    const int64_t context = exec && exec->context > 0 ? exec->context : own;
    const int64_t pages = (context + WT_KV_PAGE - 1) / WT_KV_PAGE;
    const wt_dtype dtype = exec && exec->kv_dtype ? exec->kv_dtype : WT_F16;
    const uint64_t per_token = hp->causal ? kv_bytes_per_token(hp, dtype) : 0,
                   kv = per_token * (uint64_t)pages * WT_KV_PAGE;
    const uint64_t weights = weights_in_memory(o, w, hp);
    uint64_t scratch = 0;
    WT_TRY(scratch_bytes(&scratch, w, context < PREFILL ? context : PREFILL, context, dtype, err));
    json_object_set_new(o, "kv_bytes_per_token", json_integer((json_int_t)per_token));
    json_object_set_new(o, "memory",
                        json_pack("{s:I, s:I, s:I, s:I, s:I}", "context", (json_int_t)context, "weights_bytes",
                                  (json_int_t)weights, "kv_bytes", (json_int_t)kv, "scratch_bytes", (json_int_t)scratch,
                                  "total_bytes", (json_int_t)(weights + kv + scratch)));
    return WT_OK;
}

wt_status wt_assess_weights(json_t *o, wt_context *ctx, const char *path, const wt_exec_options *exec, wt_err *err)
{
    wt_weights *w = NULL;
    wt_hparams hp = { 0 };
    WT_TRY(wt_weights_open(&w, ctx, path, err));
    json_object_set_new(o, "architecture", key_text(w, "general.architecture"));
    add_mix(o, w);
    wt_status st = wt_arch_hparams(&hp, w, err);
    if (st == WT_OK) {
        add_hparams(o, w, &hp);
        st = add_memory(o, w, &hp, exec, err);
    }
    wt_weights_close(w);
    return st;
}
