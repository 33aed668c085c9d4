/* drawing.h - where boxes and arrows go when a directed acyclic graph is drawn in layers (after Sugiyama).
 *
 * Longest paths give the layers; an arrow that skips layers gets a way point in each; barycentres order each layer, and
 * the order with the fewest crossings seen is kept; then every box moves towards the mean of its neighbours as far as
 * the others let it (a least-squares fit with an order, solved by pooling adjacent violators). Arrows of one bundle
 * (the uses of one value) share their way points. Pure geometry: nothing here knows of operators or SVG. */
#ifndef WT_DRAWING_H
#define WT_DRAWING_H
#include "base/base.h"

typedef struct wt_box {
    double width, height; /* given */
    double x;             /* centre */
    size_t layer;
} wt_box;

typedef struct wt_arrow {
    size_t from, to; /* boxes; from < to: boxes are added in topological order */
    size_t bundle;   /* arrows of one bundle come from one box */
} wt_arrow;

typedef struct wt_drawing {
    wt_context *ctx;
    wt_box *boxes;
    size_t n_boxes, cap_boxes;
    wt_arrow *arrows;
    size_t n_arrows, cap_arrows;
    size_t n_bundles;
    double layer_gap, box_gap, line_gap; /* given: between layers, boxes, lines */
    /* made by wt_drawing_layout */
    size_t n_layers;
    double *layer_y, *layer_height; /* [n_layers] top and height of each */
    double width, height;
    /* Way points of a bundle: x in the layers behind its box: points[first_point[b] .. first_point[b + 1]). */
    double *points;
    size_t *first_point;
} wt_drawing;

void wt_drawing_init(wt_drawing *d, wt_context *ctx);
void wt_drawing_free(wt_drawing *d);
wt_status wt_drawing_box(wt_drawing *d, double width, double height, size_t *index, wt_err *err);
wt_status wt_drawing_arrow(wt_drawing *d, size_t from, size_t to, size_t bundle, wt_err *err);
wt_status wt_drawing_layout(wt_drawing *d, wt_err *err);
#endif
