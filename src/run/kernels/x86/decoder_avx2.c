/* decoder_avx2.c - see decoder.h. */
#include "run/kernels/x86/decoder_body.h"
