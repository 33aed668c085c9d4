/* profile.c - time per step of a session's runs. Steps of bodies are listed behind their control step. */
#include "run/native/native.h"

void wt_session_profile(wt_session *s, int on)
{
    wt_err ignored;
    s->profile = false;
    for (wt_binding *b = s->bindings; b; b = b->next) {
        const size_t n = b->spec->n_steps;
        if (!b->ns_total && on) {
            b->ns_total = wt_alloc(s->plan->ctx, 2 * n + 2, sizeof *b->ns_total, &ignored);
            b->ns_min = b->ns_total ? b->ns_total + n + 1 : NULL;
        }
        if (!b->ns_total)
            return;
        memset(b->ns_total, 0, (2 * n + 2) * sizeof *b->ns_total);
        b->profiled = 0;
    }
    s->profile = on != 0;
}

size_t wt_session_step_count(const wt_session *s) { return s->now ? s->now->spec->n_steps : 0; }

static const wt_step *find_step(const wt_program *p, size_t index, int *depth)
{
    for (size_t i = 0; i < p->n_steps; i++) {
        const wt_step *step = &p->steps[i];
        if (step->index == index)
            return step;
        for (int b = 0; b < 2; b++) {
            const wt_step *inner = step->body[b] ? find_step(step->body[b], index, depth) : NULL;
            if (inner) {
                (*depth)++;
                return inner;
            }
        }
    }
    return NULL;
}

wt_status wt_session_step(const wt_session *s, size_t index, wt_step_profile *out, wt_err *err)
{
    int depth = 0;
    const wt_step *step = s->now ? find_step(s->now->spec->main, index, &depth) : NULL;
    if (!step)
        return wt_fail(err, WT_EUSAGE, "there is no step %zu", index);
    static const char *const kinds[] = { "", "decided while running", "view", "control" };
    *out = (wt_step_profile){ .name = step->node->name,
                              .op = step->node->op_type,
                              .kernel = step->kernel ? step->kernel->name : kinds[step->kind],
                              .flops = step->flops,
                              .bytes = step->bytes,
                              .threads = step->threads,
                              .depth = depth };
    if (step->node->n_out && step->node->out[0])
        wt_shape_text(&s->now->tensors[step->node->out[0]->id].shape, NULL, out->shape, sizeof out->shape);
    if (s->now->profiled && s->now->ns_total) {
        out->ms_mean = s->now->ns_total[index] / (double)s->now->profiled / 1e6;
        out->ms_min = s->now->ns_min[index] / 1e6;
    }
    return WT_OK;
}
