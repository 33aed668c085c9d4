/* calibrate.h - statistics of activations from a stream of samples. */
#ifndef WT_CALIBRATE_H
#define WT_CALIBRATE_H
#include "measure/data.h"
#include "optimize/points.h"
/* Runs every sample of ds through the graph once and fills the statistics of all points. */
wt_status wt_calibrate_points(wt_points *p, wt_dataset *ds, const wt_exec_options *exec, uint64_t *samples,
                              wt_err *err);
/* Statistics written to and read from a JSON file (points matched by value name). */
wt_status wt_stats_save(const wt_points *p, uint64_t samples, const char *data_hash, const char *path, bool force,
                        wt_err *err);
wt_status wt_stats_load(wt_points *p, const char *path, wt_err *err);
#endif
