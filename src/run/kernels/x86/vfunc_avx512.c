/* vfunc_avx512.c - 16 at a time. */
#include "run/kernels/x86/vfunc_body.h"
