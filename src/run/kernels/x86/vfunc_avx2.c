/* vfunc_avx2.c - 8 at a time. */
#include "run/kernels/x86/vfunc_body.h"
