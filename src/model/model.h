/* model.h - the graph behind a wt_model, for the storeys above. */
#ifndef WT_MODEL_H
#define WT_MODEL_H
#include "model/graph.h"
#include "whet/model.h"

/* Its shapes are inferred. Whoever edits it calls wt_model_changed at the end, so that the getters of
 * whet/model.h speak of what it is now. */
wt_graph *wt_model_graph(const wt_model *model);
wt_context *wt_model_context(const wt_model *model);
wt_status wt_model_changed(wt_model *model, wt_err *err);
/* A model around a graph that a storey made (a quantized clone); takes the graph, also on failure. path, for messages,
 * is copied. If the graph is a clone, its source must be closed after the model. */
wt_status wt_model_wrap(wt_model **out, wt_graph *graph, const char *path, wt_err *err);
#endif
