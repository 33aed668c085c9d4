/* report_impl.h - what the files of the report share: the document, and one function for each section.
 *
 * A section looks up what it needs and writes nothing when that is not there: then its heading is left out, too. */
#ifndef WT_REPORT_IMPL_H
#define WT_REPORT_IMPL_H
#include "optimize/report_chart.h"
#include "optimize/report_html.h"

typedef struct wt_report {
    wt_context *ctx;
    const json_t *doc;
    const json_t *base, *best; /* stages: the original, and the one that was chosen; NULL: not there */
    const char *metric;        /* name of the task metric; "accuracy" when the document does not say */
    const char *metric_unit;   /* "ratio", "dB" or "" */
    bool higher_is_better;
} wt_report;

typedef void wt_section_fn(const wt_report *r, wt_buf *b);
wt_section_fn wt_report_hero, wt_report_gates;                                         /* report_verdict.c */
wt_section_fn wt_report_stages, wt_report_latency, wt_report_accuracy;                 /* report_stages.c */
wt_section_fn wt_report_outputs, wt_report_layers, wt_report_ledger;                   /* report_layers.c */
wt_section_fn wt_report_time, wt_report_roofline, wt_report_pareto;                    /* report_time.c */
wt_section_fn wt_report_hardware, wt_report_data, wt_report_model, wt_report_commands; /* report_facts.c */

/* Room for n elements from the context; without memory the buffer counts as failed, and so does the page. */
void *wt_report_room(const wt_report *r, wt_buf *b, size_t n, size_t size);
/* A mark for "passed" or "failed". */
void wt_report_mark(wt_buf *b, bool good);
/* A right-aligned cell; key names its column where the table becomes cards. */
void wt_report_cell(wt_buf *b, const char *key, wt_fig figure);
/* "int8", "float", ... : true when the tensor or node computes in float. */
bool wt_report_is_float(const char *got);

/* Renders the page; a document of any shape gives a page. WT_ENOMEM. */
wt_status wt_report_render(wt_context *ctx, const json_t *doc, wt_buf *out, wt_err *err);
#endif
