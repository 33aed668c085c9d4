/* kernel.c - choosing a row of the kernel tables. */
#include "run/kernel.h"

static bool usable(const wt_kernel *k, const wt_prep *p)
{
    return k->op == p->op && !(k->need & ~p->cpu) && (!k->accepts || k->accepts(p));
}

/* Where every output is empty there is nothing to compute, and nothing that a kernel would have to be careful about:
 * the other dims may then be as large as a hostile file likes. */
static wt_status compute_nothing(const wt_run *r, wt_err *err)
{
    (void)r;
    (void)err;
    return WT_OK;
}

static bool all_empty(const wt_prep *p)
{
    size_t bytes = 0;
    for (size_t i = 0; i < p->n_out; i++)
        if (p->out[i] && (!wt_tensor_size(p->out[i], &bytes) || bytes))
            return false;
    return p->n_out > 0;
}

const wt_kernel *wt_kernel_pick(const wt_prep *p, const char *only)
{
    static const wt_kernel nothing = { .name = "nothing", .run = compute_nothing };
    const wt_kernel *best = NULL;
    if (all_empty(p))
        return &nothing;
    for (const wt_kernel *const *table = wt_kernel_tables; *table; table++)
        for (const wt_kernel *k = *table; k->name; k++)
            if ((!only || strcmp(only, k->name) == 0) && usable(k, p))
                best = k;
    return best;
}
