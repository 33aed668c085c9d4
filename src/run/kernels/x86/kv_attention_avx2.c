/* kv_attention_avx2.c - see kv_attention.h. */
#include "run/kernels/x86/kv_attention_body.h"
