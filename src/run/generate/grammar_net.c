/* grammar_net.c - building and checking the network of a grammar. */
#include "run/generate/grammar.h"

wt_status wt_grammar_state(wt_grammar *g, wt_gstate state, uint32_t *out, wt_err *err)
{
    if (g->n_states >= WT_GRAMMAR_MAX_STATES) {
        wt_fail(err, WT_ELIMIT, "the grammar needs more than %d states", WT_GRAMMAR_MAX_STATES);
        wt_err_hint(err, "repeat a rule's name instead of its text, or fewer times");
        return WT_ELIMIT;
    }
    WT_TRY(wt_grow(g->ctx, (void **)&g->states, &g->cap_states, g->n_states + 1, sizeof *g->states, err));
    *out = (uint32_t)g->n_states;
    g->states[g->n_states++] = state;
    return WT_OK;
}

static wt_status byte_range(wt_grammar *g, uint8_t lo, uint8_t hi, uint32_t next, uint32_t *out, wt_err *err)
{
    return wt_grammar_state(g, (wt_gstate){ .type = WT_G_BYTES, .lo = lo, .hi = hi, .next = next }, out, err);
}

wt_status wt_grammar_bytes(wt_grammar *g, const char *bytes, size_t len, uint32_t next, uint32_t *out, wt_err *err)
{
    *out = next;
    while (len-- > 0)
        WT_TRY(byte_range(g, (uint8_t)bytes[len], (uint8_t)bytes[len], *out, out, err));
    return WT_OK;
}

/* --- characters as bytes -------------------------------------------------------------------------------------------
 */
typedef struct way {
    uint8_t lo[4], hi[4];
    int n;
} way;

static int encode(uint32_t c, uint8_t *out)
{
    static const uint8_t first[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    const int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3F));
    out[0] = (uint8_t)(n == 1 ? c : first[n] | c);
    return n;
}

/* lo..hi of equal length differ in one byte only, behind which all continuation bytes are possible. */
static bool is_one_way(uint32_t lo, uint32_t hi, int n)
{
    for (int i = 1; i < n; i++) {
        const uint32_t tail = (1u << (6 * i)) - 1;
        if ((lo & ~tail) == (hi & ~tail) || ((lo & tail) == 0 && (hi & tail) == tail))
            continue;
        return false;
    }
    return true;
}

static wt_status add_way(wt_grammar *g, uint32_t lo, uint32_t hi, uint32_t next, uint32_t *all, wt_err *err)
{
    way w;
    uint32_t at = next;
    w.n = encode(lo, w.lo);
    encode(hi, w.hi);
    for (int i = w.n - 1; i >= 0; i--)
        WT_TRY(byte_range(g, w.lo[i], w.hi[i], at, &at, err));
    if (*all == UINT32_MAX) {
        *all = at;
        return WT_OK;
    }
    return wt_grammar_state(g, (wt_gstate){ .type = WT_G_FORK, .next = at, .other = *all }, all, err);
}

/* Cuts lo..hi until each piece is a sequence of byte ranges. */
static wt_status add_range(wt_grammar *g, uint32_t lo, uint32_t hi, uint32_t next, uint32_t *all, wt_err *err)
{
    static const uint32_t ends[] = { 0x7F, 0x7FF, 0xD7FF, 0xFFFF, 0x10FFFF };
    while (lo <= hi) {
        if (lo >= 0xD800 && lo <= 0xDFFF) /* surrogates are no characters */
            lo = 0xE000;
        if (lo > hi)
            break;
        uint32_t end = hi;
        for (size_t i = 0; i < WT_ARRAY_LEN(ends); i++)
            if (lo <= ends[i]) {
                end = end < ends[i] ? end : ends[i];
                break;
            }
        const int n = lo < 0x80 ? 1 : lo < 0x800 ? 2 : lo < 0x10000 ? 3 : 4;
        for (int i = n - 1; i >= 1 && !is_one_way(lo, end, n); i--) {
            const uint32_t tail = (1u << (6 * i)) - 1;
            if ((lo & ~tail) == (end & ~tail))
                continue;
            end = (lo & tail) ? lo | tail : (end & tail) != tail ? (end & ~tail) - 1 : end;
        }
        WT_TRY(add_way(g, lo, end, next, all, err));
        lo = end + 1;
    }
    return WT_OK;
}

wt_status wt_grammar_chars(wt_grammar *g, const wt_grange *ranges, size_t n, uint32_t next, uint32_t *out, wt_err *err)
{
    *out = UINT32_MAX;
    for (size_t i = 0; i < n; i++)
        WT_TRY(add_range(g, ranges[i].lo, ranges[i].hi, next, out, err));
    if (*out != UINT32_MAX)
        return WT_OK;
    return byte_range(g, 1, 0, next, out, err); /* no byte is in 1..0 */
}

/* --- checks --------------------------------------------------------------------------------------------------------
 */
typedef struct walk {
    wt_grammar *g;
    uint32_t *stamp, *todo; /* of states */
    uint32_t now;
    uint8_t *color; /* of rules: 0 new, 1 open, 2 done */
} walk;

/* What a rule reaches without reading: whether it can return, and its n-th call (call counts up; NULL: not asked). */
static bool returns(walk *w, uint32_t rule, uint32_t *calls, size_t *n_calls)
{
    const wt_grammar *g = w->g;
    size_t n = 0;
    bool yes = false;
    w->now++;
    w->todo[n++] = g->rules[rule].start;
    w->stamp[g->rules[rule].start] = w->now;
    while (n) {
        const wt_gstate *s = &g->states[w->todo[--n]];
        uint32_t to[2];
        size_t k = 0;
        if (s->type == WT_G_RETURN)
            yes = true;
        if (s->type == WT_G_CALL && calls)
            calls[(*n_calls)++] = s->other;
        if (s->type == WT_G_FORK || (s->type == WT_G_CALL && g->rules[s->other].nullable))
            to[k++] = s->next;
        if (s->type == WT_G_FORK)
            to[k++] = s->other;
        while (k--)
            if (w->stamp[to[k]] != w->now) {
                w->stamp[to[k]] = w->now;
                w->todo[n++] = to[k];
            }
    }
    return yes;
}

/* Which rules may read nothing: again until none is added. */
static void find_nullable(walk *w)
{
    for (bool more = true; more;) {
        more = false;
        for (uint32_t i = 0; i < w->g->n_rules; i++)
            if (!w->g->rules[i].nullable && returns(w, i, NULL, NULL))
                more = w->g->rules[i].nullable = true;
    }
}

static wt_status begins_with_itself(walk *w, uint32_t rule, const char *name, wt_err *err)
{
    wt_grammar *g = w->g;
    size_t n = 0;
    if (w->color[rule] == 1) {
        wt_fail(err, WT_EFORMAT, "rule '%s' begins with itself (left recursion)", g->rules[rule].name);
        wt_err_where(err, "%s, line %d", name, g->rules[rule].defined);
        wt_err_hint(err, "write a repetition: a ::= b (c b)*");
        return WT_EFORMAT;
    }
    if (w->color[rule] == 2)
        return WT_OK;
    w->color[rule] = 1;
    uint32_t *calls = wt_alloc_raw(g->ctx, g->n_states, sizeof *calls, err);
    if (!calls)
        return WT_ENOMEM;
    returns(w, rule, calls, &n);
    uint32_t *own = wt_arena_alloc(&g->arena, n + 1, sizeof *own, err);
    if (own && n)
        memcpy(own, calls, n * sizeof *own);
    wt_free(g->ctx, calls);
    if (!own)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        WT_TRY(begins_with_itself(w, own[i], name, err));
    w->color[rule] = 2;
    return WT_OK;
}

wt_status wt_grammar_check(wt_grammar *g, const char *name, wt_err *err)
{
    for (size_t i = 0; i < g->n_rules; i++)
        if (!g->rules[i].defined) {
            wt_fail(err, WT_EFORMAT, "rule '%s' is not defined", g->rules[i].name);
            wt_err_where(err, "%s, line %d", name, g->rules[i].used);
            return WT_EFORMAT;
        }
    walk w = { .g = g };
    w.stamp = wt_alloc(g->ctx, g->n_states, sizeof *w.stamp, err);
    w.todo = wt_alloc_raw(g->ctx, g->n_states, sizeof *w.todo, err);
    w.color = wt_alloc(g->ctx, g->n_rules, 1, err);
    wt_status st = w.stamp && w.todo && w.color ? WT_OK : WT_ENOMEM;
    if (st == WT_OK)
        find_nullable(&w);
    for (uint32_t i = 0; st == WT_OK && i < g->n_rules; i++)
        st = begins_with_itself(&w, i, name, err);
    wt_free(g->ctx, w.stamp);
    wt_free(g->ctx, w.todo);
    wt_free(g->ctx, w.color);
    return st;
}

void wt_grammar_close(wt_grammar *g)
{
    if (!g)
        return;
    wt_context *ctx = g->ctx;
    wt_free(ctx, g->states);
    wt_free(ctx, g->rules);
    wt_arena_free(&g->arena);
    wt_free(ctx, g);
}
