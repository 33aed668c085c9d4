/* cores.c - how many cores this process may really use.
 *
 * Physical cores, not hardware threads: two threads of one core share its vector units. A cgroup's quota of 1.5 CPUs
 * counts as one: two spinning threads would be throttled for the rest of every period. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/cores_impl.h"
#include "base/pool.h"

/* Reads a small text file; false without it. */
static bool read_text(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    const ssize_t n = read(fd, text, size - 1);
    close(fd);
    if (n < 0)
        return false;
    text[n] = 0;
    return true;
}

#ifdef __linux__
/* The first hardware thread of the core that cpu belongs to: "0,64" and "0-1" both begin with it. */
static int first_sibling(int cpu)
{
    char path[128], text[64];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    if (!read_text(path, text, sizeof text) || text[0] < '0' || text[0] > '9')
        return cpu;
    return atoi(text);
}

/* Cores of which the affinity mask holds at least one hardware thread. */
static int cores_of_mask(void)
{
    enum { MOST = 8192 };
    cpu_set_t allowed[MOST / CPU_SETSIZE], seen[MOST / CPU_SETSIZE];
    CPU_ZERO_S(sizeof seen, seen);
    CPU_ZERO_S(sizeof allowed, allowed);
    if (sched_getaffinity(0, sizeof allowed, allowed) != 0)
        return 1;
    int cores = 0;
    for (int cpu = 0; cpu < MOST; cpu++) {
        if (!CPU_ISSET_S((size_t)cpu, sizeof allowed, allowed))
            continue;
        const int first = first_sibling(cpu);
        const size_t core = (size_t)(first >= 0 && first < MOST ? first : cpu);
        if (!CPU_ISSET_S(core, sizeof seen, seen)) {
            CPU_SET_S(core, sizeof seen, seen);
            cores++;
        }
    }
    return cores;
}
#else
static int cores_of_mask(void)
{
    const long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < INT32_MAX ? (int)n : 1;
}
#endif

static int smaller_quota(int cores, double quota, double period)
{
    if (quota <= 0 || period <= 0 || quota / period >= (double)cores)
        return cores;
    const int whole = (int)(quota / period);
    return whole > 0 ? whole : 1;
}

/* One folder of a cgroup tree: cpu.max in version 2, cpu.cfs_* in version 1. */
static int apply_quota(int cores, const char *folder)
{
    char path[1200], text[128];
    double quota = 0, period = 0;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (read_text(path, text, sizeof text)) /* "150000 100000", or "max 100000" */
        return sscanf(text, "%lf %lf", &quota, &period) == 2 ? smaller_quota(cores, quota, period) : cores;
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_text(path, text, sizeof text))
        return cores;
    quota = strtod(text, NULL); /* -1: none */
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    period = read_text(path, text, sizeof text) ? strtod(text, NULL) : 0;
    return smaller_quota(cores, quota, period);
}

/* A limit anywhere between our group and the root binds us. In a container the path that /proc names is often the
 * host's and absent here; then only the root, which is our own group, has files to read. */
static int apply_quotas(int cores, const char *root, const char *group)
{
    char folder[1024];
    size_t len = strlen(group);
    for (;;) {
        snprintf(folder, sizeof folder, "%s%.*s", root, (int)len, group);
        cores = apply_quota(cores, folder);
        if (len == 0)
            return cores;
        do
            len--;
        while (len > 0 && group[len] != '/');
    }
}

/* True when `name` is one of the controllers in a list such as "cpu,cpuacct". */
static bool has_controller(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == 0))
            return true;
    return false;
}

int wt_cores_within_quota(int cores, const char *membership, const char *mount)
{
    static const char *const places_v1[] = { "cpu", "cpu,cpuacct" };
    char text[4096], root[512], *save = NULL;
    if (!read_text(membership, text, sizeof text))
        return cores;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *list = strchr(line, ':'); /* "4:cpu,cpuacct:/group", or "0::/group" in version 2 */
        char *group = list ? strchr(list + 1, ':') : NULL;
        if (!group || strlen(group + 1) > 600)
            continue;
        *group++ = 0;
        group = strcmp(group, "/") == 0 ? group + 1 : group;
        if (list[1] == 0)
            cores = apply_quotas(cores, mount, group);
        for (size_t i = 0; i < WT_ARRAY_LEN(places_v1) && has_controller(list + 1, "cpu"); i++) {
            snprintf(root, sizeof root, "%s/%s", mount, places_v1[i]);
            cores = apply_quotas(cores, root, group);
        }
    }
    return cores;
}

int wt_cores_allowed(void)
{
    const int cores = wt_cores_within_quota(cores_of_mask(), "/proc/self/cgroup", "/sys/fs/cgroup");
    return cores > 0 ? cores : 1;
}
