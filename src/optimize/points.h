/* points.h - what int8 quantization will touch: which products, which activations, what stays in float and why. */
#ifndef WT_POINTS_H
#define WT_POINTS_H
#include "model/graph.h"
#include "optimize/stats.h"

typedef struct wt_point { /* an activation that gets a scale */
    wt_value *value;
    size_t group;     /* points of one group share their scale: index of its first member */
    int channel_axis; /* whose means the bias correction needs; 0: none */
    bool dropped;     /* stays in float after all */
    wt_range range;
    wt_stats stats;
} wt_point;

typedef enum wt_part_kind {
    WT_PART_INT8,        /* integer product */
    WT_PART_WEIGHT_ONLY, /* weights stored as integers, product in float */
    WT_PART_FLOAT
} wt_part_kind;

typedef struct wt_weighted { /* a node with constant weights */
    wt_node *node;
    wt_value *weight;
    int axis; /* of its output channels; -1: one scale */
    wt_part_kind kind;
    const char *why; /* of kind; static or in the graph's arena */
    double weight_sqnr_db;
    double output_sqnr_db; /* measured, NaN: not */
} wt_weighted;

typedef struct wt_points {
    wt_graph *graph;
    wt_arena arena;
    wt_point *points;
    size_t n_points;
    wt_weighted *weighted;
    size_t n_weighted;
    int32_t *point_of; /* by value id: index, -1: none */
} wt_points;

/* keep: "GLOB=float" over node and tensor names. */
typedef struct wt_points_options {
    const char *const *keep;
    size_t n_keep;
} wt_points_options;
/* The graph must be rewritten by the portable passes and inferred. */
wt_status wt_points_find(wt_points *out, wt_graph *graph, const wt_points_options *options, wt_err *err);
/* Chooses the activations again after `kind` of some weighted nodes was changed. Statistics of points that stay are
 * kept. */
wt_status wt_points_choose(wt_points *p, wt_err *err);
void wt_points_free(wt_points *p);
/* Ranges from statistics, groups, and Concats whose parts differ too much. */
wt_status wt_points_ranges(wt_points *p, wt_range_method method, bool symmetric, wt_err *err);
#endif
