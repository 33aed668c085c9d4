/* exec.c - the loop over steps. Every member of the team runs it; see pool.h for what a barrier costs.
 *
 * Consecutive steps of one member need no barrier between them. A step that fails is remembered by its place in the
 * order of execution, and members leave at the first barrier behind that place: so all leave at the same one, whoever
 * is late. */
#include "base/clock.h"
#include "run/native/eval.h"
#include "run/native/native.h"

static void fail_step(wt_session *s, size_t at, wt_status st, const wt_err *err)
{
    int expected = 0;
    if (atomic_compare_exchange_strong(&s->failure_taken, &expected, 1)) {
        s->failure = *err;
        s->failure_status = st;
    }
    size_t old = atomic_load(&s->failed_step);
    while (at < old && !atomic_compare_exchange_weak(&s->failed_step, &old, at))
        ;
}

static wt_status dynamic_run(wt_session *s, const wt_step *step, wt_err *err)
{
    wt_binding *b = s->now;
    const wt_node *node = step->node;
    const wt_tensor *in[64];
    wt_tensor out[16];
    if (node->n_in > WT_ARRAY_LEN(in) || node->n_out > WT_ARRAY_LEN(out))
        return wt_fail(err, WT_EUNSUPPORTED,
                       "%zu inputs and %zu outputs are more than the engine takes where shapes depend on data",
                       node->n_in, node->n_out);
    for (size_t i = 0; i < node->n_in; i++)
        in[i] = node->in[i] ? &b->tensors[node->in[i]->id] : NULL;
    const wt_eval e = { s->plan->ctx, s->plan->cpu, s->plan->packs, &s->dyn, s->plan->options.dynamic_limit };
    WT_TRY(wt_eval_node(&e, node, in, out, err));
    if (s->dyn.total > s->plan->options.dynamic_limit)
        return wt_fail(err, WT_ELIMIT, "values whose shape depends on data take more than the limit of %llu bytes",
                       (unsigned long long)s->plan->options.dynamic_limit);
    for (size_t i = 0; i < node->n_out; i++)
        if (node->out[i])
            b->tensors[node->out[i]->id] = out[i];
    return WT_OK;
}

static wt_status view_run(wt_session *s, const wt_step *step, wt_err *err)
{
    wt_binding *b = s->now;
    wt_tensor *out = &b->tensors[step->node->out[0]->id];
    const wt_tensor *in = &b->tensors[step->node->in[0]->id];
    if (wt_shape_known(&b->spec->slots[step->node->out[0]->id].type.shape) &&
        wt_shape_known(&b->spec->slots[step->node->in[0]->id].type.shape)) {
        out->data = in->data;
        out->bytes = in->bytes;
        return WT_OK;
    }
    return dynamic_run(s, step, err);
}

static wt_status step_run(wt_session *s, const wt_step *step, wt_team *team, int tid, int nthreads, wt_err *err)
{
    wt_run run;
    switch (step->kind) {
    case WT_STEP_STATIC:
        run = s->now->runs[step->index];
        run.texts = tid == 0 ? &s->dyn : NULL;
        run.team = team;
        run.tid = tid;
        run.nthreads = nthreads;
        return step->kernel->run(&run, err);
    case WT_STEP_VIEW: return view_run(s, step, err);
    case WT_STEP_DYNAMIC: return dynamic_run(s, step, err);
    case WT_STEP_CONTROL: return wt_control_run(s, step, err);
    }
    return WT_EINTERNAL;
}

static wt_status fire_taps(wt_session *s, const wt_step *step, wt_team *team, int tid, int nthreads, wt_err *err)
{
    const int *taps = s->now->spec->tap_of_value;
    for (size_t o = 0; o < step->node->n_out; o++) {
        const wt_value *v = step->node->out[o];
        const int tap = v ? taps[v->id] : -1;
        if (tap < 0)
            continue;
        if (s->watch_team)
            WT_TRY(s->watch_team(s->watch_user, (size_t)tap, &s->now->tensors[v->id], team, tid, nthreads, err));
        else
            WT_TRY(s->watch(s->watch_user, (size_t)tap, &s->now->tensors[v->id], err));
    }
    return WT_OK;
}

static bool watched(const wt_session *s, const wt_step *step) { return step->tap >= 0 && (s->watch || s->watch_team); }

static void step_times(wt_binding *b, const wt_step *step, uint64_t ns)
{
    b->ns_total[step->index] += (double)ns;
    if (b->ns_min[step->index] == 0 || (double)ns < b->ns_min[step->index])
        b->ns_min[step->index] = (double)ns;
}

/* What member 0 does for one step in a run alone: no barriers, leave at the first failure. */
wt_status wt_program_run_alone(wt_session *s, const wt_program *program, wt_err *err)
{
    for (size_t i = 0; i < program->n_steps; i++) {
        const wt_step *step = &program->steps[i];
        const uint64_t start = s->profile ? wt_now_ns() : 0;
        wt_status st = step_run(s, step, NULL, 0, 1, err);
        if (s->profile)
            step_times(s->now, step, wt_now_ns() - start);
        if (st == WT_OK && watched(s, step))
            st = fire_taps(s, step, NULL, 0, 1, err);
        if (st != WT_OK) {
            wt_err_at_node(err, step->node);
            return st;
        }
    }
    return WT_OK;
}

static void member_step(wt_session *s, const wt_step *step, size_t i, wt_team *team, int tid, int nthreads)
{
    wt_err err = { .offset = WT_NO_OFFSET };
    const wt_status st = step_run(s, step, team, tid, nthreads, &err);
    if (st != WT_OK) {
        wt_err_at_node(&err, step->node);
        fail_step(s, i, st, &err);
    }
}

static void member_taps(wt_session *s, const wt_step *step, size_t i, wt_team *team, int tid, int nthreads)
{
    wt_err err = { .offset = WT_NO_OFFSET };
    const wt_status st = fire_taps(s, step, team, tid, nthreads, &err);
    if (st != WT_OK && tid == 0)
        fail_step(s, i, st, &err);
}

/* Whether the run goes on behind step i; all members get the same answer. */
static bool all_went_well(wt_session *s, size_t i, wt_team *team, int tid)
{
    wt_team_barrier(team, tid);
    return atomic_load(&s->failed_step) > i;
}

void wt_program_run(wt_session *s, const wt_program *program, wt_team *team, int tid, int nthreads)
{
    bool serial = true; /* since the last barrier, member 0 alone has worked */
    for (size_t i = 0; i < program->n_steps; i++) {
        const wt_step *step = &program->steps[i];
        const bool wide = step->threads > 1;
        uint64_t start = 0;
        if (wide && serial && i && !all_went_well(s, i - 1, team, tid))
            return;
        if (s->profile && tid == 0)
            start = wt_now_ns();
        if (wide)
            member_step(s, step, i, team, tid, nthreads);
        else if (tid == 0 && atomic_load(&s->failed_step) > i)
            member_step(s, step, i, NULL, 0, 1);
        const bool together = s->watch_team && step->tap >= 0;
        if ((wide || together) && !all_went_well(s, i, team, tid))
            return;
        if (s->profile && tid == 0)
            step_times(s->now, step, wt_now_ns() - start);
        serial = !together && (!wide || step->tap >= 0);
        if (together || (watched(s, step) && tid == 0 && atomic_load(&s->failed_step) > i))
            member_taps(s, step, i, together ? team : NULL, tid, together ? nthreads : 1);
        if (together && !all_went_well(s, i, team, tid))
            return;
    }
}
