/* decoder.c - one caller's caches and runs.
 *
 * The cache of all layers is cut into pages of WT_KV_PAGE tokens. A sequence is a list of page numbers and a length;
 * sequences may share pages, and a page that is shared is copied before it is written. So forking and truncating change
 * a few numbers only. */
#include "run/generate/language.h"
#include <stdio.h>
#include "run/plan.h"

wt_decoder_options wt_decoder_defaults(void)
{
    return (wt_decoder_options){ .size = sizeof(wt_decoder_options), .sequences = 1, .batch = 512 };
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */
/* Which of the runtime's arrays an input takes; caches by the number behind the dot. */
static wt_status connect_input(wt_decoder *d, size_t index, wt_err *err)
{
    wt_tensor type;
    const char *name = wt_plan_input(d->language->plan, index, &type);
    wt_tensor *t = &d->inputs[index];
    int il;
    char kind;
    *t = type;
    if (sscanf(name, "%c.%d", &kind, &il) == 2 && il >= 0 && il < d->language->hp.layers) {
        wt_layer_cache *layer = &d->layers[il];
        *(kind == 'k' ? &layer->k_input : &layer->v_input) = index;
        t->shape.dim[0] = d->n_pages;
        return WT_OK;
    }
    const struct {
        const char *name;
        int32_t *data;
    } known[] = { { "tokens", d->tokens }, { "positions", d->positions }, { "slots", d->slots },
                  { "owners", d->owners }, { "rows", d->rows },           { "pages", d->table } };
    for (size_t i = 0; i < WT_ARRAY_LEN(known); i++)
        if (!strcmp(known[i].name, name)) {
            t->data = known[i].data;
            if (known[i].data == d->table) {
                t->shape.dim[0] = d->sequences;
                t->shape.dim[1] = d->max_pages;
                t->bytes = (size_t)d->sequences * (size_t)d->max_pages * sizeof *d->table;
            }
            return WT_OK;
        }
    return wt_fail(err, WT_EINTERNAL, "the graph has an input '%s' that the runtime does not know", name);
}

static wt_status place_caches(wt_decoder *d, wt_err *err)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < d->n_inputs; i++)
        if (!d->inputs[i].data) {
            if (!wt_tensor_size(&d->inputs[i], &d->inputs[i].bytes) ||
                wt_add_overflows(total, wt_align_up(d->inputs[i].bytes, 64), &total))
                return wt_fail(err, WT_ENOMEM, "a cache of %lld tokens is larger than memory can be",
                               (long long)(d->n_pages * WT_KV_PAGE));
        }
    WT_TRY(wt_budget_check(d->ctx, total, "the cache of keys and values", err));
    d->memory = wt_alloc_pages(d->ctx, total ? total : 1, err);
    if (!d->memory)
        return WT_ENOMEM;
    d->memory_bytes = total;
    for (size_t i = 0; i < d->n_inputs; i++)
        if (!d->inputs[i].data) {
            d->inputs[i].data = d->memory + at;
            at += wt_align_up(d->inputs[i].bytes, 64);
        }
    for (int64_t il = 0; il < d->language->hp.layers; il++) {
        d->layers[il].k = d->inputs[d->layers[il].k_input];
        d->layers[il].v = d->inputs[d->layers[il].v_input];
    }
    return WT_OK;
}

/* How the keys of each layer were turned, for wt_seq_shift. */
static void find_ropes(wt_decoder *d)
{
    for (const wt_node *n = d->language->graph->first; n; n = n->next) {
        int il;
        if (!wt_node_is(n, WT_OP_KVATTENTION) || sscanf(n->in[3]->name, "k.%d", &il) != 1)
            continue;
        const wt_node *from = n->in[1]->producer;
        if (wt_node_is(from, WT_OP_ROPE)) {
            d->layers[il].rope = from;
            d->layers[il].factors = from->n_in > 2 && from->in[2] ? from->in[2]->type.data : NULL;
        }
    }
}

static wt_status sizes(wt_decoder *d, const wt_decoder_options *o, wt_err *err)
{
    const wt_hparams *hp = &d->language->hp;
    const int64_t trained = hp->context, usual = d->language->options.context,
                  context = o->context > 0 ? o->context : usual;
    d->sequences = o->sequences > 0 ? o->sequences : 1;
    d->batch = o->batch > 0 ? o->batch : 512;
    if (context > trained) {
        wt_fail(err, WT_EUSAGE, "a context of %lld tokens is more than the %lld that the model was made for",
                (long long)context, (long long)trained);
        wt_err_hint(err, "ask for at most %lld", (long long)trained);
        return WT_EUSAGE;
    }
    if (wt_hparams_long(hp, context) != wt_hparams_long(hp, usual))
        return wt_fail(
            err, WT_EUSAGE,
            "the model has other frequencies beyond %lld tokens: it was opened for a context of %lld, not %lld",
            (long long)hp->short_context, (long long)usual, (long long)context);
    if (d->batch > context)
        d->batch = context;
    d->max_pages = (context + WT_KV_PAGE - 1) / WT_KV_PAGE;
    d->n_pages = d->max_pages + (d->sequences > 1 ? d->sequences : 0); /* each may leave a page half filled */
    if (d->n_pages > INT32_MAX / WT_KV_PAGE || d->sequences > 4096)
        return wt_fail(err, WT_EUSAGE, "%lld tokens in %d sequences are more than a cache can hold", (long long)context,
                       d->sequences);
    return WT_OK;
}

static wt_status allocate(wt_decoder *d, wt_err *err)
{
    const size_t batch = (size_t)d->batch, table = (size_t)d->sequences * (size_t)d->max_pages;
    int32_t **const arrays[] = { &d->tokens, &d->positions, &d->slots, &d->owners, &d->rows };
    for (size_t i = 0; i < WT_ARRAY_LEN(arrays); i++)
        if (!(*arrays[i] = wt_alloc(d->ctx, batch, sizeof(int32_t), err)))
            return WT_ENOMEM;
    d->n_inputs = wt_plan_input_count(d->language->plan);
    d->inputs = wt_alloc(d->ctx, d->n_inputs, sizeof *d->inputs, err);
    d->layers = wt_alloc(d->ctx, (size_t)d->language->hp.layers, sizeof *d->layers, err);
    d->seqs = wt_alloc(d->ctx, (size_t)d->sequences, sizeof *d->seqs, err);
    d->refs = wt_alloc(d->ctx, (size_t)d->n_pages, sizeof *d->refs, err);
    d->table = wt_alloc(d->ctx, table, sizeof *d->table, err);
    if (!d->inputs || !d->layers || !d->seqs || !d->refs || !d->table)
        return WT_ENOMEM;
    for (size_t i = 0; i < table; i++)
        d->table[i] = -1;
    for (int i = 0; i < d->sequences; i++)
        d->seqs[i].page = d->table + (size_t)i * (size_t)d->max_pages;
    return WT_OK;
}

static wt_status decoder_open(wt_decoder *d, const wt_decoder_options *options, wt_err *err)
{
    wt_decoder_options o = wt_decoder_defaults();
    if (options)
        memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    if (d->language->arch->encoder)
        return wt_fail(err, WT_EUNSUPPORTED, "a model of architecture '%s' gives embeddings, not text",
                       d->language->hp.arch);
    WT_TRY(sizes(d, &o, err));
    WT_TRY(allocate(d, err));
    for (size_t i = 0; i < d->n_inputs; i++)
        WT_TRY(connect_input(d, i, err));
    WT_TRY(place_caches(d, err));
    find_ropes(d);
    d->width = (size_t)(d->language->options.hidden ? d->language->hp.width : d->language->hp.vocab);
    return wt_session_open(&d->session, d->language->plan, err);
}

wt_status wt_decoder_open(wt_decoder **out, wt_language *language, const wt_decoder_options *options, wt_err *err)
{
    *out = NULL;
    wt_decoder *d = wt_alloc(language->ctx, 1, sizeof *d, err);
    if (!d)
        return WT_ENOMEM;
    d->language = language;
    d->ctx = language->ctx;
    const wt_status st = decoder_open(d, options, err);
    if (st != WT_OK) {
        wt_decoder_close(d);
        return st;
    }
    *out = d;
    return WT_OK;
}

void wt_decoder_close(wt_decoder *d)
{
    if (!d)
        return;
    wt_session_close(d->session);
    wt_free_pages(d->ctx, d->memory);
    void *const arrays[] = { d->inputs, d->layers,    d->seqs,  d->refs,   d->table, d->kept,
                             d->tokens, d->positions, d->slots, d->owners, d->rows };
    for (size_t i = 0; i < WT_ARRAY_LEN(arrays); i++)
        wt_free(d->ctx, arrays[i]);
    wt_free(d->ctx, d);
}

wt_decoder_memory wt_decoder_memory_use(wt_decoder *d)
{
    const wt_plan_memory m = wt_plan_memory_use(d->language->plan);
    return (wt_decoder_memory){ .weights_bytes = m.weights_bytes + m.mapped_bytes,
                                .kv_bytes = d->memory_bytes,
                                .scratch_bytes = wt_session_bytes(d->session) };
}

/* --- pages ---------------------------------------------------------------------------------------------------------
 */
static int32_t free_page(const wt_decoder *d)
{
    for (int64_t i = 0; i < d->n_pages; i++)
        if (d->refs[i] == 0)
            return (int32_t)i;
    return -1;
}

static int64_t count_free(const wt_decoder *d)
{
    int64_t n = 0;
    for (int64_t i = 0; i < d->n_pages; i++)
        n += d->refs[i] == 0;
    return n;
}

/* Copies a page of every layer. */
static void copy_page(wt_decoder *d, int32_t to, int32_t from)
{
    for (int64_t il = 0; il < d->language->hp.layers; il++) {
        const wt_tensor *caches[] = { &d->layers[il].k, &d->layers[il].v };
        for (int i = 0; i < 2; i++) {
            char *base = wt_tensor_mut((wt_tensor *)(uintptr_t)caches[i]);
            const size_t page = caches[i]->bytes / (size_t)d->n_pages;
            memcpy(base + (size_t)to * page, base + (size_t)from * page, page);
        }
    }
}

static void drop_pages(wt_decoder *d, wt_pages *s, size_t keep)
{
    while (s->n_pages > keep) {
        d->refs[s->page[--s->n_pages]]--;
        s->page[s->n_pages] = -1;
    }
}

wt_status wt_cache_own_page(wt_decoder *d, wt_pages *s, size_t at, wt_err *err)
{
    if (at < s->n_pages && d->refs[s->page[at]] == 1)
        return WT_OK;
    const int32_t fresh = at < (size_t)d->max_pages ? free_page(d) : -1;
    if (fresh < 0)
        return wt_fail(err, WT_ELIMIT, "the context of %lld tokens is full", (long long)(d->max_pages * WT_KV_PAGE));
    d->refs[fresh] = 1;
    if (at < s->n_pages) {
        copy_page(d, fresh, s->page[at]);
        d->refs[s->page[at]]--;
    } else {
        s->n_pages = at + 1;
    }
    s->page[at] = fresh;
    return WT_OK;
}

/* --- sequences -----------------------------------------------------------------------------------------------------
 */
static wt_status sequence(const wt_decoder *d, wt_seq seq, wt_pages **out, wt_err *err)
{
    if (seq < 0 || seq >= d->sequences || !d->seqs[seq].open)
        return wt_fail(err, WT_EUSAGE, "there is no sequence %d", seq);
    *out = &d->seqs[seq];
    return WT_OK;
}

wt_status wt_seq_open(wt_decoder *d, wt_seq *out, wt_err *err)
{
    for (int i = 0; i < d->sequences; i++)
        if (!d->seqs[i].open) {
            d->seqs[i].open = true;
            *out = i;
            return WT_OK;
        }
    *out = -1;
    return wt_fail(err, WT_ELIMIT, "all %d sequences are in use", d->sequences);
}

void wt_seq_close(wt_decoder *d, wt_seq seq)
{
    wt_pages *s = NULL;
    if (sequence(d, seq, &s, NULL) != WT_OK)
        return;
    drop_pages(d, s, 0);
    s->length = 0;
    s->open = false;
}

int64_t wt_seq_length(const wt_decoder *d, wt_seq seq)
{
    wt_pages *s = NULL;
    return sequence(d, seq, &s, NULL) == WT_OK ? s->length : -1;
}

wt_status wt_seq_truncate(wt_decoder *d, wt_seq seq, int64_t n, wt_err *err)
{
    wt_pages *s = NULL;
    WT_TRY(sequence(d, seq, &s, err));
    if (n < 0 || n > s->length)
        return wt_fail(err, WT_EUSAGE, "a sequence of %lld tokens cannot be cut to %lld", (long long)s->length,
                       (long long)n);
    drop_pages(d, s, (size_t)((n + WT_KV_PAGE - 1) / WT_KV_PAGE));
    s->length = n;
    return WT_OK;
}

wt_status wt_seq_fork(wt_decoder *d, wt_seq dst, wt_seq src, int64_t n, wt_err *err)
{
    wt_pages *to = NULL, *from = NULL;
    WT_TRY(sequence(d, dst, &to, err));
    WT_TRY(sequence(d, src, &from, err));
    if (n < 0 || n > from->length)
        return wt_fail(err, WT_EUSAGE, "a sequence of %lld tokens has no first %lld", (long long)from->length,
                       (long long)n);
    if (to == from)
        return wt_seq_truncate(d, dst, n, err);
    drop_pages(d, to, 0);
    to->length = n;
    to->n_pages = (size_t)((n + WT_KV_PAGE - 1) / WT_KV_PAGE);
    for (size_t i = 0; i < to->n_pages; i++)
        d->refs[to->page[i] = from->page[i]]++;
    return WT_OK;
}

/* --- running -------------------------------------------------------------------------------------------------------
 */
/* Pages that the tokens will take, so that a full cache is found before anything was done. */
static wt_status enough_pages(const wt_decoder *d, const wt_batch_token *tokens, size_t n, wt_err *err)
{
    int64_t need = 0;
    for (int q = 0; q < d->sequences; q++) {
        const wt_pages *s = &d->seqs[q];
        int64_t length = s->length;
        for (size_t i = 0; i < n; i++)
            length += tokens[i].seq == q;
        if (length == s->length)
            continue;
        const size_t at = (size_t)(s->length / WT_KV_PAGE);
        need += (length + WT_KV_PAGE - 1) / WT_KV_PAGE - (int64_t)s->n_pages;
        need += at < s->n_pages && d->refs[s->page[at]] > 1; /* a shared one is copied */
        if (length > d->max_pages * WT_KV_PAGE)
            need = INT64_MAX / 2;
    }
    if (need <= count_free(d))
        return WT_OK;
    wt_fail(err, WT_ELIMIT, "%zu more tokens do not fit the context of %lld", n,
            (long long)(d->max_pages * WT_KV_PAGE));
    wt_err_hint(err, "a larger context, a shorter text, or shifting the older part away helps");
    return WT_ELIMIT;
}

static wt_status place(wt_decoder *d, const wt_batch_token *tokens, size_t n, size_t *wanted, wt_err *err)
{
    *wanted = 0;
    for (size_t i = 0; i < n; i++) {
        wt_pages *s = NULL;
        WT_TRY(sequence(d, tokens[i].seq, &s, err));
        const size_t at = (size_t)(s->length / WT_KV_PAGE);
        WT_TRY(wt_cache_own_page(d, s, at, err));
        d->tokens[i] = tokens[i].token;
        d->positions[i] = (int32_t)s->length;
        d->slots[i] = (int32_t)(s->page[at] * WT_KV_PAGE + s->length % WT_KV_PAGE);
        d->owners[i] = tokens[i].seq;
        s->length++;
        if (tokens[i].wanted)
            d->rows[(*wanted)++] = (int32_t)i;
    }
    return WT_OK;
}

static wt_status pass(wt_decoder *d, const wt_batch_token *tokens, size_t n, size_t *wanted, wt_err *err)
{
    WT_TRY(place(d, tokens, n, wanted, err));
    if (!*wanted)
        d->rows[0] = (int32_t)n - 1; /* one row is always computed: the graph has no empty results */
    for (size_t i = 0; i < d->n_inputs; i++) {
        wt_tensor *t = &d->inputs[i];
        if (t->shape.rank == 1) {
            t->shape.dim[0] = t->data == d->rows ? (int64_t)(*wanted ? *wanted : 1) : (int64_t)n;
            t->bytes = (size_t)t->shape.dim[0] * sizeof(int32_t);
        }
    }
    return wt_session_run(d->session, d->inputs, d->n_inputs, err);
}

static wt_status keep(wt_decoder *d, size_t wanted, wt_err *err)
{
    size_t need;
    if (wt_mul_overflows(d->n_out + wanted, d->width, &need))
        return wt_fail(err, WT_ENOMEM, "too many results are wanted at once");
    WT_TRY(wt_grow(d->ctx, (void **)&d->kept, &d->kept_cap, need, sizeof *d->kept, err));
    memcpy(d->kept + d->n_out * d->width, wt_session_output(d->session, 0)->data, wanted * d->width * sizeof *d->kept);
    d->n_out += wanted;
    d->out = d->kept;
    return WT_OK;
}

static wt_status run_passes(wt_decoder *d, const wt_batch_token *tokens, size_t n, wt_err *err)
{
    const size_t batch = (size_t)d->batch;
    for (size_t at = 0; at < n; at += batch) {
        const size_t len = n - at < batch ? n - at : batch;
        size_t wanted;
        WT_TRY(pass(d, tokens + at, len, &wanted, err));
        if (n <= batch) {
            d->out = wt_session_output(d->session, 0)->data;
            d->n_out = wanted;
        } else if (wanted) {
            WT_TRY(keep(d, wanted, err));
        }
    }
    return WT_OK;
}

wt_status wt_decoder_run(wt_decoder *d, const wt_batch_token *tokens, size_t n, wt_err *err)
{
    d->n_out = 0;
    d->out = NULL;
    for (size_t i = 0; i < n; i++) {
        wt_pages *s = NULL;
        WT_TRY(sequence(d, tokens[i].seq, &s, err));
        if (tokens[i].token < 0 || tokens[i].token >= d->language->hp.vocab)
            return wt_fail(err, WT_EUSAGE, "token %d is outside a vocabulary of %lld", tokens[i].token,
                           (long long)d->language->hp.vocab);
    }
    WT_TRY(enough_pages(d, tokens, n, err));
    int64_t *before = wt_alloc(d->ctx, (size_t)d->sequences, sizeof *before, err);
    if (!before)
        return WT_ENOMEM;
    for (int q = 0; q < d->sequences; q++)
        before[q] = d->seqs[q].length;
    const wt_status st = run_passes(d, tokens, n, err);
    for (int q = 0; st != WT_OK && q < d->sequences; q++)
        if (d->seqs[q].open)
            wt_seq_truncate(d, q, before[q], NULL);
    wt_free(d->ctx, before);
    return st;
}

const float *wt_decoder_output(const wt_decoder *d, size_t index)
{
    return d->out && index < d->n_out ? d->out + index * d->width : NULL;
}
