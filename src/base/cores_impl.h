/* cores_impl.h - the part of cores.c that a test feeds with folders of its own. */
#ifndef WT_CORES_IMPL_H
#define WT_CORES_IMPL_H
/* The smaller of `cores` and the CPU quotas of the groups that the file `membership` (/proc/self/cgroup) names, which
 * lie below `mount` (/sys/fs/cgroup); at least 1 where a quota binds. */
int wt_cores_within_quota(int cores, const char *membership, const char *mount);
#endif
