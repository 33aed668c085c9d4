/* select_prior.c - the tables of select.def, and what follows from them for given facts. */
#include <math.h>
#include <stdio.h>
#include "base/json.h"
#include "optimize/select.h"

/* --- the tables
 * ---------------------------------------------------------------------------------------------------------------- */
#undef FRAMEWORK
#define FRAMEWORK(id, name, engine, table) { name, engine, table },
const wt_framework_row wt_framework_rows[WT_FRAMEWORK_COUNT] = {
#include "optimize/select.def"
};
#include "optimize/select_defs.h"
#undef FACT
#define FACT(id, name, title) { name, title },
const wt_fact_row wt_fact_rows[WT_FACT_COUNT] = {
#include "optimize/select.def"
};
#include "optimize/select_defs.h"
#undef SIGN
#define SIGN(fact, key, word) { WT_FACT_##fact, key, word },
const wt_sign_row wt_sign_rows[] = {
#include "optimize/select.def"
};
#include "optimize/select_defs.h"
#undef ROUTE
#define ROUTE(framework, format, how) { WT_FRAMEWORK_##framework, format, how },
const wt_route_row wt_route_rows[] = {
#include "optimize/select.def"
};
#include "optimize/select_defs.h"
#undef BARRED
#undef ONLY
#define BARRED(framework, fact, reason, source) { WT_FRAMEWORK_##framework, WT_FACT_##fact, true, reason, source },
#define ONLY(framework, fact, reason, source)   { WT_FRAMEWORK_##framework, WT_FACT_##fact, false, reason, source },
const wt_limit_row wt_limit_rows[] = {
#include "optimize/select.def"
};
#include "optimize/select_defs.h"
#undef PRIOR
#define PRIOR(fact, also, framework, points, reason, source)                                                           \
    { WT_FACT_##fact, WT_FACT_##also, WT_FRAMEWORK_##framework, points, reason, source },
const wt_prior_row wt_prior_rows[] = {
#include "optimize/select.def"
};
#include "optimize/select_defs.h"
const size_t wt_sign_row_count = WT_ARRAY_LEN(wt_sign_rows), wt_route_row_count = WT_ARRAY_LEN(wt_route_rows),
             wt_limit_row_count = WT_ARRAY_LEN(wt_limit_rows), wt_prior_row_count = WT_ARRAY_LEN(wt_prior_rows);
_Static_assert(WT_FACT_COUNT <= 64, "facts are bits of one word");

/* --- hard limits
 * --------------------------------------------------------------------------------------------------------------- */
static bool has_route(wt_choice *c, const char *format)
{
    char reads[96] = "";
    for (size_t i = 0; i < wt_route_row_count; i++) {
        const wt_route_row *r = &wt_route_rows[i];
        if (r->framework != c->framework)
            continue;
        if (!strcmp(r->format, format)) {
            snprintf(c->why, sizeof c->why, "%s", r->how);
            return true;
        }
        const size_t used = strlen(reads);
        snprintf(reads + used, sizeof reads - used, "%s%s", used ? ", " : "", r->format);
    }
    snprintf(c->why, sizeof c->why, "takes %s, not %s", reads, format);
    return false;
}

/* Obstacles without an operator speak of the file, and those are routes' to judge: another file can be made of it. */
static bool takes_operators(wt_choice *c, const wt_result *assessed)
{
    const char *table = wt_framework_rows[c->framework].table;
    if (strcmp(wt_result_string(assessed, "", "engines.%s.fit", table), "no") != 0)
        return true;
    for (size_t i = 0; i < wt_result_count(assessed, "engines.%s.obstacles", table); i++) {
        const char *op = wt_result_string(assessed, "", "engines.%s.obstacles[%zu].op", table, i);
        if (!op[0])
            continue;
        snprintf(c->why, sizeof c->why, "%s: %s", op,
                 wt_result_string(assessed, "refused", "engines.%s.obstacles[%zu].reason", table, i));
        return false;
    }
    return true;
}

static bool within_limits(wt_choice *c, wt_facts facts)
{
    for (size_t i = 0; i < wt_limit_row_count; i++) {
        const wt_limit_row *l = &wt_limit_rows[i];
        if (l->framework != c->framework || wt_fact_holds(facts, l->fact) != l->holds)
            continue;
        snprintf(c->why, sizeof c->why, "%s", l->reason);
        return false;
    }
    return true;
}

void wt_choices_judge(wt_choice out[WT_FRAMEWORK_COUNT], wt_facts facts, const wt_result *assessed)
{
    const char *format = wt_result_string(assessed, "", "format");
    for (wt_framework_id f = 0; f < WT_FRAMEWORK_COUNT; f++) {
        out[f] = (wt_choice){ .framework = f, .value = NAN };
        out[f].fits = has_route(&out[f], format) && takes_operators(&out[f], assessed) && within_limits(&out[f], facts);
    }
    for (size_t i = 0; i < wt_prior_row_count; i++)
        if (wt_prior_holds(&wt_prior_rows[i], facts))
            out[wt_prior_rows[i].framework].points += wt_prior_rows[i].points;
}

size_t wt_choices_rank(const wt_choice choices[WT_FRAMEWORK_COUNT], wt_framework_id order[WT_FRAMEWORK_COUNT])
{
    size_t n = 0;
    for (wt_framework_id f = 0; f < WT_FRAMEWORK_COUNT; f++) {
        if (!choices[f].fits)
            continue;
        size_t at = n++;
        for (; at > 0 && choices[order[at - 1]].points < choices[f].points; at--)
            order[at] = order[at - 1];
        order[at] = f;
    }
    return n;
}
