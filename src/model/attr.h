/* attr.h - a node's typed attributes. Names and data live in the graph's arena or in the mapped file. */
#ifndef WT_ATTR_H
#define WT_ATTR_H
#include "model/tensor.h"
struct wt_graph;
typedef enum wt_attr_type {
    WT_ATTR_INT = 1,
    WT_ATTR_FLOAT,
    WT_ATTR_STRING,
    WT_ATTR_INTS,
    WT_ATTR_FLOATS,
    WT_ATTR_STRINGS,
    WT_ATTR_TENSOR,
    WT_ATTR_GRAPH,
    WT_ATTR_TENSORS,
    WT_ATTR_GRAPHS
} wt_attr_type;

typedef struct wt_attr {
    const char *name;
    wt_attr_type type;
    size_t count; /* of ints, floats, strings, tensors, graphs; 1 for the singular types */
    union {
        int64_t i;
        float f;
        wt_string s;
        const int64_t *ints;
        const float *floats;
        const wt_string *strings;
        const wt_tensor *tensor; /* data may be unaligned in the file */
        const wt_tensor *const *tensors;
        struct wt_graph *graph;
        struct wt_graph *const *graphs;
    } v;
    const char *ref; /* inside a function body: take the value of the caller's attribute of this name; else NULL */
} wt_attr;

typedef struct wt_attrs {
    const wt_attr *items;
    size_t count;
} wt_attrs;
/* NULL when absent. */
const wt_attr *wt_attr_find(const wt_attrs *attrs, const char *name);
/* The value, or `fallback` when absent (or of another type: the verifier has complained already). */
int64_t wt_attr_int(const wt_attrs *attrs, const char *name, int64_t fallback);
float wt_attr_float(const wt_attrs *attrs, const char *name, float fallback);
bool wt_attr_is(const wt_attrs *attrs, const char *name, const char *value); /* string attribute equals value */
/* Copies up to max ints; returns how many there are (0 when absent). */
size_t wt_attr_ints(const wt_attrs *attrs, const char *name, int64_t *out, size_t max);
#endif
