/* hw_cpu.c - the processor: what it is called, which cores this process may use, what its caches are. */
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/cores_impl.h"
#include "base/cpu.h"
#include "base/json.h"
#include "measure/hardware/hardware.h"

enum { MOST_CPUS = 4096 };

static json_t *isa_json(const wt_sysroot *r)
{
    json_t *list = json_array();
    const uint32_t flags = wt_context_cpu(r->ctx);
    for (int i = 0; i < 30; i++) /* bit 30 is no instruction set, but "portable C" */
        if (flags & 1u << i && wt_cpu_flag_name(1u << i))
            json_array_append_new(list, json_string(wt_cpu_flag_name(1u << i)));
    return list;
}

static json_t *words(const char *text)
{
    json_t *list = json_array();
    for (const char *p = text; *p;) {
        const size_t len = strcspn(p, " \t");
        if (len)
            json_array_append_new(list, json_stringn(p, len));
        p += len + strspn(p + len, " \t");
    }
    return list;
}

/* Arm kernels name cores by numbers: the parts that edge devices are made of. */
static const struct {
    unsigned implementer, part;
    const char *name;
} arm_parts[] = {
    { 0x41, 0xd03, "Arm Cortex-A53" },   { 0x41, 0xd04, "Arm Cortex-A35" },  { 0x41, 0xd05, "Arm Cortex-A55" },
    { 0x41, 0xd07, "Arm Cortex-A57" },   { 0x41, 0xd08, "Arm Cortex-A72" },  { 0x41, 0xd09, "Arm Cortex-A73" },
    { 0x41, 0xd0a, "Arm Cortex-A75" },   { 0x41, 0xd0b, "Arm Cortex-A76" },  { 0x41, 0xd0c, "Arm Neoverse-N1" },
    { 0x41, 0xd0d, "Arm Cortex-A77" },   { 0x41, 0xd40, "Arm Neoverse-V1" }, { 0x41, 0xd41, "Arm Cortex-A78" },
    { 0x41, 0xd42, "Arm Cortex-A78AE" }, { 0x41, 0xd44, "Arm Cortex-X1" },   { 0x41, 0xd46, "Arm Cortex-A510" },
    { 0x41, 0xd47, "Arm Cortex-A710" },  { 0x41, 0xd48, "Arm Cortex-X2" },   { 0x41, 0xd49, "Arm Neoverse-N2" },
    { 0x41, 0xd4d, "Arm Cortex-A715" },  { 0x41, 0xd4e, "Arm Cortex-X3" },   { 0x41, 0xd4f, "Arm Neoverse-V2" },
    { 0x41, 0xd80, "Arm Cortex-A520" },  { 0x41, 0xd81, "Arm Cortex-A720" }, { 0x41, 0xd82, "Arm Cortex-X4" },
};

static void arm_name(const char *cpuinfo, char *out, size_t size)
{
    char implementer[32], part[32];
    if (!wt_sys_field(cpuinfo, "CPU implementer", implementer, sizeof implementer) ||
        !wt_sys_field(cpuinfo, "CPU part", part, sizeof part))
        return;
    const unsigned long i = strtoul(implementer, NULL, 0), p = strtoul(part, NULL, 0);
    for (size_t k = 0; k < WT_ARRAY_LEN(arm_parts); k++)
        if (arm_parts[k].implementer == i && arm_parts[k].part == p)
            snprintf(out, size, "%s", arm_parts[k].name);
    if (!out[0])
        snprintf(out, size, "Arm core, implementer %s, part %s", implementer, part);
}

static void add_names(json_t *o, const char *cpuinfo)
{
    char text[256] = "", flags[8192];
    if (!wt_sys_field(cpuinfo, "model name", text, sizeof text) &&
        !wt_sys_field(cpuinfo, "cpu model", text, sizeof text))
        arm_name(cpuinfo, text, sizeof text);
    wt_hw_set_text(o, "model", text);
    if (wt_sys_field(cpuinfo, "vendor_id", text, sizeof text))
        wt_hw_set_text(o, "vendor", text);
    if (wt_sys_field(cpuinfo, "flags", flags, sizeof flags) || wt_sys_field(cpuinfo, "Features", flags, sizeof flags))
        json_object_set_new(o, "features", words(flags));
}

/* --- cores
 * ----------------------------------------------------------------------------------------------------------------- */
static void mark_list(const char *list, bool *marks)
{
    for (const char *p = list; *p;) {
        char *end;
        const long first = strtol(p, &end, 10);
        if (end == p)
            return;
        const long last = *end == '-' ? strtol(end + 1, &end, 10) : first;
        for (long i = first; i >= 0 && i <= last && i < MOST_CPUS; i++)
            marks[i] = true;
        p = *end == ',' ? end + 1 : "";
    }
}

/* Cores of which one of the marked threads is part; *sockets of them. */
static int count_cores(const wt_sysroot *r, const bool *threads, int *sockets)
{
    bool seen[MOST_CPUS] = { false }, packages[MOST_CPUS] = { false };
    int cores = 0;
    *sockets = 0;
    for (int i = 0; i < MOST_CPUS; i++) {
        char siblings[256];
        int64_t package;
        if (!threads[i])
            continue;
        int first = i;
        if (wt_sys_text(r, siblings, sizeof siblings, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", i))
            first = atoi(siblings);
        first = first >= 0 && first < MOST_CPUS ? first : i;
        cores += !seen[first];
        seen[first] = true;
        if (wt_sys_number(r, &package, "/sys/devices/system/cpu/cpu%d/topology/physical_package_id", i) &&
            package >= 0 && package < MOST_CPUS && !packages[package]) {
            packages[package] = true;
            (*sockets)++;
        }
    }
    return cores;
}

static int count(const bool *marks)
{
    int n = 0;
    for (int i = 0; i < MOST_CPUS; i++)
        n += marks[i];
    return n;
}

typedef struct quota {
    double cpus; /* the smallest; infinity: none */
} quota;

static void look_at_quota(void *arg, const wt_sysroot *r, const char *folder, int version)
{
    quota *q = arg;
    char text[64];
    double limit = 0, period = 0;
    int64_t us, per;
    if (version == 2) {
        if (!wt_sys_text(r, text, sizeof text, "%s/cpu.max", folder) || sscanf(text, "%lf %lf", &limit, &period) != 2)
            return;
    } else if (wt_sys_number(r, &us, "%s/cpu.cfs_quota_us", folder) &&
               wt_sys_number(r, &per, "%s/cpu.cfs_period_us", folder)) {
        limit = (double)us;
        period = (double)per;
    }
    if (limit > 0 && period > 0)
        q->cpus = fmin(q->cpus, limit / period);
}

static void add_cores(json_t *o, const wt_sysroot *r)
{
    bool allowed[MOST_CPUS] = { false }, online[MOST_CPUS] = { false };
    char text[8192], list[4096], membership[1100], mount[1100];
    int sockets = 0;
    if (wt_sys_text(r, text, sizeof text, "/proc/self/status") &&
        wt_sys_field(text, "Cpus_allowed_list", list, sizeof list))
        mark_list(list, allowed);
    if (wt_sys_text(r, list, sizeof list, "/sys/devices/system/cpu/online"))
        mark_list(list, online);
    if (!count(online))
        memcpy(online, allowed, sizeof online);
    if (!count(allowed))
        memcpy(allowed, online, sizeof allowed);
    const int total = count_cores(r, online, &sockets), usable = count_cores(r, allowed, &(int){ 0 });
    quota q = { INFINITY };
    wt_cgroup_each(r, "cpu", look_at_quota, &q);
    snprintf(membership, sizeof membership, "%s/proc/self/cgroup", r->path);
    snprintf(mount, sizeof mount, "%s/sys/fs/cgroup", r->path);
    if (usable)
        wt_hw_set_number(o, "cores", wt_cores_within_quota(usable, membership, mount));
    if (total) {
        wt_hw_set_number(o, "cores_total", total);
        wt_hw_set_number(o, "threads_total", count(online));
        wt_hw_set_number(o, "threads_allowed", count(allowed));
    }
    if (sockets)
        wt_hw_set_number(o, "sockets", sockets);
    json_object_set_new(o, "quota_cpus", wt_json_real(q.cpus));
}

/* --- caches and clock
 * ---------------------------------------------------------------------------------------------------------- */
static int64_t cache_size(const char *text)
{
    char *end;
    const long long n = strtoll(text, &end, 10);
    return *end == 'K' ? n * 1024 : *end == 'M' ? n * 1024 * 1024 : n;
}

/* Those of the first core that has any; heterogeneous chips differ between cores, and then the first kind is shown. */
static json_t *caches_json(const wt_sysroot *r)
{
    json_t *list = json_array();
    wt_sys_names names = wt_sys_list(r, "/sys/devices/system/cpu/cpu0/cache", "index");
    for (size_t i = 0; i < names.n; i++) {
        char size[64], type[64], shared[1024];
        int64_t level, line;
        const char *at = "/sys/devices/system/cpu/cpu0/cache";
        if (!wt_sys_number(r, &level, "%s/%s/level", at, names.items[i]) ||
            !wt_sys_text(r, size, sizeof size, "%s/%s/size", at, names.items[i]))
            continue;
        json_t *o = json_pack("{s:I, s:I}", "level", (json_int_t)level, "size_bytes", (json_int_t)cache_size(size));
        if (wt_sys_text(r, type, sizeof type, "%s/%s/type", at, names.items[i]) && type[0]) {
            type[0] = (char)(type[0] | 0x20);
            wt_hw_set_text(o, "type", type);
        }
        if (wt_sys_number(r, &line, "%s/%s/coherency_line_size", at, names.items[i]))
            wt_hw_set_number(o, "line_bytes", line);
        if (wt_sys_text(r, shared, sizeof shared, "%s/%s/shared_cpu_list", at, names.items[i]) &&
            wt_sys_count_list(shared) > 0)
            wt_hw_set_number(o, "shared_by_threads", wt_sys_count_list(shared));
        json_array_append_new(list, o);
    }
    wt_sys_names_free(&names);
    return list;
}

static void add_clock(json_t *o, const wt_sysroot *r, const char *cpuinfo)
{
    char text[64];
    int64_t khz;
    if (wt_sys_number(r, &khz, "/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq"))
        wt_hw_set_number(o, "clock_max_mhz", khz / 1000);
    if (wt_sys_text(r, text, sizeof text, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"))
        wt_hw_set_text(o, "governor", text);
    if (wt_sys_field(cpuinfo, "cpu MHz", text, sizeof text))
        wt_hw_set_number(o, "clock_mhz", (int64_t)strtod(text, NULL));
}

json_t *wt_hw_cpu(const wt_sysroot *r)
{
    json_t *o = json_object();
    char *cpuinfo = wt_sys_file(r, "/proc/cpuinfo");
    if (!o)
        return NULL;
    add_names(o, cpuinfo ? cpuinfo : "");
    json_object_set_new(o, "isa", isa_json(r));
    add_cores(o, r);
    add_clock(o, r, cpuinfo ? cpuinfo : "");
    json_object_set_new(o, "caches", caches_json(r));
    wt_free(r->ctx, cpuinfo);
    return o;
}
