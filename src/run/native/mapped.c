/* mapped.c - the bytes of constants that a specialization reads where they lie.
 *
 * What a kernel has packed, or sees as an aligned copy, is counted with the packings (pack.h). What is left lies in the
 * mapped file, whose pages a run then keeps in memory, or was made by the passes. Constants that share bytes count
 * once. */
#include <stdlib.h>
#include "run/native/native.h"

typedef struct span {
    const uint8_t *begin, *end;
} span;

typedef struct spans {
    const wt_spec *spec;
    span *items;
    size_t n;
} spans;

static void add(spans *s, const wt_value *v)
{
    if (!wt_value_is_const(v) || !v->type.bytes || s->spec->slots[v->id].data != v->type.data)
        return;
    const uint8_t *data = v->type.data;
    s->items[s->n++] = (span){ data, data + v->type.bytes };
}

static void collect(spans *s, const wt_program *program)
{
    for (size_t i = 0; i < program->n_steps; i++) {
        const wt_step *step = &program->steps[i];
        for (size_t k = 0; k < step->node->n_in; k++)
            if (!step->kernel || k >= 32 || !(step->kernel->packs >> k & 1))
                add(s, step->node->in[k]);
        for (int b = 0; b < 2; b++)
            if (step->body[b])
                collect(s, step->body[b]);
    }
    for (size_t i = 0; i < program->graph->n_outputs; i++)
        add(s, program->graph->outputs[i]);
}

static size_t count_outputs(const wt_program *program)
{
    size_t n = program->graph->n_outputs;
    for (size_t i = 0; i < program->n_steps; i++)
        for (int b = 0; b < 2; b++)
            if (program->steps[i].body[b])
                n += count_outputs(program->steps[i].body[b]);
    return n;
}

static int by_begin(const void *a, const void *b)
{
    const uintptr_t x = (uintptr_t)((const span *)a)->begin, y = (uintptr_t)((const span *)b)->begin;
    return x < y ? -1 : x > y;
}

static bool in_file(const wt_graph *g, const uint8_t *p)
{
    for (; g; g = g->shared_source)
        for (size_t i = 0; i < g->n_maps; i++)
            if ((uintptr_t)p - (uintptr_t)g->maps[i].data < g->maps[i].size)
                return true;
    return false;
}

wt_status wt_spec_count_constants(wt_spec *spec, wt_context *ctx, wt_err *err)
{
    spans s = { .spec = spec };
    s.items = wt_alloc(ctx, spec->n_args + count_outputs(spec->main) + 1, sizeof *s.items, err);
    if (!s.items)
        return WT_ENOMEM;
    collect(&s, spec->main);
    qsort(s.items, s.n, sizeof *s.items, by_begin);
    for (size_t i = 0; i < s.n;) {
        span all = s.items[i++];
        for (; i < s.n && (uintptr_t)s.items[i].begin < (uintptr_t)all.end; i++)
            if ((uintptr_t)s.items[i].end > (uintptr_t)all.end)
                all.end = s.items[i].end;
        *(in_file(spec->graph, all.begin) ? &spec->mapped_bytes : &spec->made_bytes) += (uint64_t)(all.end - all.begin);
    }
    wt_free(ctx, s.items);
    return WT_OK;
}
