/* hw_system.c - the operating system, the board, the network. No host name, no addresses: a report is handed around. */
#include <stdio.h>
#include <sys/utsname.h>
#include "base/json.h"
#include "measure/hardware/hardware.h"

/* PRETTY_NAME="Debian GNU/Linux 12 (bookworm)" */
static void add_distribution(json_t *o, const wt_sysroot *r)
{
    char *text = wt_sys_file(r, "/etc/os-release"), name[128] = "";
    const char *p = text ? strstr(text, "PRETTY_NAME=") : NULL;
    if (p) {
        p += strlen("PRETTY_NAME=");
        p += *p == '"';
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p, "\"\n"), p);
    }
    wt_hw_set_text(o, "distribution", name);
    wt_free(r->ctx, text);
}

static void add_board(json_t *o, const wt_sysroot *r)
{
    char text[128], maker[128], both[260];
    if (wt_sys_text(r, text, sizeof text, "/proc/device-tree/model")) {
        wt_hw_set_text(o, "board", text);
    } else if (wt_sys_text(r, text, sizeof text, "/sys/class/dmi/id/product_name")) {
        wt_sys_text(r, maker, sizeof maker, "/sys/class/dmi/id/sys_vendor");
        snprintf(both, sizeof both, "%s%s%s", maker, maker[0] ? " " : "", text);
        wt_hw_set_text(o, "board", both);
    }
}

static bool in_container(const wt_sysroot *r)
{
    return wt_sys_exists(r, "/.dockerenv") || wt_sys_exists(r, "/run/.containerenv") ||
           wt_sys_exists(r, "/run/systemd/container");
}

static bool in_guest(const wt_sysroot *r)
{
    char *cpuinfo = wt_sys_file(r, "/proc/cpuinfo"), flags[8192];
    const bool guest = cpuinfo && wt_sys_field(cpuinfo, "flags", flags, sizeof flags) &&
                       strstr(flags, " hypervisor") != NULL;
    wt_free(r->ctx, cpuinfo);
    return guest;
}

json_t *wt_hw_system(const wt_sysroot *r)
{
    struct utsname u;
    char text[128];
    json_t *o = json_object();
    if (!o)
        return NULL;
    if (uname(&u) == 0) {
        wt_hw_set_text(o, "os", u.sysname);
        wt_hw_set_text(o, "kernel", wt_sys_text(r, text, sizeof text, "/proc/sys/kernel/osrelease") ? text : u.release);
        wt_hw_set_text(o, "architecture", u.machine);
    }
    add_distribution(o, r);
    add_board(o, r);
    json_object_set_new(o, "virtual_machine", json_boolean(in_guest(r)));
    json_object_set_new(o, "container", json_boolean(in_container(r)));
    return o;
}

/* --- network
 * ----------------------------------------------------------------------------------------------------------------- */
static const char net[] = "/sys/class/net";

static const char *kind_of(const wt_sysroot *r, const char *name)
{
    char uevent[512], type[32] = "";
    if (wt_sys_exists(r, "%s/%s/wireless", net, name) || wt_sys_exists(r, "%s/%s/phy80211", net, name))
        return "wireless";
    const char *p = wt_sys_text(r, uevent, sizeof uevent, "%s/%s/uevent", net, name) ? strstr(uevent, "DEVTYPE=")
                                                                                     : NULL;
    if (p)
        sscanf(p, "DEVTYPE=%31s", type);
    if (!strcmp(type, "wlan"))
        return "wireless";
    if (!strcmp(type, "wwan"))
        return "cellular";
    if (!strcmp(type, "bluetooth"))
        return "bluetooth";
    return wt_sys_exists(r, "%s/%s/device", net, name) ? "wired" : "virtual";
}

json_t *wt_hw_network(const wt_sysroot *r)
{
    json_t *list = json_array();
    wt_sys_names names = wt_sys_list(r, net, "");
    for (size_t i = 0; list && i < names.n; i++) {
        char state[32];
        int64_t speed, type, carrier = 0;
        const char *name = names.items[i];
        if (wt_sys_number(r, &type, "%s/%s/type", net, name) && type == 772) /* loopback */
            continue;
        wt_sys_text(r, state, sizeof state, "%s/%s/operstate", net, name);
        wt_sys_number(r, &carrier, "%s/%s/carrier", net, name);
        json_t *o = json_pack("{s:s, s:s, s:b}", "name", name, "kind", kind_of(r, name), "up",
                              !strcmp(state, "up") || carrier == 1);
        if (wt_sys_number(r, &speed, "%s/%s/speed", net, name) && speed > 0) /* -1: not known */
            wt_hw_set_number(o, "speed_mbit_per_s", speed);
        json_array_append_new(list, o);
    }
    wt_sys_names_free(&names);
    return list;
}
