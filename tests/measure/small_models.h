/* small_models.h - model files and data sets of a few numbers, for tests of what reads both. */
#ifndef WT_TEST_SMALL_MODELS_H
#define WT_TEST_SMALL_MODELS_H
#include "model/graph.h"
#include "support/test.h"

enum { SMALL_IN = 2, SMALL_HIDDEN = 20, SMALL_OUT = 5, SMALL_SIDE = 4 };
/* x [1, 2, 4, 4] -> Conv 1x1 -> c -> Relu -> h [1, 20, 4, 4] -> Conv 1x1 -> y [1, 5, 4, 4] */
typedef struct small_net {
    const char *input, *output; /* names; NULL: "x", "y" */
    float first[SMALL_HIDDEN * SMALL_IN], second[SMALL_OUT * SMALL_HIDDEN];
    bool qdq;          /* h goes through QuantizeLinear and DequantizeLinear */
    bool half_weights; /* `first` is stored as halves with a Cast behind */
} small_net;
small_net small_net_make(void);
void small_net_write(wt_context *ctx, const small_net *net, const char *path);
/* n samples x [n, 2, 4, 4] with values in -1..1, without labels. */
void small_net_data(wt_context *ctx, const char *path, size_t n);

/* x [1, 4] -> MatMul with weights [4, 3] -> y [1, 3]: the best class is the largest of the first three numbers. */
void small_linear_write(wt_context *ctx, const char *path);
/* n samples whose best class is i mod 3, and labels that say so, but for the samples in wrong[0..n_wrong). */
void small_linear_data(wt_context *ctx, const char *path, size_t n, const size_t *wrong, size_t n_wrong);
#endif
