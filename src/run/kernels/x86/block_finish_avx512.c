/* block_finish_avx512.c - sums of block tiles on their way to memory, see block_rows.h. */
#include "run/kernels/x86/block_finish_body.h"
