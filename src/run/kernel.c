/* kernel.c - choosing a row of the kernel tables. */
#include "run/kernel.h"

static bool usable(const wt_kernel *k, const wt_prep *p)
{
    return k->op == p->op && !(k->need & ~p->cpu) && (!k->accepts || k->accepts(p));
}

const wt_kernel *wt_kernel_pick(const wt_prep *p, const char *only)
{
    const wt_kernel *best = NULL;
    for (const wt_kernel *const *table = wt_kernel_tables; *table; table++)
        for (const wt_kernel *k = *table; k->name; k++)
            if ((!only || strcmp(only, k->name) == 0) && usable(k, p))
                best = k;
    return best;
}
