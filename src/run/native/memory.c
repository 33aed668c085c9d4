/* memory.c - offsets in the arena: which values can share bytes because they never live together.
 *
 * A buffer is a value with all its views and in-place successors; its life is from the step that makes it to the last
 * step that reads it (a body reads at its control step; graph outputs and taps of unknown readers live to the end).
 * Greedy by size with best fit: largest first, at the lowest gap that is free for the whole life. That is within a few
 * per cent of the lower bound on the networks of the field. */
#include <stdlib.h>
#include "run/native/native.h"

typedef struct buffer {
    size_t bytes, offset;
    size_t first, last; /* steps */
    uint32_t root;      /* value id */
} buffer;

typedef struct planner {
    wt_spec *spec;
    const wt_program *program;
    wt_context *ctx;
    uint32_t *root_of; /* by value id: the value whose bytes it shares; UINT32_MAX: not ours */
    size_t *last_use;  /* by value id */
    size_t *first_use;
    buffer *buffers;
    size_t n_buffers;
} planner;

static void mark_uses(planner *p)
{
    for (size_t i = 0; i < p->program->n_steps; i++) {
        const wt_node *n = p->program->steps[i].node;
        for (size_t k = 0; k < n->n_in; k++)
            if (n->in[k])
                p->last_use[n->in[k]->id] = i;
    }
}

/* What a body reads from outside must live until `at`: its control step, or longer when the step may hand it on. */
static void mark_body_uses(planner *p, const wt_program *body, size_t at)
{
    for (size_t i = 0; i < body->n_steps; i++) {
        const wt_step *s = &body->steps[i];
        for (size_t k = 0; k < s->node->n_in; k++)
            if (s->node->in[k] && p->last_use[s->node->in[k]->id] < at)
                p->last_use[s->node->in[k]->id] = at;
        for (int b = 0; b < 2; b++)
            if (s->body[b])
                mark_body_uses(p, s->body[b], at);
    }
    for (size_t i = 0; i < body->graph->n_outputs; i++)
        if (p->last_use[body->graph->outputs[i]->id] < at)
            p->last_use[body->graph->outputs[i]->id] = at;
}

/* What is handed on without copying, by views and by If, lives as long as what it was handed on as. Backwards, so that
 * chains add up. */
static void extend_handed_on(planner *p)
{
    for (size_t i = p->program->n_steps; i-- > 0;) {
        const wt_step *s = &p->program->steps[i];
        if (s->kind == WT_STEP_STATIC || s->kind == WT_STEP_DYNAMIC)
            continue;
        size_t last = i;
        for (size_t o = 0; o < s->node->n_out; o++)
            if (s->node->out[o] && p->last_use[s->node->out[o]->id] > last)
                last = p->last_use[s->node->out[o]->id];
        for (size_t k = 0; k < s->node->n_in; k++)
            if (s->node->in[k] && p->last_use[s->node->in[k]->id] < last)
                p->last_use[s->node->in[k]->id] = last;
        for (int b = 0; b < 2; b++)
            if (s->body[b])
                mark_body_uses(p, s->body[b], last);
    }
}

static uint32_t root(const planner *p, uint32_t id)
{
    while (p->root_of[id] != id && p->root_of[id] != UINT32_MAX)
        id = p->root_of[id];
    return p->root_of[id] == UINT32_MAX ? UINT32_MAX : id;
}

/* A step may write over in[0] when nobody reads it later and nothing else shares the bytes beyond. */
static bool can_overwrite(const planner *p, const wt_step *s, size_t at)
{
    const wt_value *in = s->node->n_in ? s->node->in[0] : NULL, *out = s->node->out[0];
    size_t a, b;
    if (!s->kernel->in_place || !in || !out || p->spec->slots[in->id].kind != WT_SLOT_ARENA)
        return false;
    const uint32_t r = root(p, in->id);
    if (r == UINT32_MAX || !wt_tensor_size(&in->type, &a) || !wt_tensor_size(&out->type, &b) || a != b)
        return false;
    if (p->last_use[r] != at)
        return false;
    for (size_t k = 1; k < s->node->n_in; k++) /* the same bytes under another name */
        if (s->node->in[k] && root(p, s->node->in[k]->id) == r)
            return false;
    return true;
}

static void join(planner *p, uint32_t id, uint32_t r)
{
    p->root_of[id] = r;
    if (p->last_use[id] > p->last_use[r])
        p->last_use[r] = p->last_use[id];
}

static void find_roots(planner *p)
{
    for (size_t i = 0; i < p->program->n_steps; i++) {
        wt_step *s = &p->program->steps[i];
        for (size_t o = 0; o < s->node->n_out; o++) {
            const wt_value *v = s->node->out[o];
            if (!v || p->spec->slots[v->id].kind == WT_SLOT_NONE)
                continue;
            wt_slot *slot = &p->spec->slots[v->id];
            if (p->last_use[v->id] < i)
                p->last_use[v->id] = i;
            if (s->kind == WT_STEP_VIEW) {
                const wt_value *in = s->node->in[0];
                const uint32_t r = in && p->spec->slots[in->id].kind == WT_SLOT_ARENA ? root(p, in->id) : UINT32_MAX;
                if (r != UINT32_MAX && wt_shape_known(&v->type.shape)) {
                    slot->kind = WT_SLOT_ARENA;
                    join(p, v->id, r);
                }
            } else if (slot->kind == WT_SLOT_ARENA) {
                p->root_of[v->id] = v->id;
                p->first_use[v->id] = i;
                if (o == 0 && can_overwrite(p, s, i))
                    join(p, v->id, root(p, s->node->in[0]->id));
            }
        }
    }
}

static int by_size(const void *a, const void *b)
{
    const buffer *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->root < y->root ? -1 : x->root > y->root;
}

static int by_offset(const void *a, const void *b)
{
    const buffer *const *x = a, *const *y = b;
    return (*x)->offset < (*y)->offset ? -1 : (*x)->offset > (*y)->offset;
}

/* The smallest gap between already placed buffers that are alive at the same time. */
static size_t best_fit(buffer **placed, size_t n, const buffer *b)
{
    size_t end = 0, best = SIZE_MAX, best_gap = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if (placed[i]->last < b->first || placed[i]->first > b->last)
            continue;
        if (placed[i]->offset > end) {
            const size_t gap = placed[i]->offset - end;
            if (gap >= b->bytes && gap < best_gap) {
                best = end;
                best_gap = gap;
            }
        }
        if (placed[i]->offset + placed[i]->bytes > end)
            end = placed[i]->offset + placed[i]->bytes;
    }
    return best != SIZE_MAX ? best : end;
}

static wt_status collect(planner *p, wt_err *err)
{
    for (size_t i = 0; i < p->spec->n_values; i++) {
        size_t bytes;
        if (p->root_of[i] != i)
            continue;
        if (!wt_tensor_size(&p->spec->slots[i].type, &bytes) || bytes > SIZE_MAX / 4)
            return wt_fail(err, WT_ELIMIT, "a value of the model would need more memory than can be addressed");
        buffer *b = &p->buffers[p->n_buffers++];
        /* 64 bytes of slack: vector loads of a tail may not leave the arena. */
        *b = (buffer){
            .bytes = wt_align_up(bytes + 64, 64), .first = p->first_use[i], .last = p->last_use[i], .root = (uint32_t)i
        };
    }
    return WT_OK;
}

static wt_status assign(planner *p, size_t base, size_t *end, buffer **placed, wt_err *err)
{
    WT_TRY(collect(p, err));
    qsort(p->buffers, p->n_buffers, sizeof *p->buffers, by_size);
    *end = base;
    for (size_t i = 0; i < p->n_buffers; i++) {
        buffer *b = &p->buffers[i];
        b->offset = best_fit(placed, i, b);
        placed[i] = b;
        /* keep `placed` sorted by offset: it is nearly so already */
        for (size_t k = i; k > 0 && by_offset(&placed[k - 1], &placed[k]) > 0; k--) {
            buffer *t = placed[k];
            placed[k] = placed[k - 1];
            placed[k - 1] = t;
        }
        size_t top;
        if (wt_add_overflows(base + b->offset, b->bytes, &top) || top > SIZE_MAX / 4)
            return wt_fail(err, WT_ELIMIT, "the activations of the model would need more memory than can be addressed");
        if (top > *end)
            *end = top;
        p->spec->slots[b->root].offset = base + b->offset;
    }
    for (size_t i = 0; i < p->spec->n_values; i++) {
        const uint32_t r = root(p, (uint32_t)i);
        if (r != UINT32_MAX)
            p->spec->slots[i].offset = p->spec->slots[r].offset;
    }
    return WT_OK;
}

wt_status wt_place_values(wt_spec *spec, const wt_program *program, size_t base, size_t *end, wt_context *ctx,
                          wt_err *err)
{
    const size_t n = spec->n_values + 1;
    planner p = { .spec = spec, .program = program, .ctx = ctx };
    wt_arena tmp;
    wt_arena_init(&tmp, ctx);
    p.root_of = wt_arena_alloc(&tmp, n, sizeof *p.root_of, err);
    p.last_use = p.root_of ? wt_arena_alloc(&tmp, 2 * n, sizeof *p.last_use, err) : NULL;
    p.buffers = p.last_use ? wt_arena_alloc(&tmp, n, sizeof *p.buffers, err) : NULL;
    buffer **placed = p.buffers ? wt_arena_alloc(&tmp, n, sizeof *placed, err) : NULL;
    wt_status st = WT_ENOMEM;
    if (!placed)
        goto done;
    p.first_use = p.last_use + n;
    memset(p.root_of, 0xff, n * sizeof *p.root_of);
    mark_uses(&p);
    for (size_t i = 0; i < program->graph->n_outputs; i++)
        p.last_use[program->graph->outputs[i]->id] = program->n_steps;
    extend_handed_on(&p);
    find_roots(&p);
    st = assign(&p, base, end, placed, err);
done:
    wt_arena_free(&tmp);
    return st;
}
