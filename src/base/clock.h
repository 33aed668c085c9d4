/* clock.h - monotonic time in nanoseconds. */
#ifndef WT_CLOCK_H
#define WT_CLOCK_H
#include <stdint.h>
uint64_t wt_now_ns(void);
/* Peak resident memory of this process in bytes (0 where the system does not say). */
uint64_t wt_peak_rss(void);
uint64_t wt_current_rss(void);
#endif
