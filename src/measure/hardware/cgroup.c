/* cgroup.c - which control groups bind this process. In a container the path that /proc names is often the host's and
 * absent; then only the root is left, which is our own group there. */
#include <stdio.h>
#include "measure/hardware/hardware.h"

static bool has_controller(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == 0))
            return true;
    return false;
}

static void climb(const wt_sysroot *r, const char *mount, const char *group, int version, wt_cgroup_fn *fn, void *arg)
{
    char folder[900];
    size_t len = strcmp(group, "/") == 0 ? 0 : strlen(group);
    for (;;) {
        snprintf(folder, sizeof folder, "%s%.*s", mount, (int)len, group);
        if (wt_sys_exists(r, "%s", folder))
            fn(arg, r, folder, version);
        if (len == 0)
            return;
        do
            len--;
        while (len > 0 && group[len] != '/');
    }
}

void wt_cgroup_each(const wt_sysroot *r, const char *controller, wt_cgroup_fn *fn, void *arg)
{
    char *text = wt_sys_file(r, "/proc/self/cgroup"), *save = NULL, mount[256];
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;
        if (!group || strlen(group + 1) > 600)
            continue;
        *group++ = 0;
        if (list[1] == 0) {
            climb(r, "/sys/fs/cgroup", group, 2, fn, arg);
        } else if (has_controller(list + 1, controller)) {
            snprintf(mount, sizeof mount, "/sys/fs/cgroup/%s", controller);
            climb(r, mount, group, 1, fn, arg);
        }
    }
    wt_free(r->ctx, text);
}
