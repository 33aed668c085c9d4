/* report_chart.h - drawings of the report: inline SVG whose horizontal lengths are percent and whose vertical ones are
 * pixels, so that a chart fills any width and its text keeps its size. Colours are classes of the style sheet. */
#ifndef WT_REPORT_CHART_H
#define WT_REPORT_CHART_H
#include "optimize/report_html.h"

typedef struct wt_axis {
    double lo, hi;
    bool log;
} wt_axis;
enum { WT_TICKS = 12 };
/* From lo to hi, widened to round numbers; both may be equal or not finite. */
wt_axis wt_axis_linear(double lo, double hi);
wt_axis wt_axis_log(double lo, double hi);     /* whole decades are not forced; values must be positive */
double wt_axis_at(const wt_axis *a, double v); /* 0..1, held inside */
size_t wt_axis_ticks(const wt_axis *a, size_t most, double ticks[WT_TICKS]);

/* --- pieces of an SVG
 * -------------------------------------------------------------------------------------------------------- */
void wt_svg_open(wt_buf *b, double height, const char *label); /* label: what a screen reader says */
void wt_svg_close(wt_buf *b);
/* x in 0..1 of the width, y in pixels. */
void wt_svg_line(wt_buf *b, const char *cls, double x1, double y1, double x2, double y2);
void wt_svg_rect(wt_buf *b, const char *cls, double x, double y, double width, double height);
/* title: shown by browsers when pointed at; NULL: none. Closed by the call. */
void wt_svg_dot(wt_buf *b, const char *cls, double x, double y, double r, const char *title);
/* anchor: 's', 'm' or 'e'. The text is escaped. */
void wt_svg_text(wt_buf *b, const char *cls, char anchor, double x, double y, const char *text);
/* Ticks below a plot whose bottom is at y, with lines up to `top`. */
void wt_svg_x_axis(wt_buf *b, const wt_axis *a, double top, double y, const char *unit);
/* A plot with an axis of y on its left: opens the SVG that the caller fills (height pixels, the lowest 26 for the x
 * axis). */
void wt_plot_open(wt_buf *b, const wt_axis *y, double height, const char *unit, const char *label);
void wt_plot_close(wt_buf *b);
double wt_plot_y(const wt_axis *y, double height, double v);

/* --- whole charts
 * ------------------------------------------------------------------------------------------------------------ */
typedef struct wt_bar {
    const char *label, *note; /* note: small, below; NULL: none */
    wt_fig value;
    double part;       /* length, 0..1 */
    double lo, hi;     /* interval as parts; NaN: none */
    const char *color; /* "base", "mid", "acc", "warnf" */
    bool chosen, slim;
} wt_bar;
void wt_chart_bar(wt_buf *b, const wt_bar *bar);

typedef struct wt_samples {
    const char *label, *color, *text; /* classes of shape and text */
    double *v;                        /* sorted */
    size_t n;
} wt_samples;
/* One histogram above the other over a common axis, with their percentiles. */
void wt_chart_histograms(wt_buf *b, const wt_samples *rows, size_t n, const char *unit);

typedef struct wt_estimate {
    const char *label, *color;
    double value, lo, hi; /* NaN lo: no interval */
} wt_estimate;
/* Points with intervals, one below the other. limit: a dashed line, NaN: none. */
void wt_chart_estimates(wt_buf *b, const wt_estimate *e, size_t n, double limit, const char *limit_label,
                        const char *unit);

/* The legend: a swatch for each class. */
void wt_chart_key(wt_buf *b, const char *const *classes, const char *const *labels, size_t n);
#endif
