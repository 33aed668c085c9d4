/* qpoint_avx512.c - pointwise work on codes, 16 at a time. */
#include "run/kernels/x86/qpoint_body.h"
