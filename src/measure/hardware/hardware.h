/* hardware.h - what a machine is, one part per function: each returns an owned JSON value (NULL: no memory). */
#ifndef WT_HARDWARE_H
#define WT_HARDWARE_H
#include "measure/hardware/sysfs.h"
#include "whet/measure.h"

json_t *wt_hw_system(const wt_sysroot *r);
/* isa[] is what our kernels may use on this core (asked of the core itself, whatever the root). */
json_t *wt_hw_cpu(const wt_sysroot *r);
json_t *wt_hw_memory(const wt_sysroot *r);
json_t *wt_hw_disk(const wt_sysroot *r, const char *path);
json_t *wt_hw_accelerators(const wt_sysroot *r); /* GPUs and NPUs: array */
json_t *wt_hw_power(const wt_sysroot *r);
json_t *wt_hw_thermal(const wt_sysroot *r); /* array */
json_t *wt_hw_network(const wt_sysroot *r); /* array */
/* All of it below one root. */
json_t *wt_hw_report(const wt_sysroot *r);
/* Adds "measured": what this machine reads and computes in a second, at best. */
wt_status wt_hw_measure(json_t *report, wt_context *ctx, wt_err *err);

/* --- control groups --------------------------------------------------------------------------------------------------
 */
/* Calls fn with every folder that binds this process for a controller ("memory", "cpu"), from its own group to the
 * root. */
typedef void wt_cgroup_fn(void *arg, const wt_sysroot *r, const char *folder, int version);
void wt_cgroup_each(const wt_sysroot *r, const char *controller, wt_cgroup_fn *fn, void *arg);

/* --- small helpers
 * ------------------------------------------------------------------------------------------------------ */
/* Text from files may be no UTF-8: then it is left out. Both do nothing for what is not there. */
void wt_hw_set_text(json_t *o, const char *key, const char *text);
void wt_hw_set_number(json_t *o, const char *key, int64_t value);
#endif
