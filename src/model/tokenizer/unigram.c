/* unigram.c - the most probable way to cut a text into tokens (Viterbi).
 *
 * best[i] is the best score of the first i bytes; every token that begins at i proposes i + length. Tokens are found by
 * walking a trie whose edges are rows of one hash table. Sums are double and in the order of the text, so that ties
 * fall as they do elsewhere; of equals the token that was met first stays. A character without a token costs unk_score.
 */
#include <float.h>
#include "base/hash.h"
#include "model/tokenizer/tokenizer_impl.h"

typedef struct edge {
    uint32_t node; /* UINT32_MAX: empty */
    uint32_t to;
    uint8_t byte;
} edge;
struct wt_lattice_trie {
    edge *edges;
    size_t mask;
    int32_t *token; /* [nodes]; -1: none */
    uint32_t nodes;
};
struct wt_lattice_node {
    double score;
    size_t from;
    int32_t id;
    bool reached;
};
static const double unk_penalty = 10.0;

static edge *edge_of(const struct wt_lattice_trie *trie, uint32_t node, uint8_t byte)
{
    size_t i = (size_t)((((uint64_t)node << 8 | byte) * 0x9e3779b97f4a7c15u) >> 24) & trie->mask;
    while (trie->edges[i].node != UINT32_MAX && (trie->edges[i].node != node || trie->edges[i].byte != byte))
        i = (i + 1) & trie->mask;
    return &trie->edges[i];
}

static void insert(struct wt_lattice_trie *trie, const wt_string *name, int32_t id)
{
    uint32_t node = 0;
    for (size_t i = 0; i < name->len; i++) {
        edge *e = edge_of(trie, node, (uint8_t)name->data[i]);
        if (e->node == UINT32_MAX)
            *e = (edge){ node, trie->nodes++, (uint8_t)name->data[i] };
        node = e->to;
    }
    trie->token[node] = id;
}

static bool takes_part(const wt_tokenizer *t, size_t id)
{
    const uint8_t type = t->type[id];
    return t->text[id].data && t->text[id].len && !(t->outside && t->outside[id]) &&
           (t->outside || type == WT_TOKEN_NORMAL || type == WT_TOKEN_USER || type == WT_TOKEN_UNDEFINED);
}

wt_status wt_unigram_build(wt_tokenizer *t, wt_err *err)
{
    size_t nodes = 1, rows = 16;
    double least = 0, most = FLT_MIN; /* scores are logarithms: this is SentencePiece's beginning of a maximum */
    bool any = false;
    for (size_t i = 0; i < t->info.tokens; i++) {
        nodes += takes_part(t, i) ? t->text[i].len : 0;
        if (!takes_part(t, i) || (!t->outside && t->type[i] == WT_TOKEN_USER))
            continue;
        least = !any || t->score[i] < least ? t->score[i] : least;
        most = t->score[i] > most ? t->score[i] : most;
        any = true;
    }
    if (nodes > UINT32_MAX / 4)
        return wt_fail(err, WT_ELIMIT, "a vocabulary of %zu bytes", nodes);
    while (rows < 2 * nodes)
        rows *= 2;
    struct wt_lattice_trie *trie = wt_arena_alloc(&t->arena, 1, sizeof *trie, err);
    if (!trie || !(trie->edges = wt_arena_alloc(&t->arena, rows, sizeof *trie->edges, err)) ||
        !(trie->token = wt_arena_alloc(&t->arena, nodes, sizeof *trie->token, err)))
        return WT_ENOMEM;
    for (size_t i = 0; i < rows; i++)
        trie->edges[i].node = UINT32_MAX;
    memset(trie->token, 0xff, nodes * sizeof *trie->token);
    trie->mask = rows - 1;
    trie->nodes = 1;
    for (size_t i = 0; i < t->info.tokens; i++)
        if (takes_part(t, i))
            insert(trie, &t->text[i], (int32_t)i);
    for (size_t i = 0; i < t->info.tokens && !t->outside;
         i++) /* what the user defined is better than any way around it */
        if (t->type[i] == WT_TOKEN_USER)
            t->score[i] = t->sentencepiece ? (double)t->text[i].len * most - 0.1 : 0;
    t->trie = trie;
    t->unk_score = least - unk_penalty;
    return WT_OK;
}

/* SentencePiece adds in single precision, and ties fall accordingly. */
static double plus(const wt_tokenizer *t, double a, double b)
{
    return t->sentencepiece ? (double)((float)a + (float)b) : a + b;
}

static void propose(struct wt_lattice_node *best, size_t from, size_t to, double score, int32_t id)
{
    if (!best[to].reached || score > best[to].score)
        best[to] = (struct wt_lattice_node){ score, from, id, true };
}

static void walk(const wt_tokenizer *t, struct wt_lattice_node *best, const char *word, size_t len)
{
    const struct wt_lattice_trie *trie = t->trie;
    for (size_t at = 0, size; at < len; at += size) {
        bool single = false;
        (void)wt_utf8_get(word, len, at, &size);
        uint32_t node = 0;
        for (size_t i = at; i < len; i++) {
            const edge *e = edge_of(trie, node, (uint8_t)word[i]);
            if (e->node == UINT32_MAX)
                break;
            node = e->to;
            const int32_t id = trie->token[node];
            if (id < 0)
                continue;
            propose(best, at, i + 1, plus(t, best[at].score, t->score[id]), id);
            single = single || i + 1 - at == size;
        }
        if (!single)
            propose(best, at, at + size, plus(t, best[at].score, t->unk_score), -1);
    }
}

wt_status wt_unigram_word(const wt_tokenizer *t, wt_scratch *s, const char *word, size_t len, wt_sink *sink,
                          wt_err *err)
{
    void *lattice = s->lattice;
    const wt_status st = wt_grow(s->ctx, &lattice, &s->cap_lattice, len + 2, sizeof *s->lattice, err);
    s->lattice = lattice;
    WT_TRY(st);
    struct wt_lattice_node *best = s->lattice;
    memset(best, 0, (len + 1) * sizeof *best);
    best[0].reached = true;
    walk(t, best, word, len);
    /* backwards along the best way, turning the links around */
    size_t next = SIZE_MAX;
    for (size_t at = len;;) {
        const size_t from = best[at].from;
        best[at].from = next;
        next = at;
        if (at == 0)
            break;
        at = from;
    }
    for (size_t at = 0, to; at < len; at = to) {
        to = best[at].from;
        if (best[to].id >= 0)
            wt_sink_add(sink, best[to].id);
        else
            wt_emit_unknown(t, word + at, to - at, sink);
    }
    return WT_OK;
}
