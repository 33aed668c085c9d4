/* ov_samples.h - small OpenVINO models as text, and changing them. */
#ifndef WT_OV_SAMPLES_H
#define WT_OV_SAMPLES_H
#include "support/test.h"
#include "model/formats/openvino/openvino.h"

/* y[1,2] = x[1,4] * W': W int8 [2,4], one half as scale for each row, the chain that NNCF writes. */
extern const char wt_ov_linear_xml[];
extern const uint8_t wt_ov_linear_bin[12];
/* `text` with the first `from` replaced by `to`; fails the test when there is none. Free with free(). */
char *wt_ov_changed(const char *text, const char *from, const char *to);
wt_status wt_ov_read_text(wt_graph **out, wt_context *ctx, const char *xml, const void *bin, size_t bin_len,
                          wt_err *err);
/* A net of one input x, the layers in the middle (ids from 1), and edges; results are said in the middle. */
char *wt_ov_net_text(const char *x_shape, const char *x_type, const char *layers, const char *edges);
/* Runs a graph on one float input; copies at most max numbers of output `index`; how many there are. */
size_t wt_ov_run(wt_context *ctx, const wt_graph *graph, const float *x, const wt_shape *shape, size_t index, float *y,
                 size_t max);
#endif
