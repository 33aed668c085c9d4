/* targets.h - for the pass that folds: what a symbolic dimension makes of a target shape. */
#ifndef WT_TARGETS_H
#define WT_TARGETS_H
#include "run/passes/pass.h"

/* Gives a Reshape or an Expand a constant target where its own is worked out from a shape with symbols. n's result has
 * to be inferred again. */
wt_status wt_pass_settle_target(wt_pass_ctx *pc, wt_node *n, wt_err *err);
#endif
