/* hw_memory.c - memory that there is, and how much of it this process may take; and the disk. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "measure/hardware/hardware.h"

typedef struct limits {
    uint64_t limit; /* UINT64_MAX: none */
    uint64_t left;  /* of the tightest group */
} limits;

static void look_at_limit(void *arg, const wt_sysroot *r, const char *folder, int version)
{
    limits *l = arg;
    int64_t most, used;
    /* "max" is no number; version 1 says "no limit" with a number close to 2^63. */
    if (!wt_sys_number(r, &most, version == 2 ? "%s/memory.max" : "%s/memory.limit_in_bytes", folder) || most <= 0 ||
        most > INT64_C(1) << 60)
        return;
    if ((uint64_t)most < l->limit)
        l->limit = (uint64_t)most;
    if (wt_sys_number(r, &used, version == 2 ? "%s/memory.current" : "%s/memory.usage_in_bytes", folder) && used >= 0) {
        const uint64_t left = used < most ? (uint64_t)(most - used) : 0;
        if (left < l->left)
            l->left = left;
    }
}

/* ulimit -v counts addresses, not memory, but it ends a process just the same. It is this process's, whatever the root.
 */
static void look_at_rlimit(const wt_sysroot *r, limits *l)
{
    struct rlimit as;
    if (!r->path[0] && getrlimit(RLIMIT_AS, &as) == 0 && as.rlim_cur != RLIM_INFINITY &&
        (uint64_t)as.rlim_cur < l->limit)
        l->limit = (uint64_t)as.rlim_cur;
}

static uint64_t kilobytes(const char *meminfo, const char *key)
{
    char text[64];
    return wt_sys_field(meminfo, key, text, sizeof text) ? strtoull(text, NULL, 10) * 1024 : 0;
}

static void add_huge_pages(json_t *o, const wt_sysroot *r)
{
    char text[128];
    if (!wt_sys_text(r, text, sizeof text, "/sys/kernel/mm/transparent_hugepage/enabled"))
        return;
    char *from = strchr(text, '['), *to = from ? strchr(from, ']') : NULL; /* "always [madvise] never" */
    if (to) {
        *to = 0;
        wt_hw_set_text(o, "huge_pages", from + 1);
    }
}

json_t *wt_hw_memory(const wt_sysroot *r)
{
    json_t *o = json_object();
    char *meminfo = wt_sys_file(r, "/proc/meminfo");
    limits l = { UINT64_MAX, UINT64_MAX };
    if (!o)
        return NULL;
    wt_cgroup_each(r, "memory", look_at_limit, &l);
    look_at_rlimit(r, &l);
    if (meminfo) {
        const uint64_t total = kilobytes(meminfo, "MemTotal"), available = kilobytes(meminfo, "MemAvailable");
        wt_hw_set_number(o, "total_bytes", (int64_t)total);
        wt_hw_set_number(o, "free_bytes", (int64_t)kilobytes(meminfo, "MemFree"));
        wt_hw_set_number(o, "available_bytes", (int64_t)(available < l.left ? available : l.left));
        wt_hw_set_number(o, "swap_bytes", (int64_t)kilobytes(meminfo, "SwapTotal"));
        if (l.limit > total) /* a limit above what there is binds nobody */
            l.limit = UINT64_MAX;
    }
    if (l.limit != UINT64_MAX)
        wt_hw_set_number(o, "limit_bytes", (int64_t)l.limit);
    else
        json_object_set_new(o, "limit_bytes", json_null());
    wt_hw_set_number(o, "page_bytes", sysconf(_SC_PAGESIZE));
    add_huge_pages(o, r);
    wt_free(r->ctx, meminfo);
    return o;
}

/* --- disk
 * --------------------------------------------------------------------------------------------------------------------
 */
static void add_disk_kind(json_t *o, const wt_sysroot *r, const char *path)
{
    struct stat st;
    char name[128];
    int64_t rotates;
    if (stat(path, &st) != 0)
        return;
    const unsigned major_number = major(st.st_dev), minor_number = minor(st.st_dev);
    if (!wt_sys_link_name(r, name, sizeof name, "/sys/dev/block/%u:%u", major_number, minor_number))
        return;
    wt_hw_set_text(o, "device", name);
    const char *at = wt_sys_exists(r, "/sys/dev/block/%u:%u/partition", major_number, minor_number)
                         ? "../"
                         : ""; /* of the whole disk */
    if (!strncmp(name, "mmcblk", 6))
        wt_hw_set_text(o, "kind", "flash card");
    else if (!strncmp(name, "nvme", 4))
        wt_hw_set_text(o, "kind", "nvme");
    else if (wt_sys_number(r, &rotates, "/sys/dev/block/%u:%u/%squeue/rotational", major_number, minor_number, at))
        wt_hw_set_text(o, "kind", rotates ? "rotating or virtual" : "solid state");
}

json_t *wt_hw_disk(const wt_sysroot *r, const char *path)
{
    struct statvfs v;
    json_t *o = json_object();
    if (!o)
        return NULL;
    wt_hw_set_text(o, "path", path);
    if (statvfs(path, &v) == 0) {
        wt_hw_set_number(o, "total_bytes", (int64_t)(v.f_blocks * v.f_frsize));
        wt_hw_set_number(o, "free_bytes", (int64_t)(v.f_bavail * v.f_frsize)); /* to who is not root */
        add_disk_kind(o, r, path);
    }
    return o;
}
