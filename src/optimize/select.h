/* select.h - which framework for which model on which device: facts, hard limits, the prior, and what a measurement
 * says. The tables are select.def. */
#ifndef WT_SELECT_H
#define WT_SELECT_H
#include <jansson.h>
#include "whet/optimize.h"

#include "optimize/select_defs.h"
#undef FRAMEWORK
#define FRAMEWORK(id, name, engine, table) WT_FRAMEWORK_##id,
typedef enum wt_framework_id {
#include "optimize/select.def"
    WT_FRAMEWORK_COUNT
} wt_framework_id;

#include "optimize/select_defs.h"
#undef FACT
#define FACT(id, name, title) WT_FACT_##id,
typedef enum wt_fact {
#include "optimize/select.def"
    WT_FACT_COUNT
} wt_fact;
#include "optimize/select_defs.h"

typedef uint64_t wt_facts; /* a bit for each that holds */
static inline wt_facts wt_fact_bit(wt_fact f) { return (wt_facts)1 << f; }
static inline bool wt_fact_holds(wt_facts facts, wt_fact f) { return f == WT_FACT_ALWAYS || facts & wt_fact_bit(f); }

typedef struct wt_framework_row {
    const char *name, *engine, *table;
} wt_framework_row;
typedef struct wt_fact_row {
    const char *name, *title;
} wt_fact_row;
typedef struct wt_sign_row {
    wt_fact fact;
    const char *key, *word;
} wt_sign_row;
typedef struct wt_route_row {
    wt_framework_id framework;
    const char *format, *how;
} wt_route_row;
typedef struct wt_limit_row {
    wt_framework_id framework;
    wt_fact fact;
    bool holds; /* the framework is out where the fact holds (true), or where it does not */
    const char *reason, *source;
} wt_limit_row;
typedef struct wt_prior_row {
    wt_fact fact, also;
    wt_framework_id framework;
    int points;
    const char *reason, *source;
} wt_prior_row;
extern const wt_framework_row wt_framework_rows[WT_FRAMEWORK_COUNT];
extern const wt_fact_row wt_fact_rows[WT_FACT_COUNT];
extern const wt_sign_row wt_sign_rows[];
extern const wt_route_row wt_route_rows[];
extern const wt_limit_row wt_limit_rows[];
extern const wt_prior_row wt_prior_rows[];
extern const size_t wt_sign_row_count, wt_route_row_count, wt_limit_row_count, wt_prior_row_count;

/* One framework as a choice for one model and device. */
typedef struct wt_choice {
    wt_framework_id framework;
    bool fits;
    char why[192];   /* fits: how it gets the model; else what stops it */
    int points;      /* of the prior */
    double value;    /* measured: the less the better; NaN: not measured */
    char state[160]; /* of the measurement, when there is no value; "" when none was asked for */
} wt_choice;

static inline bool wt_prior_holds(const wt_prior_row *p, wt_facts facts)
{
    return wt_fact_holds(facts, p->fact) && wt_fact_holds(facts, p->also);
}
/* The hard limits, then the points; choices by framework id. assessed: what wt_assess says of the model. */
void wt_choices_judge(wt_choice out[WT_FRAMEWORK_COUNT], wt_facts facts, const wt_result *assessed);
/* Frameworks that fit, the better first; returns how many. Where points are even, the order of select.def counts. */
size_t wt_choices_rank(const wt_choice choices[WT_FRAMEWORK_COUNT], wt_framework_id order[WT_FRAMEWORK_COUNT]);

/* What the profile, the model and the options say; WT_EUSAGE for words that are none. */
wt_status wt_facts_gather(wt_facts *out, const wt_result *target, const wt_result *assessed,
                          const wt_select_options *options, wt_err *err);
/* Runs the engines that are found and whose framework fits, and fills value and state. *floor: relative difference that
 * means nothing. */
wt_status wt_choices_measure(wt_choice choices[WT_FRAMEWORK_COUNT], double *floor, wt_context *ctx, const char *model,
                             const wt_select_options *options, wt_err *err);
#endif
