/* rnn_avx2.c - two vectors a panel. */
#include "run/kernels/x86/rnn_body.h"
