/* clock.h - time in nanoseconds that never goes back. */
#ifndef WT_CLOCK_H
#define WT_CLOCK_H
#include <stdint.h>
uint64_t wt_now_ns(void);
static inline double wt_seconds_since(uint64_t start_ns) { return (double)(wt_now_ns() - start_ns) * 1e-9; }
static inline double wt_ms_since(uint64_t start_ns) { return (double)(wt_now_ns() - start_ns) * 1e-6; }
uint64_t wt_thread_ns(void); /* processor time of the calling thread */
/* Peak resident memory of this process in bytes (0 where the system does not say). */
uint64_t wt_peak_rss(void);
uint64_t wt_current_rss(void);
#endif
