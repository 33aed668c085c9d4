/* grammar_match.c - running a grammar on all its readings at once. */
#include <stdlib.h>
#include "run/generate/grammar.h"

/* A reading: where it is, and the frame it returns to (0: the end of the text). */
typedef struct reading {
    uint32_t state, frame;
} reading;
typedef struct frame {
    uint32_t state, below; /* where to go on, and what to return to then */
} frame;
typedef struct set {
    size_t first, n; /* of `readings` */
    bool ends;
} set;
/* An index of what is in an array: open addressing, entries are numbers + 1. */
typedef struct table {
    uint32_t *slots;
    size_t size;
} table;

struct wt_matcher {
    wt_context *ctx;
    const wt_grammar *g;
    frame *frames;
    size_t n_frames, cap_frames;
    reading *readings;
    size_t n_readings, cap_readings;
    set *sets;
    size_t n_sets, cap_sets;
    uint32_t *steps; /* [n_sets][kinds]: the set behind a byte of the kind; 0: not known yet */
    size_t cap_steps;
    table frame_table, set_table;
    uint8_t kind[256]; /* bytes that no state tells apart are one kind */
    size_t kinds;
    reading *todo; /* of the set that is being made: everything reached, then what reads */
    size_t n_todo, cap_todo;
    table seen;
    uint32_t now;
};

enum { FIRST_SET = 2, MOST_READINGS = 1 << 16, MOST_SETS = 1 << 16, ROOMY_SETS = 2048, ROOMY_FRAMES = 1 << 16 };

/* --- tables --------------------------------------------------------------------------------------------------------
 */
static uint32_t mix(uint32_t a, uint32_t b)
{
    uint64_t h = ((uint64_t)a << 32 | b) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(h >> 32) ^ (uint32_t)h;
}

static void table_put(table *t, uint32_t hash, uint32_t number)
{
    size_t at = hash & (t->size - 1);
    while (t->slots[at])
        at = (at + 1) & (t->size - 1);
    t->slots[at] = number + 1;
}

/* Empty, with room for `n` at half full. */
static wt_status table_reset(wt_matcher *m, table *t, size_t n, wt_err *err)
{
    size_t size = 64;
    while (size < 2 * n)
        size *= 2;
    if (size > t->size) {
        uint32_t *slots = wt_alloc(m->ctx, size, sizeof *slots, err);
        if (!slots)
            return WT_ENOMEM; /* the old one stays usable */
        wt_free(m->ctx, t->slots);
        *t = (table){ slots, size };
        return WT_OK;
    }
    memset(t->slots, 0, t->size * sizeof *t->slots);
    return WT_OK;
}

static uint32_t hash_frame(const frame *f) { return mix(f->state, f->below); }

static uint32_t hash_set(const wt_matcher *m, const set *s)
{
    uint32_t h = s->ends;
    for (size_t i = 0; i < s->n; i++)
        h = mix(h ^ m->readings[s->first + i].state, m->readings[s->first + i].frame + (uint32_t)i);
    return h;
}

/* --- stacks --------------------------------------------------------------------------------------------------------
 */
static wt_status push(wt_matcher *m, uint32_t state, uint32_t below, uint32_t *out, wt_err *err)
{
    table *t = &m->frame_table;
    const frame f = { state, below };
    for (size_t at = hash_frame(&f) & (t->size - 1); t->slots[at]; at = (at + 1) & (t->size - 1)) {
        const frame *g = &m->frames[t->slots[at] - 1];
        if (g->state == state && g->below == below) {
            *out = t->slots[at] - 1;
            return WT_OK;
        }
    }
    WT_TRY(wt_grow(m->ctx, (void **)&m->frames, &m->cap_frames, m->n_frames + 1, sizeof *m->frames, err));
    *out = (uint32_t)m->n_frames;
    m->frames[m->n_frames++] = f;
    if (2 * m->n_frames > t->size) {
        WT_TRY(table_reset(m, t, 2 * m->n_frames, err));
        for (size_t i = 1; i < m->n_frames; i++)
            table_put(t, hash_frame(&m->frames[i]), (uint32_t)i);
    } else {
        table_put(t, hash_frame(&f), *out);
    }
    return WT_OK;
}

/* --- making a set --------------------------------------------------------------------------------------------------
 */
static wt_status reach(wt_matcher *m, uint32_t state, uint32_t frame_number, wt_err *err)
{
    table *t = &m->seen;
    const reading r = { state, frame_number };
    for (size_t at = mix(state, frame_number) & (t->size - 1); t->slots[at]; at = (at + 1) & (t->size - 1)) {
        const reading *q = &m->todo[t->slots[at] - 1];
        if (q->state == r.state && q->frame == r.frame)
            return WT_OK;
    }
    if (m->n_todo >= MOST_READINGS)
        return wt_fail(err, WT_ELIMIT, "the grammar can be read in more than %d ways at once", MOST_READINGS);
    WT_TRY(wt_grow(m->ctx, (void **)&m->todo, &m->cap_todo, m->n_todo + 1, sizeof *m->todo, err));
    m->todo[m->n_todo++] = r;
    if (2 * m->n_todo > t->size) {
        WT_TRY(table_reset(m, t, 2 * m->n_todo, err));
        for (size_t i = 0; i < m->n_todo; i++)
            table_put(t, mix(m->todo[i].state, m->todo[i].frame), (uint32_t)i);
    } else {
        table_put(t, mix(state, frame_number), (uint32_t)m->n_todo - 1);
    }
    return WT_OK;
}

/* What a state that reads nothing leads to. A call whose rule has nothing behind it leaves no frame: repetitions that
 * are written as recursion at the end do not grow the stack. */
static wt_status follow(wt_matcher *m, reading r, bool *ends, wt_err *err)
{
    const wt_gstate *s = &m->g->states[r.state];
    uint32_t below = r.frame;
    switch (s->type) {
    case WT_G_FORK: WT_TRY(reach(m, s->next, r.frame, err)); return reach(m, s->other, r.frame, err);
    case WT_G_CALL:
        if (m->g->states[s->next].type != WT_G_RETURN)
            WT_TRY(push(m, s->next, r.frame, &below, err));
        return reach(m, m->g->rules[s->other].start, below, err);
    case WT_G_RETURN:
        if (r.frame)
            return reach(m, m->frames[r.frame].state, m->frames[r.frame].below, err);
        *ends = true;
        return WT_OK;
    default: return WT_OK;
    }
}

static int by_state(const void *a, const void *b)
{
    const reading *x = a, *y = b;
    return x->state != y->state ? (x->state < y->state ? -1 : 1) : x->frame < y->frame ? -1 : x->frame > y->frame;
}

static bool same_set(const wt_matcher *m, const set *a, const reading *r, size_t n, bool ends)
{
    return a->n == n && a->ends == ends && (!n || !memcmp(m->readings + a->first, r, n * sizeof *r));
}

static wt_status add_set(wt_matcher *m, bool ends, uint32_t *out, wt_err *err)
{
    table *t = &m->set_table;
    const set s = { m->n_readings, m->n_todo, ends };
    WT_TRY(wt_grow(m->ctx, (void **)&m->readings, &m->cap_readings, s.first + s.n, sizeof *m->readings, err));
    if (s.n)
        memcpy(m->readings + s.first, m->todo, s.n * sizeof *m->todo);
    const uint32_t hash = hash_set(m, &s);
    for (size_t at = hash & (t->size - 1); t->slots[at]; at = (at + 1) & (t->size - 1))
        if (same_set(m, &m->sets[t->slots[at] - 1], m->todo, s.n, ends)) {
            *out = t->slots[at] - 1;
            return WT_OK;
        }
    if (m->n_sets >= MOST_SETS)
        return wt_fail(err, WT_ELIMIT, "the grammar has more than %d places within one token", MOST_SETS);
    WT_TRY(wt_grow(m->ctx, (void **)&m->sets, &m->cap_sets, m->n_sets + 1, sizeof *m->sets, err));
    WT_TRY(wt_grow(m->ctx, (void **)&m->steps, &m->cap_steps, (m->n_sets + 1) * m->kinds, sizeof *m->steps, err));
    memset(m->steps + m->n_sets * m->kinds, 0, m->kinds * sizeof *m->steps);
    *out = (uint32_t)m->n_sets;
    m->sets[m->n_sets++] = s;
    m->n_readings += s.n;
    if (2 * m->n_sets <= t->size) {
        table_put(t, hash, *out);
        return WT_OK;
    }
    WT_TRY(table_reset(m, t, 2 * m->n_sets, err));
    for (size_t i = FIRST_SET; i < m->n_sets; i++)
        table_put(t, hash_set(m, &m->sets[i]), (uint32_t)i);
    return WT_OK;
}

/* The set of what m->todo leads to. */
static wt_status close_set(wt_matcher *m, uint32_t *out, wt_err *err)
{
    size_t kept = 0;
    bool ends = false;
    for (size_t i = 0; i < m->n_todo; i++)
        WT_TRY(follow(m, m->todo[i], &ends, err));
    for (size_t i = 0; i < m->n_todo; i++)
        if (m->g->states[m->todo[i].state].type == WT_G_BYTES)
            m->todo[kept++] = m->todo[i];
    m->n_todo = kept;
    *out = WT_MATCH_DEAD;
    if (!kept && !ends)
        return WT_OK;
    qsort(m->todo, kept, sizeof *m->todo, by_state);
    return add_set(m, ends, out, err);
}

static wt_status begin_set(wt_matcher *m, wt_err *err)
{
    m->n_todo = 0;
    return table_reset(m, &m->seen, 0, err);
}

wt_status wt_matcher_step(wt_matcher *m, uint32_t from, uint8_t byte, uint32_t *out, wt_err *err)
{
    *out = from == WT_MATCH_DEAD ? WT_MATCH_DEAD : m->steps[from * m->kinds + m->kind[byte]];
    if (*out)
        return WT_OK;
    WT_TRY(begin_set(m, err));
    for (size_t i = 0; i < m->sets[from].n; i++) {
        const reading r = m->readings[m->sets[from].first + i];
        const wt_gstate *s = &m->g->states[r.state];
        if (s->lo <= byte && byte <= s->hi)
            WT_TRY(reach(m, s->next, r.frame, err));
    }
    WT_TRY(close_set(m, out, err));
    m->steps[from * m->kinds + m->kind[byte]] = *out;
    return WT_OK;
}

wt_status wt_matcher_walk(wt_matcher *m, uint32_t from, const char *bytes, size_t len, uint32_t *out, wt_err *err)
{
    *out = from;
    for (size_t i = 0; i < len && *out != WT_MATCH_DEAD; i++)
        WT_TRY(wt_matcher_step(m, *out, (uint8_t)bytes[i], out, err));
    return WT_OK;
}

uint32_t wt_matcher_now(const wt_matcher *m) { return m->now; }
bool wt_matcher_ends(const wt_matcher *m, uint32_t number) { return m->sets[number].ends; }

/* --- forgetting ----------------------------------------------------------------------------------------------------
 */
/* Frames that the readings of `now` stand on, moved together; a frame is always above those it stands on. */
static wt_status compact_frames(wt_matcher *m, reading *r, size_t n, wt_err *err)
{
    uint32_t *moved = wt_alloc(m->ctx, m->n_frames, sizeof *moved, err);
    size_t kept = 1;
    if (!moved)
        return WT_ENOMEM;
    for (size_t i = 0; i < n; i++)
        moved[r[i].frame] = 1;
    for (size_t i = m->n_frames; i-- > 1;)
        if (moved[i])
            moved[m->frames[i].below] = 1;
    moved[0] = 0;
    for (size_t i = 1; i < m->n_frames; i++)
        if (moved[i]) {
            m->frames[kept] = (frame){ m->frames[i].state, moved[m->frames[i].below] };
            moved[i] = (uint32_t)kept++;
        }
    for (size_t i = 0; i < n; i++)
        r[i].frame = moved[r[i].frame];
    m->n_frames = kept;
    wt_free(m->ctx, moved);
    WT_TRY(table_reset(m, &m->frame_table, 2 * kept, err));
    for (size_t i = 1; i < kept; i++)
        table_put(&m->frame_table, hash_frame(&m->frames[i]), (uint32_t)i);
    return WT_OK;
}

/* All sets but the present one. */
static wt_status forget(wt_matcher *m, wt_err *err)
{
    const set now = m->sets[m->now];
    WT_TRY(begin_set(m, err));
    WT_TRY(wt_grow(m->ctx, (void **)&m->todo, &m->cap_todo, now.n, sizeof *m->todo, err));
    if (now.n)
        memcpy(m->todo, m->readings + now.first, now.n * sizeof *m->todo);
    m->n_todo = now.n;
    WT_TRY(compact_frames(m, m->todo, m->n_todo, err));
    qsort(m->todo, m->n_todo, sizeof *m->todo, by_state);
    m->n_sets = FIRST_SET;
    m->n_readings = 0;
    WT_TRY(table_reset(m, &m->set_table, ROOMY_SETS, err));
    return add_set(m, now.ends, &m->now, err);
}

wt_status wt_matcher_go(wt_matcher *m, uint32_t number, bool *forgot, wt_err *err)
{
    m->now = number;
    *forgot = m->n_sets > ROOMY_SETS || m->n_frames > ROOMY_FRAMES;
    return *forgot ? forget(m, err) : WT_OK;
}

/* --- opening -------------------------------------------------------------------------------------------------------
 */
static void find_kinds(wt_matcher *m)
{
    bool cut[257] = { false };
    for (size_t i = 0; i < m->g->n_states; i++)
        if (m->g->states[i].type == WT_G_BYTES) {
            cut[m->g->states[i].lo] = true;
            cut[m->g->states[i].hi + 1] = true;
        }
    for (int b = 0; b < 256; b++) {
        m->kinds += b && cut[b];
        m->kind[b] = (uint8_t)m->kinds;
    }
    m->kinds++;
}

static wt_status start(wt_matcher *m, wt_err *err)
{
    find_kinds(m);
    WT_TRY(table_reset(m, &m->frame_table, ROOMY_SETS, err));
    WT_TRY(table_reset(m, &m->set_table, ROOMY_SETS, err));
    WT_TRY(wt_grow(m->ctx, (void **)&m->frames, &m->cap_frames, 64, sizeof *m->frames, err));
    WT_TRY(wt_grow(m->ctx, (void **)&m->sets, &m->cap_sets, 64, sizeof *m->sets, err));
    m->n_frames = 1;
    m->n_sets = FIRST_SET;
    WT_TRY(begin_set(m, err));
    WT_TRY(reach(m, m->g->rules[m->g->root].start, 0, err));
    WT_TRY(close_set(m, &m->now, err));
    return m->now == WT_MATCH_DEAD ? wt_fail(err, WT_EFORMAT, "the grammar allows no text at all") : WT_OK;
}

wt_status wt_matcher_open(wt_matcher **out, wt_context *ctx, const wt_grammar *g, wt_err *err)
{
    *out = NULL;
    wt_matcher *m = wt_alloc(ctx, 1, sizeof *m, err);
    if (!m)
        return WT_ENOMEM;
    m->ctx = ctx;
    m->g = g;
    const wt_status st = start(m, err);
    if (st != WT_OK) {
        wt_matcher_close(m);
        return st;
    }
    *out = m;
    return WT_OK;
}

void wt_matcher_close(wt_matcher *m)
{
    if (!m)
        return;
    void *const all[] = { m->frames,          m->readings, m->sets,      m->steps, m->frame_table.slots,
                          m->set_table.slots, m->todo,     m->seen.slots };
    for (size_t i = 0; i < WT_ARRAY_LEN(all); i++)
        wt_free(m->ctx, all[i]);
    wt_free(m->ctx, m);
}
