/* finish_avx512.c - tiles of sums on their way to memory, see finish.h. */
#include "run/kernels/x86/finish_body.h"
