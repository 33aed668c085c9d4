/* sensitivity.h - which products hurt most when they compute with integers: noise at the model's outputs, measured on a
 * few samples whose answers by the float model are kept. */
#ifndef WT_SENSITIVITY_H
#define WT_SENSITIVITY_H
#include "optimize/quantizer.h"
typedef struct wt_sensitivity {
    size_t weighted; /* index into points.weighted */
    double noise;    /* noise power over signal power at the worst output; larger hurts more */
} wt_sensitivity;

typedef struct wt_probe wt_probe;
/* Runs the first `samples` of ds through the canonical graph and keeps the answers. Borrows q. */
wt_status wt_probe_open(wt_probe **out, const wt_quantizer *q, wt_dataset *ds, size_t samples, wt_err *err);
void wt_probe_close(wt_probe *p); /* NULL is fine */
/* Noise over signal of a built graph at its worst output. */
wt_status wt_probe_noise(const wt_probe *p, const wt_graph *built, double *noise, wt_err *err);
/* Each integer product quantized alone, the rest in float. Fills out[0..*n) (room for points.n_weighted), worst first.
 */
wt_status wt_probe_rank(const wt_probe *p, wt_range_method method, wt_sensitivity *out, size_t *n, wt_err *err);
#endif
