/* tokenizer.c - the public calls, the order of the stages, scratch objects. */
#include "model/tokenizer/tokenizer_impl.h"

wt_status wt_tokenizer_new(wt_tokenizer **out, wt_context *ctx, wt_err *err)
{
    wt_tokenizer *t = *out = wt_alloc(ctx, 1, sizeof *t, err);
    if (!t)
        return WT_ENOMEM;
    t->ctx = ctx;
    wt_arena_init(&t->arena, ctx);
    wt_tokenizer_info *i = &t->info;
    i->bos = i->eos = i->eot = i->unk = i->sep = i->pad = i->mask = -1;
    i->model = i->pre = "";
    t->unk = -1;
    t->meta = (wt_string){ "\xe2\x96\x81", 3 };
    t->word_limit = 100;
    return WT_OK;
}

/* --- scratch ---------------------------------------------------------------------------------------------------------
 */
static void scratch_free(wt_scratch *s)
{
    if (!s)
        return;
    wt_context *ctx = s->ctx;
    wt_buf_free(&s->valid);
    wt_buf_free(&s->word);
    for (int i = 0; i < 2; i++) {
        wt_buf_free(&s->norm[i]);
        wt_buf_free(&s->pre[i]);
        wt_free(ctx, s->spans[i].span);
    }
    wt_regex_stack_free(&s->stack);
    wt_free(ctx, s->symbols);
    wt_free(ctx, s->heap);
    wt_free(ctx, s->lattice);
    wt_free(ctx, s->cache);
    wt_free(ctx, s);
}

static wt_status scratch_take(wt_scratch **out, const wt_tokenizer *t, wt_err *err)
{
    wt_tokenizer *slots = (wt_tokenizer *)(uintptr_t)t; /* the slots are the one part that changes */
    for (size_t i = 0; i < WT_SLOTS; i++)
        if (atomic_load_explicit(&slots->slots[i], memory_order_relaxed) &&
            (*out = atomic_exchange(&slots->slots[i], NULL)) != NULL)
            return WT_OK;
    wt_scratch *s = wt_alloc(t->ctx, 1, sizeof *s, err);
    *out = NULL;
    if (!s)
        return WT_ENOMEM;
    s->ctx = s->stack.ctx = t->ctx;
    wt_buf *buffers[] = { &s->valid, &s->word, &s->norm[0], &s->norm[1], &s->pre[0], &s->pre[1] };
    for (size_t i = 0; i < WT_ARRAY_LEN(buffers); i++)
        wt_buf_init(buffers[i], t->ctx);
    if (t->model == WT_TOK_RANKS || t->model == WT_TOK_SCORES) {
        s->cache = wt_alloc(t->ctx, WT_CACHE_ROWS, sizeof *s->cache, err);
        if (!s->cache) {
            scratch_free(s);
            return WT_ENOMEM;
        }
    }
    *out = s;
    return WT_OK;
}

static void scratch_give(const wt_tokenizer *t, wt_scratch *s, bool sound)
{
    wt_tokenizer *slots = (wt_tokenizer *)(uintptr_t)t;
    for (size_t i = 0; i < WT_SLOTS && s && sound; i++) {
        wt_scratch *none = NULL;
        if (atomic_compare_exchange_strong(&slots->slots[i], &none, s))
            return;
    }
    scratch_free(s); /* also after a failure: its buffers may have failed for good */
}

void wt_tokenizer_close(wt_tokenizer *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < WT_SLOTS; i++)
        scratch_free(atomic_load(&t->slots[i]));
    wt_arena_free(&t->arena);
    wt_free(t->ctx, t);
}

/* --- compiling -------------------------------------------------------------------------------------------------------
 */
static void add_end(wt_tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < t->n_ends; i++)
        if (t->ends[i] == id)
            return;
    if (id >= 0 && t->n_ends < WT_ARRAY_LEN(t->ends))
        t->ends[t->n_ends++] = id;
}

/* Generation stops at eos, eot, and whatever has one of these names: models are often wrong about the first two. */
void wt_tokenizer_find_ends(wt_tokenizer *t)
{
    static const char *const names[] = { "<|eot_id|>",
                                         "<|im_end|>",
                                         "<|end|>",
                                         "<end_of_turn>",
                                         "<|endoftext|>",
                                         "<|eom_id|>",
                                         "<EOT>",
                                         "_<EOT>",
                                         "<|end_of_text|>",
                                         "<|end_of_turn|>",
                                         "<turn|>",
                                         ("<\xef\xbd\x9c" /* two literals: \x9ce would be one escape */
                                          "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>") };
    add_end(t, t->info.eos);
    add_end(t, t->info.eot);
    for (size_t i = 0; i < WT_ARRAY_LEN(names); i++) {
        const int32_t id = wt_token_find(t, names[i]);
        if (id >= 0 && (t->is_special[id] || t->type[id] == WT_TOKEN_USER))
            add_end(t, id);
    }
}

wt_status wt_tokenizer_compile(wt_tokenizer *t, wt_err *err)
{
    if (t->info.tokens == 0 || t->info.tokens > INT32_MAX / 2)
        return wt_fail(err, WT_EFORMAT, "a vocabulary of %zu tokens", t->info.tokens);
    t->is_special = wt_arena_alloc(&t->arena, t->info.tokens, 1, err);
    if (!t->is_special)
        return WT_ENOMEM;
    for (size_t i = 0; i < t->info.tokens; i++)
        t->is_special[i] = t->type[i] == WT_TOKEN_CONTROL || t->type[i] == WT_TOKEN_UNKNOWN;
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].special)
            t->is_special[t->added[i].id] = 1;
    WT_TRY(wt_vocab_build(t, err));
    if (t->n_norm)
        WT_TRY(wt_added_normalize(t, err));
    WT_TRY(wt_pieces_build(t, err));
    WT_TRY(wt_added_build(t, err));
    if (t->model == WT_TOK_RANKS || t->model == WT_TOK_SCORES)
        WT_TRY(wt_bpe_build(t, err));
    if (t->model == WT_TOK_UNIGRAM)
        WT_TRY(wt_unigram_build(t, err));
    wt_tokenizer_find_ends(t);
    return WT_OK;
}

/* --- text to ids -----------------------------------------------------------------------------------------------------
 */
typedef struct encoder {
    const wt_tokenizer *t;
    wt_scratch *s;
    unsigned flags;
    wt_sink sink;
    wt_err *err;
} encoder;

static wt_status encode_word(encoder *e, const char *word, size_t len)
{
    e->sink.unk = false;
    switch (e->t->model) {
    case WT_TOK_RANKS:
    case WT_TOK_SCORES: return wt_bpe_word(e->t, e->s, word, len, &e->sink, e->err);
    case WT_TOK_UNIGRAM: return wt_unigram_word(e->t, e->s, word, len, &e->sink, e->err);
    default: wt_wordpiece_word(e->t, e->s, word, len, &e->sink); return WT_OK;
    }
}

static wt_status encode_words(encoder *e, wt_string text, bool first)
{
    int which;
    WT_TRY(wt_pretokenize(e->t, e->s, &text, first, &which, e->err));
    const wt_spans *spans = &e->s->spans[which];
    for (size_t i = 0; i < spans->n; i++)
        WT_TRY(encode_word(e, text.data + spans->span[i].at, spans->span[i].len));
    return WT_OK;
}

/* Between added tokens; `normal`: the text is normalized already. */
static wt_status encode_part(encoder *e, wt_string text, bool first, bool normal)
{
    const wt_tokenizer *t = e->t;
    const bool all = e->flags & WT_TOKENIZE_PARSE_SPECIAL;
    const wt_added_set *set = normal ? (all ? &t->normal_all : &t->normal_always)
                                     : (all ? &t->raw_all : &t->raw_always);
    size_t from = 0, at = 0, end = 0;
    while (from < text.len) {
        const wt_added_token *a = wt_added_find(set, text.data, text.len, from, &at, &end);
        wt_string part = { text.data + from, (a ? at : text.len) - from };
        const bool begins = first && from == 0;
        if (part.len && normal) {
            WT_TRY(encode_words(e, part, begins));
        } else if (part.len) {
            wt_string clean;
            WT_TRY(wt_normalizer_run(t, e->s, part, &clean, e->err));
            WT_TRY(encode_part(e, clean, begins, true));
        }
        if (!a)
            break;
        wt_sink_add(&e->sink, a->id);
        from = end;
    }
    return WT_OK;
}

/* Every byte is part of a character, or has a token of its own. */
static bool is_readable(const wt_tokenizer *t, const char *text, size_t len)
{
    for (size_t at = 0, size; at < len; at += size)
        if ((uint8_t)text[at] < 0x80)
            size = 1;
        else if (wt_utf8_get(text, len, at, &size) == WT_REPLACEMENT && size == 1 &&
                 !(t->byte_level && t->byte_id[(uint8_t)text[at]] >= 0))
            return false;
    return true;
}

wt_status wt_tokenize(const wt_tokenizer *t, const char *text, size_t len, unsigned flags, int32_t *ids, size_t cap,
                      size_t *count, wt_err *err)
{
    encoder e = { .t = t, .flags = flags, .sink = { .ids = ids, .cap = cap }, .err = err };
    wt_string whole = { text, len };
    *count = 0;
    wt_status st = scratch_take(&e.s, t, err);
    for (size_t i = 0; i < t->n_before && flags & WT_TOKENIZE_ADD_SPECIAL; i++)
        wt_sink_add(&e.sink, t->before[i]);
    if (st == WT_OK && !is_readable(t, text, len)) {
        e.s->valid.len = 0;
        wt_utf8_repair(&e.s->valid, text, len);
        st = wt_buf_status(&e.s->valid, err);
        whole = (wt_string){ e.s->valid.data, e.s->valid.len };
    }
    if (st == WT_OK)
        st = encode_part(&e, whole, true, false);
    for (size_t i = 0; i < t->n_after && flags & WT_TOKENIZE_ADD_SPECIAL; i++)
        wt_sink_add(&e.sink, t->after[i]);
    scratch_give(t, e.s, st == WT_OK);
    if (st == WT_OK)
        *count = e.sink.n;
    return st;
}

/* --- ids to text -----------------------------------------------------------------------------------------------------
 */
void wt_tokenizer_describe(const wt_tokenizer *t, wt_tokenizer_info *out) { *out = t->info; }
const char *wt_tokenizer_chat_template(const wt_tokenizer *t) { return t->chat_template; }

static bool is_id(const wt_tokenizer *t, int32_t id)
{
    return id >= 0 && (size_t)id < t->info.tokens && t->text[id].data;
}

wt_status wt_token_piece(const wt_tokenizer *t, int32_t id, bool special, const char **bytes, size_t *len, wt_err *err)
{
    *bytes = "";
    *len = 0;
    if (!is_id(t, id))
        return wt_fail(err, WT_EUSAGE, "no token has the id %d; there are %zu", id, t->info.tokens);
    if (special || !t->is_special[id]) {
        *bytes = t->piece[id].data;
        *len = t->piece[id].len;
    }
    return WT_OK;
}

const char *wt_token_text(const wt_tokenizer *t, int32_t id) { return is_id(t, id) ? t->text[id].data : NULL; }
int32_t wt_token_find(const wt_tokenizer *t, const char *text)
{
    const size_t len = strlen(text);
    const int32_t id = wt_vocab_find(t, text, len);
    for (size_t i = 0; id < 0 && t->outside && i < t->info.tokens; i++)
        if (t->outside[i] && t->text[i].len == len && memcmp(t->text[i].data, text, len) == 0)
            return (int32_t)i;
    return id;
}

bool wt_token_is_special(const wt_tokenizer *t, int32_t id) { return is_id(t, id) && t->is_special[id]; }

bool wt_token_ends(const wt_tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < t->n_ends; i++)
        if (t->ends[i] == id)
            return true;
    return false;
}

typedef struct writer {
    char *text;
    size_t cap, n;
} writer;

static void put(writer *w, const char *bytes, size_t len)
{
    if (w->n < w->cap)
        memcpy(w->text + w->n, bytes, len < w->cap - w->n ? len : w->cap - w->n);
    w->n += len;
}

/* The name without any sign for a space. */
static void put_bare(writer *w, const wt_string *name, const wt_string *sign)
{
    for (size_t i = 0; i < name->len;)
        if (sign->len && name->len - i >= sign->len && memcmp(name->data + i, sign->data, sign->len) == 0)
            i += sign->len;
        else
            put(w, name->data + i++, 1);
}

/* What was found in the text for a token. */
static const wt_string *found_name(const wt_tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < t->n_added; i++)
        if (t->added[i].id == id && t->added[i].normalized)
            return &t->added[i].content;
    return &t->text[id];
}

/* Some decoders treat the first token in a way of its own. */
static void put_first(const wt_tokenizer *t, writer *w, int32_t id, const char *bytes, size_t len)
{
    const wt_string *name = &t->text[id], *p = &t->word_prefix;
    size_t strip = t->decoder == WT_DECODE_WORDPIECE ? 1 : t->strip_left;
    const bool plain = t->plain_added && t->is_special[id];
    if (t->decoder == WT_DECODE_WORDPIECE && p->len && name->len >= p->len && !memcmp(name->data, p->data, p->len)) {
        put(w, name->data, name->len);
        return;
    }
    if (t->first_bare && t->decoder == WT_DECODE_META) {
        put_bare(w, found_name(t, id), &t->meta);
        return;
    }
    for (; strip && len && *bytes == ' ' && !plain; strip--) {
        bytes++;
        len--;
    }
    put(w, bytes, len);
}

wt_status wt_detokenize(const wt_tokenizer *t, const int32_t *ids, size_t n, bool special, char *text, size_t cap,
                        size_t *len, wt_err *err)
{
    writer w = { text, cap, 0 };
    size_t done = 0, count = 0;
    *len = 0;
    for (size_t i = 0; i < n; i++)
        count += is_id(t, ids[i]) && (special || !t->is_special[ids[i]]);
    for (size_t i = 0; i < n; i++) {
        const char *bytes;
        size_t size;
        WT_TRY(wt_token_piece(t, ids[i], special, &bytes, &size, err));
        if (t->is_special[ids[i]] && !special)
            continue;
        if (++done == count && t->decoder == WT_DECODE_SUFFIX && size && bytes[size - 1] == ' ')
            size--; /* the end of the last word is no space */
        if (done == 1)
            put_first(t, &w, ids[i], bytes, size);
        else
            put(&w, bytes, size);
    }
    *len = w.n;
    return WT_OK;
}
