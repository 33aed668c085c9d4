/* data.h - a data set opened for a model: the options that verbs share. */
#ifndef WT_DATA_H
#define WT_DATA_H
#include "model/graph.h"
#include "whet/dataset.h"
#include "whet/measure.h"
/* Share of a set that calibration may see when both parts are asked for. */
#define WT_CALIBRATION_SHARE 0.5
/* Opens options->path for the graph's inputs, takes the part and the limit. labels.txt beside `model_path` names the
 * classes when options say nothing. */
wt_status wt_data_open(wt_dataset **out, const wt_graph *graph, const char *model_path, const wt_data_options *options,
                       wt_err *err);
/* The labels.txt beside a model, which the caller frees; NULL when there is none. */
wt_status wt_data_labels_beside(wt_context *ctx, const char *model_path, char **out, wt_err *err);
/* A view of `whole` by options->part and options->limit, for who needs more than one: opening hashes every file. */
wt_status wt_data_view(wt_dataset **out, wt_dataset *whole, const wt_data_options *options, uint64_t seed, wt_err *err);
/* The sample's tensors in the order of the graph's inputs (inputs the set does not give keep their default). */
wt_status wt_data_inputs(const wt_graph *graph, const wt_sample *sample, wt_tensor *inputs, wt_err *err);
#endif
