/* clock.c - time that never goes back, and what this process holds in memory. */
#include "base/clock.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t wt_now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

uint64_t wt_thread_ns(void) { return read_clock(CLOCK_THREAD_CPUTIME_ID); }

/* A field of /proc/self/status such as "VmHWM:", in bytes; 0 without it. No stdio: it would allocate, and this is
 * asked in the middle of measurements. */
static uint64_t status_field(const char *name)
{
    char text[4096];
    const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0)
        return 0;
    text[len] = 0;
    const char *line = strstr(text, name);
    return line ? strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

uint64_t wt_peak_rss(void)
{
    const uint64_t peak = status_field("VmHWM:");
    if (peak)
        return peak;
    struct rusage usage; /* the peak of this process or of what it was before exec: a bound */
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss * 1024 : 0;
}

uint64_t wt_current_rss(void) { return status_field("VmRSS:"); }
