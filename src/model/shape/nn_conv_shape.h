/* nn_conv_shape.h - the convolution rule that Conv, ConvInteger, QLinearConv and QuantConv share. */
#ifndef WT_NN_CONV_SHAPE_H
#define WT_NN_CONV_SHAPE_H
#include "model/shape/nn_window.h"
#include "model/shape/shape.h"
/* Output shape from data in[xi] and weights in[wi]; checks group, channels, kernel. */
wt_status wt_rule_conv(wt_infer *c, size_t xi, size_t wi, wt_shape *out, wt_err *err);
#endif
