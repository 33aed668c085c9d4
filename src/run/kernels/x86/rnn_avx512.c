/* rnn_avx512.c - one vector a panel. */
#include "run/kernels/x86/rnn_body.h"
