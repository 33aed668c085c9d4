/* hw_accelerators.c - graphics and neural processors: by PCI class and id, by USB id, and, on chips without PCI, by the
 * kernel's own classes (drm, accel). Seeing one says nothing yet about using it: that is what engines are asked for. */
#include <stdio.h>
#include <stdlib.h>
#include "measure/hardware/hardware.h"

enum { PCI, USB, ANY_DEVICE = 0xffff, CLASS_DISPLAY = 0x03, CLASS_PROCESSING = 0x12 };

static const struct npu {
    int bus;
    unsigned vendor, device;
    const char *maker, *name;
} npus[] = {
#define X(bus, vendor, device, maker, name) { bus, vendor, device, maker, name },
#include "measure/hardware/npus.def"
#undef X
};

static const struct {
    unsigned vendor;
    const char *name;
} makers[] = {
    { 0x10de, "NVIDIA" }, { 0x1002, "AMD" },    { 0x8086, "Intel" },  { 0x1af4, "virtio" }, { 0x1234, "QEMU" },
    { 0x15ad, "VMware" }, { 0x102b, "Matrox" }, { 0x1a03, "ASPEED" }, { 0x1013, "Cirrus" }, { 0x1b36, "QEMU" },
};

static const struct npu *find_npu(int bus, unsigned vendor, unsigned device)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(npus); i++)
        if (npus[i].bus == bus && npus[i].vendor == vendor &&
            (npus[i].device == device || npus[i].device == ANY_DEVICE))
            return &npus[i];
    return NULL;
}

static const char *maker_name(unsigned vendor)
{
    for (size_t i = 0; i < WT_ARRAY_LEN(makers); i++)
        if (makers[i].vendor == vendor)
            return makers[i].name;
    return NULL;
}

/* The device's name in the PCI ID database, where a system has it: "vvvv  Vendor" lines, below them "\tdddd  Device".
 */
static void name_from_database(const char *ids, unsigned vendor, unsigned device, char *out, size_t size)
{
    char key[16];
    snprintf(key, sizeof key, "\n%04x  ", vendor);
    const char *p = ids ? strstr(ids, key) : NULL;
    out[0] = 0;
    if (!p)
        return;
    snprintf(key, sizeof key, "\t%04x  ", device);
    for (p = strchr(p + 1, '\n'); p && (p[1] == '\t' || p[1] == '#'); p = strchr(p + 1, '\n'))
        if (!strncmp(p + 1, key, strlen(key))) {
            p += 1 + strlen(key);
            snprintf(out, size, "%.*s", (int)strcspn(p, "\n"), p);
            return;
        }
}

static char *pci_database(const wt_sysroot *r)
{
    char *ids = wt_sys_file(r, "/usr/share/misc/pci.ids");
    return ids ? ids : wt_sys_file(r, "/usr/share/hwdata/pci.ids");
}

static bool hex_file(const wt_sysroot *r, const char *folder, const char *name, const char *file, unsigned *out)
{
    char text[32], *end;
    if (!wt_sys_text(r, text, sizeof text, "%s/%s/%s", folder, name, file))
        return false;
    *out = (unsigned)strtoul(text, &end, 16);
    return end != text && !*end;
}

static void add_driver(json_t *o, const wt_sysroot *r, const char *folder, const char *name, const char *below)
{
    char driver[128];
    if (wt_sys_link_name(r, driver, sizeof driver, "%s/%s/%sdriver", folder, name, below))
        wt_hw_set_text(o, "driver", driver);
    else
        json_object_set_new(o, "driver", json_null()); /* there, and nothing drives it */
}

/* --- PCI
 * ---------------------------------------------------------------------------------------------------------------------
 */
static void add_nvidia(json_t *o, const wt_sysroot *r, const char *slot)
{
    char path[192], text[128];
    snprintf(path, sizeof path, "/proc/driver/nvidia/gpus/%s/information", slot);
    char *info = wt_sys_file(r, path);
    if (info && wt_sys_field(info, "Model", text, sizeof text))
        wt_hw_set_text(o, "name", text);
    if (wt_sys_text(r, text, sizeof text, "/sys/module/nvidia/version"))
        wt_hw_set_text(o, "driver_version", text);
    wt_free(r->ctx, info);
}

static void add_memory_size(json_t *o, const wt_sysroot *r, const char *slot)
{
    int64_t bytes; /* amdgpu says it */
    if (wt_sys_number(r, &bytes, "/sys/bus/pci/devices/%s/mem_info_vram_total", slot))
        wt_hw_set_number(o, "memory_bytes", bytes);
}

static json_t *pci_json(const wt_sysroot *r, const char *slot, char **ids, bool *looked)
{
    static const char *const folder = "/sys/bus/pci/devices";
    unsigned class_code, vendor, device;
    char name[160], id[24];
    if (!hex_file(r, folder, slot, "class", &class_code) || !hex_file(r, folder, slot, "vendor", &vendor) ||
        !hex_file(r, folder, slot, "device", &device))
        return NULL;
    const struct npu *npu = find_npu(PCI, vendor, device);
    const unsigned base = class_code >> 16;
    if (!npu && base != CLASS_DISPLAY && base != CLASS_PROCESSING)
        return NULL;
    if (!*looked) {
        *ids = pci_database(r);
        *looked = true;
    }
    name_from_database(*ids, vendor, device, name, sizeof name);
    snprintf(id, sizeof id, "%04x:%04x", vendor, device);
    json_t *o = json_pack("{s:s, s:s}", "kind", npu || base == CLASS_PROCESSING ? "npu" : "gpu", "bus", "pci");
    wt_hw_set_text(o, "vendor", npu ? npu->maker : maker_name(vendor));
    wt_hw_set_text(o, "name", npu ? npu->name : name[0] ? name : NULL);
    wt_hw_set_text(o, "id", id);
    wt_hw_set_text(o, "slot", slot);
    add_driver(o, r, folder, slot, "");
    add_memory_size(o, r, slot);
    if (vendor == 0x10de)
        add_nvidia(o, r, slot);
    return o;
}

static void add_pci(json_t *list, const wt_sysroot *r)
{
    char *ids = NULL;
    bool looked = false;
    wt_sys_names slots = wt_sys_list(r, "/sys/bus/pci/devices", "");
    for (size_t i = 0; i < slots.n; i++) {
        json_t *o = pci_json(r, slots.items[i], &ids, &looked);
        if (o)
            json_array_append_new(list, o);
    }
    wt_sys_names_free(&slots);
    wt_free(r->ctx, ids);
}

static void add_usb(json_t *list, const wt_sysroot *r)
{
    static const char *const folder = "/sys/bus/usb/devices";
    wt_sys_names names = wt_sys_list(r, folder, "");
    for (size_t i = 0; i < names.n; i++) {
        unsigned vendor, device;
        if (!hex_file(r, folder, names.items[i], "idVendor", &vendor) ||
            !hex_file(r, folder, names.items[i], "idProduct", &device))
            continue;
        const struct npu *npu = find_npu(USB, vendor, device);
        if (npu)
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "kind", "npu", "bus", "usb", "vendor",
                                                  npu->maker, "name", npu->name, "slot", names.items[i]));
    }
    wt_sys_names_free(&names);
}

/* --- on the chip: the kernel's classes, where the device behind is no PCI device
 * ------------------------------------------------ */
static bool behind_pci(const wt_sysroot *r, const char *folder, const char *name)
{
    char subsystem[64];
    return wt_sys_link_name(r, subsystem, sizeof subsystem, "%s/%s/device/subsystem", folder, name) &&
           !strcmp(subsystem, "pci");
}

static const struct {
    const char *driver, *name;
    bool neural;
} soc_drivers[] = {
    { "v3d", "Broadcom VideoCore", false },  { "panfrost", "Arm Mali", false },
    { "panthor", "Arm Mali (CSF)", false },  { "lima", "Arm Mali Utgard", false },
    { "msm", "Qualcomm Adreno", false },     { "msm_dpu", "Qualcomm Adreno", false },
    { "adreno", "Qualcomm Adreno", false },  { "etnaviv", "Vivante GPU", false },
    { "etnaviv-gpu", "Vivante GPU", false }, { "powervr", "Imagination PowerVR", false },
    { "tegra-drm", "NVIDIA Tegra", false },  { "asahi", "Apple GPU", false },
    { "gk20a", "NVIDIA Tegra GPU", false },  { "gv11b", "NVIDIA Xavier GPU", false },
    { "ga10b", "NVIDIA Orin GPU", false },   { "RKNPU", "Rockchip NPU", true },
    { "rknpu", "Rockchip NPU", true },       { "rocket", "Rockchip NPU", true },
    { "ethosu", "Arm Ethos-U", true },
};

static void add_soc(json_t *list, const wt_sysroot *r, const char *folder, const char *prefix, bool accel)
{
    wt_sys_names names = wt_sys_list(r, folder, prefix);
    for (size_t i = 0; i < names.n; i++) {
        char driver[128];
        if (strchr(names.items[i], '-') || behind_pci(r, folder, names.items[i])) /* card0-HDMI-A-1 is a connector */
            continue;
        if (!wt_sys_link_name(r, driver, sizeof driver, "%s/%s/device/driver", folder, names.items[i]))
            continue;
        size_t k = 0;
        while (k < WT_ARRAY_LEN(soc_drivers) && strcmp(soc_drivers[k].driver, driver) != 0)
            k++;
        const bool known = k < WT_ARRAY_LEN(soc_drivers);
        if (!accel && !known)
            continue;
        json_t *o = json_pack("{s:s, s:s, s:s}", "kind", accel || soc_drivers[k].neural ? "npu" : "gpu", "bus", "soc",
                              "slot", names.items[i]);
        wt_hw_set_text(o, "name", known ? soc_drivers[k].name : NULL);
        wt_hw_set_text(o, "driver", driver);
        json_array_append_new(list, o);
    }
    wt_sys_names_free(&names);
}

/* Jetson's GPU has no drm device of its own under NVIDIA's kernel. */
static void add_tegra(json_t *list, const wt_sysroot *r)
{
    char model[128];
    if (wt_sys_exists(r, "/dev/nvhost-gpu") || wt_sys_exists(r, "/dev/nvgpu")) {
        json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "kind", "gpu", "bus", "soc", "vendor", "NVIDIA", "driver",
                              "nvgpu");
        wt_hw_set_text(o, "name", wt_sys_text(r, model, sizeof model, "/proc/device-tree/model") ? model : NULL);
        json_array_append_new(list, o);
    }
}

json_t *wt_hw_accelerators(const wt_sysroot *r)
{
    json_t *list = json_array();
    if (!list)
        return NULL;
    add_pci(list, r);
    add_usb(list, r);
    add_soc(list, r, "/sys/class/drm", "renderD", false);
    add_soc(list, r, "/sys/class/accel", "accel", true);
    add_tegra(list, r);
    return list;
}
