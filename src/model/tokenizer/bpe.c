/* bpe.c - byte pair encoding: the best pair of neighbours becomes one, until none is left.
 *
 * What is best: the lowest rank of a list of merges, or the highest score of the token that a pair makes (llama's
 * SentencePiece); of equals the leftmost. A heap of pairs makes long words n log n; most words come from a cache.
 *
 * Where there is no pre-tokenizer, a whole text would be one word. It is cut first where no token has the two
 * characters of the cut as neighbours: no merge can cross such a place, so the result is the same and the cache serves
 * again. */
#include "base/hash.h"
#include "model/tokenizer/tokenizer_impl.h"

enum { JOINED_BITS = 20, FIRST_SYMBOLS = 256 };

static uint64_t joined_bit(uint32_t a, uint32_t b)
{
    return ((uint64_t)a << 21 | b) * 0x9e3779b97f4a7c15u >> (64 - JOINED_BITS);
}

/* --- build -----------------------------------------------------------------------------------------------------------
 */
static wt_merge_row *rank_row(const wt_tokenizer *t, uint64_t pair)
{
    size_t i = (size_t)((pair * 0x9e3779b97f4a7c15u) >> 20) & t->ranks_mask;
    while (t->ranks[i].pair != pair && t->ranks[i].pair != UINT64_MAX)
        i = (i + 1) & t->ranks_mask;
    return &t->ranks[i];
}

static wt_status add_merge(wt_tokenizer *t, size_t rank, wt_buf *both, wt_err *err)
{
    const wt_string *left = &t->merges[rank][0], *right = &t->merges[rank][1];
    const size_t skip = right->len >= t->word_prefix.len && t->word_prefix.len &&
                                memcmp(right->data, t->word_prefix.data, t->word_prefix.len) == 0
                            ? t->word_prefix.len
                            : 0;
    both->len = 0;
    wt_buf_add(both, left->data, left->len);
    wt_buf_add(both, right->data + skip, right->len - skip);
    WT_TRY(wt_buf_status(both, err));
    const int32_t a = wt_vocab_find(t, left->data, left->len), b = wt_vocab_find(t, right->data, right->len),
                  to = wt_vocab_find(t, both->data ? both->data : "", both->len);
    if (a < 0 || b < 0 || to < 0)
        return wt_fail(err, WT_EFORMAT, "merge %zu, \"%.*s %.*s\": %s is no token", rank, (int)left->len, left->data,
                       (int)right->len, right->data,
                       a < 0   ? "the left side"
                       : b < 0 ? "the right side"
                               : "the result");
    wt_merge_row *row = rank_row(t, (uint64_t)(uint32_t)a << 32 | (uint32_t)b);
    *row = (wt_merge_row){ (uint64_t)(uint32_t)a << 32 | (uint32_t)b, (uint32_t)rank, to };
    return WT_OK;
}

static wt_status build_ranks(wt_tokenizer *t, wt_err *err)
{
    size_t rows = 16;
    while (rows < 2 * t->n_merges)
        rows *= 2;
    t->ranks = wt_arena_alloc(&t->arena, rows, sizeof *t->ranks, err);
    if (!t->ranks)
        return WT_ENOMEM;
    for (size_t i = 0; i < rows; i++)
        t->ranks[i].pair = UINT64_MAX;
    t->ranks_mask = rows - 1;
    wt_buf both;
    wt_buf_init(&both, t->ctx);
    wt_status st = WT_OK;
    for (size_t i = 0; i < t->n_merges && st == WT_OK; i++)
        st = add_merge(t, i, &both, err);
    wt_buf_free(&both);
    return st;
}

wt_status wt_bpe_build(wt_tokenizer *t, wt_err *err)
{
    if (t->model == WT_TOK_RANKS)
        WT_TRY(build_ranks(t, err));
    if (!t->cut_words)
        return WT_OK;
    t->joined = wt_arena_alloc(&t->arena, (1 << JOINED_BITS) / 64, sizeof *t->joined, err);
    if (!t->joined)
        return WT_ENOMEM;
    for (size_t i = 0; i < t->info.tokens; i++) {
        const wt_string *name = &t->text[i];
        uint32_t before = WT_CODE_LIMIT;
        for (size_t at = 0, size; name->data && at < name->len; at += size) {
            const uint32_t code = wt_utf8_get(name->data, name->len, at, &size);
            const uint64_t bit = joined_bit(before, code);
            if (at)
                t->joined[bit >> 6] |= UINT64_C(1) << (bit & 63);
            before = code;
        }
    }
    return WT_OK;
}

/* --- symbols and pairs -----------------------------------------------------------------------------------------------
 */
/* Scores in the order of unsigned numbers, the highest first. */
static uint32_t priority_of(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~(bits | 0x80000000u);
}

static bool pair_of(const wt_tokenizer *t, const char *word, const wt_symbol *a, const wt_symbol *b, uint32_t *priority,
                    int32_t *to)
{
    if (a->frozen || b->frozen)
        return false;
    if (t->model == WT_TOK_SCORES) {
        *to = wt_vocab_find(t, word + a->at, a->len + b->len);
        if (*to < 0)
            return false;
        *priority = priority_of((float)t->score[*to]);
        return true;
    }
    if (a->id < 0 || b->id < 0)
        return false;
    const wt_merge_row *row = rank_row(t, (uint64_t)(uint32_t)a->id << 32 | (uint32_t)b->id);
    if (row->pair == UINT64_MAX)
        return false;
    *priority = row->rank;
    *to = row->to;
    return true;
}

static void heap_down(wt_pair_item *heap, size_t n, size_t i)
{
    const wt_pair_item item = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && heap[child + 1].key < heap[child].key;
        if (heap[child].key >= item.key)
            break;
        heap[i] = heap[child];
    }
    heap[i] = item;
}

/* Room is there: a word of n symbols has at most n - 1 pairs in the beginning, and a merge takes one and adds two. */
static void push_pair(const wt_tokenizer *t, wt_scratch *s, const char *word, int32_t left)
{
    const wt_symbol *a = &s->symbols[left], *b = a->next >= 0 ? &s->symbols[a->next] : NULL;
    uint32_t priority;
    int32_t to;
    if (!b || !pair_of(t, word, a, b, &priority, &to))
        return;
    const wt_pair_item item = { (uint64_t)priority << 32 | (uint32_t)left, a->len + b->len, a->id, b->id, to };
    size_t i = s->n_heap++;
    for (; i && s->heap[(i - 1) / 2].key > item.key; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = item;
}

/* Whether the pair is still what it was when it was pushed; a merge on either side changes its length. */
static bool is_current(const wt_tokenizer *t, const wt_scratch *s, const char *word, const wt_pair_item *item)
{
    const wt_symbol *a = &s->symbols[(uint32_t)item->key];
    if (!a->len || a->next < 0)
        return false;
    const wt_symbol *b = &s->symbols[a->next];
    uint32_t priority;
    int32_t to;
    if (a->len + b->len != item->len)
        return false;
    return (a->id == item->left && b->id == item->right) || (pair_of(t, word, a, b, &priority, &to) && to == item->to);
}

static void merge_all(const wt_tokenizer *t, wt_scratch *s, const char *word)
{
    s->n_heap = 0;
    for (size_t i = 0; i + 1 < s->n_symbols; i++)
        push_pair(t, s, word, (int32_t)i);
    while (s->n_heap) {
        const wt_pair_item top = s->heap[0];
        s->heap[0] = s->heap[--s->n_heap];
        if (s->n_heap)
            heap_down(s->heap, s->n_heap, 0);
        if (!is_current(t, s, word, &top))
            continue;
        wt_symbol *a = &s->symbols[(uint32_t)top.key], *b = &s->symbols[a->next];
        a->len += b->len;
        a->id = top.to;
        a->next = b->next;
        if (b->next >= 0)
            s->symbols[b->next].prev = (int32_t)(uint32_t)top.key;
        b->len = 0;
        push_pair(t, s, word, (int32_t)(uint32_t)top.key);
        if (a->prev >= 0)
            push_pair(t, s, word, a->prev);
    }
}

/* --- words -----------------------------------------------------------------------------------------------------------
 */
static wt_status room_for(wt_scratch *s, size_t n, wt_err *err)
{
    if (n > INT32_MAX / 4)
        return wt_fail(err, WT_ELIMIT, "a word of %zu bytes", n);
    n = n < FIRST_SYMBOLS ? FIRST_SYMBOLS : n;
    void *symbols = s->symbols, *heap = s->heap;
    wt_status st = wt_grow(s->ctx, &symbols, &s->cap_symbols, n, sizeof *s->symbols, err);
    s->symbols = symbols;
    if (st == WT_OK)
        st = wt_grow(s->ctx, &heap, &s->cap_heap, 2 * n, sizeof *s->heap, err);
    s->heap = heap;
    return st;
}

/* A character's token, where beginning and end of a word may have names of their own ("##a", "a</w>"). */
static wt_status find_decorated(const wt_tokenizer *t, wt_scratch *s, const char *at, size_t len, bool first, bool last,
                                int32_t *id, wt_err *err)
{
    s->word.len = 0;
    if (!first)
        wt_buf_add(&s->word, t->word_prefix.data, t->word_prefix.len);
    wt_buf_add(&s->word, at, len);
    if (last)
        wt_buf_add(&s->word, t->word_suffix.data, t->word_suffix.len);
    WT_TRY(wt_buf_status(&s->word, err));
    *id = wt_vocab_find(t, s->word.data, s->word.len);
    return WT_OK;
}

static wt_status split_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, wt_err *err)
{
    WT_TRY(room_for(s, len, err));
    const bool decorated = t->word_prefix.len || t->word_suffix.len;
    size_t n = 0;
    for (size_t at = 0, size = 1; at < len; at += size, n++) {
        int32_t id;
        const wt_added_token *user = wt_added_at(&t->user, word + at, len - at);
        if (user) {
            id = user->id;
            size = user->content.len;
        } else if (t->byte_level) {
            id = t->byte_id[(uint8_t)word[at]];
            if (decorated) {
                char letter[4];
                uint16_t letters[256];
                wt_byte_letters_init(letters);
                WT_TRY(find_decorated(t, s, letter, wt_utf8_put(letter, letters[(uint8_t)word[at]]), at == 0,
                                      at + 1 == len, &id, err));
            }
        } else {
            (void)wt_utf8_get(word, len, at, &size);
            if (decorated)
                WT_TRY(find_decorated(t, s, word + at, size, at == 0, at + size == len, &id, err));
            else
                id = wt_vocab_find(t, word + at, size);
        }
        s->symbols[n] = (wt_symbol){ (uint32_t)at, (uint32_t)size, id, (int32_t)n - 1, (int32_t)n + 1, user != NULL };
    }
    s->n_symbols = n;
    s->symbols[n - 1].next = -1;
    return WT_OK;
}

void wt_emit_unknown(const wt_tokenizer *t, const char *text, size_t len, wt_sink *sink)
{
    bool bytes = t->byte_fallback;
    for (size_t i = 0; i < len && bytes; i++)
        bytes = t->byte_id[(uint8_t)text[i]] >= 0;
    for (size_t i = 0; i < len && bytes; i++)
        wt_sink_add(sink, t->byte_id[(uint8_t)text[i]]);
    if (bytes || t->unk < 0 || (sink->unk && t->fuse_unk))
        return;
    wt_sink_add(sink, t->unk);
    sink->unk = true;
}

static wt_status whole_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, int32_t *id,
                            wt_err *err)
{
    if (!t->byte_level) {
        *id = wt_vocab_find(t, word, len);
        return WT_OK;
    }
    s->word.len = 0;
    wt_byte_letters_put(&s->word, word, len);
    WT_TRY(wt_buf_status(&s->word, err));
    *id = wt_vocab_find(t, s->word.data, s->word.len);
    return WT_OK;
}

static wt_status merge_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, wt_sink *sink,
                            wt_err *err)
{
    int32_t id = -1;
    if (t->ignore_merges)
        WT_TRY(whole_word(t, s, word, len, &id, err));
    if (id >= 0) {
        wt_sink_add(sink, id);
        return WT_OK;
    }
    WT_TRY(split_word(t, s, word, len, err));
    merge_all(t, s, word);
    for (int32_t i = 0; i >= 0; i = s->symbols[i].next)
        if (s->symbols[i].id >= 0)
            wt_sink_add(sink, s->symbols[i].id);
        else
            wt_emit_unknown(t, word + s->symbols[i].at, s->symbols[i].len, sink);
    return WT_OK;
}

static wt_status cached_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, wt_sink *sink,
                             wt_err *err)
{
    /* a word that begins or ends with what has no token depends on its neighbours where unk is fused */
    if (len > WT_CACHE_WORD || (t->fuse_unk && t->cut_words && t->unk >= 0 && !t->byte_fallback))
        return merge_word(t, s, word, len, sink, err);
    wt_cache_row *row = &s->cache[wt_hash64(word, len, 0) >> 20 & (WT_CACHE_ROWS - 1)];
    if (row->len == len && memcmp(row->word, word, len) == 0) {
        for (size_t i = 0; i < row->n; i++)
            wt_sink_add(sink, row->ids[i]);
        return WT_OK;
    }
    int32_t ids[WT_CACHE_WORD * 4];
    wt_sink own = { .ids = ids, .cap = WT_ARRAY_LEN(ids) };
    WT_TRY(merge_word(t, s, word, len, &own, err));
    for (size_t i = 0; i < own.n; i++)
        wt_sink_add(sink, ids[i]);
    if (own.n <= WT_CACHE_IDS) {
        row->len = (uint8_t)len;
        row->n = (uint8_t)own.n;
        memcpy(row->word, word, len);
        memcpy(row->ids, ids, own.n * sizeof *ids);
    }
    return WT_OK;
}

wt_status wt_bpe_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, wt_sink *sink, wt_err *err)
{
    if (!t->joined || !len)
        return len ? cached_word(t, s, word, len, sink, err) : WT_OK;
    size_t from = 0, size;
    uint32_t before = wt_utf8_get(word, len, 0, &size);
    for (size_t at = size; at < len; at += size) {
        const uint32_t code = wt_utf8_get(word, len, at, &size);
        const uint64_t bit = joined_bit(before, code);
        before = code;
        if (t->joined[bit >> 6] >> (bit & 63) & 1)
            continue;
        WT_TRY(cached_word(t, s, word + from, at - from, sink, err));
        from = at;
    }
    return cached_word(t, s, word + from, len - from, sink, err);
}
