/* grammar_tokens.c - the tokens of a vocabulary that a grammar lets come next.
 *
 * Single questions are cheap (a token has some bytes), so the sampler asks for the likeliest ones first. A mask over
 * the whole vocabulary walks the tokens in the order of their bytes: what two neighbours share is walked once, and all
 * that share a refused beginning are passed over. Masks are kept for the sets that come again. */
#include <stdlib.h>
#include "run/generate/grammar.h"

typedef struct entry {
    const char *bytes;
    uint32_t len, shared; /* bytes shared with the entry before */
    int32_t token;
} entry;
typedef struct mask {
    uint32_t set; /* 0: unused */
    uint64_t *bits;
} mask;
enum { MASKS = 16 };

struct wt_guide {
    wt_context *ctx;
    wt_grammar *grammar;
    wt_matcher *matcher;
    const wt_tokenizer *tokenizer;
    size_t vocab, words; /* tokens; of 64 bits that a mask has */
    entry *order;        /* by bytes; made when a mask is first wanted */
    size_t n_order;
    size_t first[257]; /* the entries that begin with a byte, and where they end */
    uint32_t *path;    /* the set behind each byte of the entry that was walked last */
    mask masks[MASKS];
    size_t oldest;
};

static void piece_of(const wt_guide *g, int32_t token, const char **bytes, size_t *len)
{
    *bytes = "";
    *len = 0;
    if (wt_token_piece(g->tokenizer, token, false, bytes, len, NULL) != WT_OK)
        *len = 0; /* the model has more numbers than the tokenizer tokens */
}

/* --- the order -----------------------------------------------------------------------------------------------------
 */
static int by_bytes(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    const int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);
    return order ? order : x->len != y->len ? (x->len < y->len ? -1 : 1) : x->token < y->token ? -1 : 1;
}

static wt_status make_order(wt_guide *g, wt_err *err)
{
    size_t longest = 0;
    if (g->order)
        return WT_OK;
    entry *order = wt_alloc(g->ctx, g->vocab, sizeof *order, err);
    if (!order)
        return WT_ENOMEM;
    for (size_t i = 0; i < g->vocab; i++) {
        const char *bytes;
        size_t len;
        piece_of(g, (int32_t)i, &bytes, &len);
        if (!len)
            continue; /* a token that writes nothing never brings a text on */
        longest = len > longest ? len : longest;
        order[g->n_order++] = (entry){ bytes, (uint32_t)len, 0, (int32_t)i };
        g->first[(unsigned char)bytes[0] + 1]++;
    }
    qsort(order, g->n_order, sizeof *order, by_bytes);
    for (size_t b = 0; b < 256; b++)
        g->first[b + 1] += g->first[b];
    for (size_t i = 1; i < g->n_order; i++) {
        entry *e = &order[i];
        const entry *before = e - 1;
        while (e->shared < e->len && e->shared < before->len && e->bytes[e->shared] == before->bytes[e->shared])
            e->shared++;
    }
    g->path = wt_alloc(g->ctx, longest + 1, sizeof *g->path, err);
    if (!g->path) {
        wt_free(g->ctx, order);
        g->n_order = 0;
        memset(g->first, 0, sizeof g->first);
        return WT_ENOMEM;
    }
    g->order = order;
    return WT_OK;
}

/* --- masks ---------------------------------------------------------------------------------------------------------
 */
static wt_status fill(wt_guide *g, uint64_t *bits, wt_err *err)
{
    size_t alive = 0; /* bytes of the last entry that the grammar went along with */
    bool refused = false;
    memset(bits, 0, g->words * sizeof *bits);
    g->path[0] = wt_matcher_now(g->matcher);
    for (size_t i = 0; i < g->n_order; i++) {
        const entry *e = &g->order[i];
        if (refused && e->shared > alive)
            continue;
        for (alive = e->shared, refused = false; alive < e->len && !refused; alive += !refused) {
            uint32_t *to = &g->path[alive + 1];
            WT_TRY(wt_matcher_step(g->matcher, g->path[alive], (uint8_t)e->bytes[alive], to, err));
            refused = *to == WT_MATCH_DEAD;
        }
        if (!refused)
            bits[e->token >> 6] |= UINT64_C(1) << (e->token & 63);
        else if (!alive) /* none that begins so */
            i = g->first[(unsigned char)e->bytes[0] + 1] - 1;
    }
    if (wt_matcher_ends(g->matcher, wt_matcher_now(g->matcher)))
        for (size_t i = 0; i < g->vocab; i++)
            if (wt_token_ends(g->tokenizer, (int32_t)i))
                bits[i >> 6] |= UINT64_C(1) << (i & 63);
    return WT_OK;
}

wt_status wt_guide_mask(wt_guide *g, const uint64_t **bits, wt_err *err)
{
    const uint32_t now = wt_matcher_now(g->matcher);
    WT_TRY(make_order(g, err));
    for (size_t i = 0; i < MASKS; i++)
        if (g->masks[i].set == now) {
            *bits = g->masks[i].bits;
            return WT_OK;
        }
    mask *m = &g->masks[g->oldest];
    if (!m->bits && !(m->bits = wt_alloc(g->ctx, g->words, sizeof *m->bits, err)))
        return WT_ENOMEM;
    m->set = 0;
    WT_TRY(fill(g, m->bits, err));
    m->set = now;
    g->oldest = (g->oldest + 1) % MASKS;
    *bits = m->bits;
    return WT_OK;
}

/* --- one token -----------------------------------------------------------------------------------------------------
 */
static wt_status behind(wt_guide *g, int32_t token, uint32_t *out, wt_err *err)
{
    const char *bytes;
    size_t len;
    piece_of(g, token, &bytes, &len);
    *out = WT_MATCH_DEAD;
    return len ? wt_matcher_walk(g->matcher, wt_matcher_now(g->matcher), bytes, len, out, err) : WT_OK;
}

wt_status wt_guide_allows(wt_guide *g, int32_t token, bool *yes, wt_err *err)
{
    uint32_t set;
    if (wt_token_ends(g->tokenizer, token)) {
        *yes = wt_matcher_ends(g->matcher, wt_matcher_now(g->matcher));
        return WT_OK;
    }
    WT_TRY(behind(g, token, &set, err));
    *yes = set != WT_MATCH_DEAD;
    return WT_OK;
}

wt_status wt_guide_accept(wt_guide *g, int32_t token, wt_err *err)
{
    uint32_t set;
    bool forgot;
    if (wt_token_ends(g->tokenizer, token))
        return WT_OK;
    WT_TRY(behind(g, token, &set, err));
    if (set == WT_MATCH_DEAD)
        return wt_fail(err, WT_EUSAGE, "the grammar does not go on with token %d", token);
    WT_TRY(wt_matcher_go(g->matcher, set, &forgot, err));
    for (size_t i = 0; forgot && i < MASKS; i++)
        g->masks[i].set = 0;
    return WT_OK;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */
static wt_status read_grammar(wt_guide *g, const char *gbnf, const char *json_schema, wt_err *err)
{
    if (!json_schema)
        return wt_grammar_parse(&g->grammar, g->ctx, gbnf, "grammar", err);
    wt_buf text;
    wt_buf_init(&text, g->ctx);
    wt_status st = wt_schema_to_grammar(&text, json_schema, "JSON schema", err);
    if (st == WT_OK)
        st = wt_grammar_parse(&g->grammar, g->ctx, text.data, "grammar of the JSON schema", err);
    wt_buf_free(&text);
    return st;
}

wt_status wt_guide_open(wt_guide **out, wt_context *ctx, const char *gbnf, const char *json_schema,
                        const wt_tokenizer *tokenizer, size_t vocab, wt_err *err)
{
    *out = NULL;
    if (gbnf && json_schema)
        return wt_fail(err, WT_EUSAGE, "a grammar and a JSON schema cannot both be followed");
    if (!tokenizer)
        return wt_fail(err, WT_EUNSUPPORTED, "a grammar needs the model's tokenizer, and the file has none");
    wt_guide *g = wt_alloc(ctx, 1, sizeof *g, err);
    if (!g)
        return WT_ENOMEM;
    g->ctx = ctx;
    g->tokenizer = tokenizer;
    g->vocab = vocab;
    g->words = (vocab + 63) / 64;
    wt_status st = read_grammar(g, gbnf, json_schema, err);
    if (st == WT_OK)
        st = wt_matcher_open(&g->matcher, ctx, g->grammar, err);
    if (st != WT_OK) {
        wt_guide_close(g);
        return st;
    }
    *out = g;
    return WT_OK;
}

void wt_guide_close(wt_guide *g)
{
    if (!g)
        return;
    wt_matcher_close(g->matcher);
    wt_grammar_close(g->grammar);
    for (size_t i = 0; i < MASKS; i++)
        wt_free(g->ctx, g->masks[i].bits);
    wt_free(g->ctx, g->order);
    wt_free(g->ctx, g->path);
    wt_free(g->ctx, g);
}
