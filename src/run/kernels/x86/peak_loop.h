/* peak_loop.h - the loop of every row of run/kernels/peak.h for x86. */
#ifndef WT_X86_PEAK_LOOP_H
#define WT_X86_PEAK_LOOP_H
#include <immintrin.h>
#include "base/compiler.h"
#include "run/kernels/peak.h"

/* Declares `acc`, `chains` accumulators of `type`, runs the statement (...) for every acc[i] `rounds` times, and leaves
 * their sum in acc[0]. The compiler must not see that all chains are equal. */
#define WT_PEAK_LOOP(type, chains, zero, add, ...)                                                                     \
    type acc[chains];                                                                                                  \
    WT_UNROLL                                                                                                          \
    for (int i = 0; i < (chains); i++) {                                                                               \
        acc[i] = zero;                                                                                                 \
        WT_CHANGED(acc[i]);                                                                                            \
    }                                                                                                                  \
    for (size_t r = 0; r < rounds; r++) {                                                                              \
        WT_UNROLL                                                                                                      \
        for (int i = 0; i < (chains); i++) {                                                                           \
            __VA_ARGS__;                                                                                               \
        }                                                                                                              \
    }                                                                                                                  \
    WT_UNROLL                                                                                                          \
    for (int i = 1; i < (chains); i++)                                                                                 \
    acc[0] = add(acc[0], acc[i])
#endif
