/* act.h - activations that are part of another operator. */
#ifndef WT_ACT_H
#define WT_ACT_H
/* Activation that a Conv / Linear kernel applies to what it stores; passes put it on the node as attributes
 * "act" (int, wt_act), "act_alpha", "act_beta" (floats). */
typedef enum wt_act {
    WT_ACT_NONE = 0,
    WT_ACT_RELU,
    WT_ACT_CLIP,  /* min(max(x, alpha), beta): ReLU6 too */
    WT_ACT_LEAKY, /* x < 0 ? alpha x : x */
    WT_ACT_SIGMOID,
    WT_ACT_HARDSIGMOID, /* clamp(alpha x + beta, 0, 1) */
    WT_ACT_HARDSWISH,   /* x * clamp(alpha x + beta, 0, 1) */
    WT_ACT_SILU,        /* x * sigmoid(alpha x) */
    WT_ACT_TANH,
    WT_ACT_GELU, /* erf form */
    WT_ACT_GELU_TANH,
    WT_ACT_COUNT
} wt_act;
#endif
