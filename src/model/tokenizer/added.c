/* added.c - finds added tokens in a text: from the left, the longest first.
 *
 * A set is an array sorted by content; a search narrows a range of it byte by byte, which is what a trie would do. */
#include <stdlib.h>
#include "model/tokenizer/tokenizer_impl.h"

static int by_content(const void *a, const void *b)
{
    const wt_string *x = &(*(const wt_added_token *const *)a)->content,
                    *y = &(*(const wt_added_token *const *)b)->content;
    const int order = memcmp(x->data, y->data, x->len < y->len ? x->len : y->len);
    return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

static void put_in(wt_added_set *set, const wt_added_token *a)
{
    const uint8_t byte = (uint8_t)a->content.data[0];
    set->first[byte >> 5] |= UINT32_C(1) << (byte & 31);
    set->tokens[set->n++] = a;
}

static wt_status build_set(wt_tokenizer *t, wt_added_set *set, bool normalized, bool special, wt_err *err)
{
    set->tokens = wt_arena_alloc(&t->arena, t->n_added, sizeof(void *), err);
    if (!set->tokens)
        return WT_ENOMEM;
    for (size_t i = 0; i < t->n_added; i++) {
        const wt_added_token *a = &t->added[i];
        if (a->normalized != normalized || (a->special && !special) || !a->content.len)
            continue;
        put_in(set, a);
    }
    qsort(set->tokens, set->n, sizeof *set->tokens, by_content);
    return WT_OK;
}

/* Tokens that are looked for in normal text are normalized themselves. */
wt_status wt_added_normalize(wt_tokenizer *t, wt_err *err)
{
    wt_scratch s = { .ctx = t->ctx };
    wt_buf_init(&s.norm[0], t->ctx);
    wt_buf_init(&s.norm[1], t->ctx);
    wt_status st = WT_OK;
    s.stack.ctx = t->ctx;
    for (size_t i = 0; i < t->n_added && st == WT_OK; i++) {
        wt_string to;
        if (!t->added[i].normalized || !t->added[i].content.len)
            continue;
        st = wt_normalizer_run(t, &s, t->added[i].content, &to, err);
        if (st == WT_OK && to.data != t->added[i].content.data) {
            t->added[i].content.data = wt_arena_strndup(&t->arena, to.data ? to.data : "", to.len, err);
            t->added[i].content.len = to.len;
            st = t->added[i].content.data ? WT_OK : WT_ENOMEM;
        }
    }
    wt_buf_free(&s.norm[0]);
    wt_buf_free(&s.norm[1]);
    wt_regex_stack_free(&s.stack);
    return st;
}

static wt_status build_user(wt_tokenizer *t, wt_err *err)
{
    wt_added_set *set = &t->user;
    size_t n = 0;
    for (size_t i = 0; i < t->info.tokens; i++)
        n += t->type[i] == WT_TOKEN_USER;
    wt_added_token *tokens = wt_arena_alloc(&t->arena, n, sizeof *tokens, err);
    if (!tokens || !(set->tokens = wt_arena_alloc(&t->arena, n, sizeof(void *), err)))
        return WT_ENOMEM;
    for (size_t i = 0; i < t->info.tokens; i++)
        if (t->type[i] == WT_TOKEN_USER && t->text[i].len) {
            tokens[set->n] = (wt_added_token){ .content = t->text[i], .id = (int32_t)i };
            put_in(set, &tokens[set->n]);
        }
    qsort(set->tokens, set->n, sizeof *set->tokens, by_content);
    return WT_OK;
}

wt_status wt_added_build(wt_tokenizer *t, wt_err *err)
{
    if (t->sentencepiece)
        WT_TRY(build_user(t, err));

    WT_TRY(build_set(t, &t->raw_always, false, false, err));
    WT_TRY(build_set(t, &t->raw_all, false, true, err));
    WT_TRY(build_set(t, &t->normal_always, true, false, err));
    return build_set(t, &t->normal_all, true, true, err);
}

/* The first index in [low, high) whose byte `at` is not below `byte`; contents of only `at` bytes come first. */
static size_t narrow(const wt_added_set *set, size_t low, size_t high, size_t at, unsigned byte)
{
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const wt_string *c = &set->tokens[middle]->content;
        if (c->len <= at || (uint8_t)c->data[at] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const wt_added_token *wt_added_at(const wt_added_set *set, const char *text, size_t len)
{
    const uint8_t begin = len ? (uint8_t)text[0] : 0;
    if (!set->n || !(set->first[begin >> 5] >> (begin & 31) & 1))
        return NULL;
    const wt_added_token *found = NULL;
    size_t low = 0, high = set->n;
    for (size_t at = 0; at < len; at++) {
        const unsigned byte = (uint8_t)text[at];
        low = narrow(set, low, high, at, byte);
        high = narrow(set, low, high, at, byte + 1);
        if (low == high)
            break;
        if (set->tokens[low]->content.len == at + 1)
            found = set->tokens[low];
    }
    return found;
}

static uint32_t code_before(const char *text, size_t at, size_t *size)
{
    size_t from = at - 1;
    while (from > 0 && at - from < 4 && ((uint8_t)text[from] & 0xc0) == 0x80)
        from--;
    const uint32_t code = wt_utf8_get(text, at, from, size);
    if (from + *size != at)
        *size = 1;
    return from + *size == at ? code : WT_REPLACEMENT;
}

static bool in_word(uint32_t code) { return wt_is_word(code) || code == 0x200c || code == 0x200d; }

static bool alone(const char *text, size_t len, size_t at, size_t end)
{
    size_t size;
    return (at == 0 || !in_word(code_before(text, at, &size))) &&
           (end == len || !in_word(wt_utf8_get(text, len, end, &size)));
}

const wt_added_token *wt_added_find(const wt_added_set *set, const char *text, size_t len, size_t from, size_t *at,
                                    size_t *end)
{
    const size_t floor = from;
    size_t size;
    while (set->n && from < len) {
        const wt_added_token *a = wt_added_at(set, text + from, len - from);
        if (!a) {
            from++;
            continue;
        }
        *at = from;
        *end = from + a->content.len;
        if (a->single_word && !alone(text, len, *at, *end)) {
            from = *end;
            continue;
        }
        while (a->lstrip && *at > floor && wt_is(code_before(text, *at, &size), WT_WHITE))
            *at -= size;
        while (a->rstrip && *end < len && wt_is(wt_utf8_get(text, len, *end, &size), WT_WHITE))
            *end += size;
        return a;
    }
    return NULL;
}
