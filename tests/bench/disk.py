"""A disk of as many writes a second as one chooses, by the kernel's own throttle (cgroups).

Disks differ most in what they take in a second: rented volumes a few thousand writes, some disks
of a single machine a hundred thousand. What waits for its writes to be durable follows that.
"""

import os
import pathlib

CGROUPS = pathlib.Path("/sys/fs/cgroup")


def limit_writes(directory, per_second):
    """Bounds the writes of this process, and of those it starts, to the disk of `directory`."""
    disk = disk_of(directory)
    if (CGROUPS / "cgroup.controllers").exists():
        (CGROUPS / "cgroup.subtree_control").write_text("+io")
        group, limit = CGROUPS / "posthorn-bench", f"{disk} wiops={per_second}"
        group.mkdir(exist_ok=True)
        (group / "io.max").write_text(limit)
    else:
        group, limit = CGROUPS / "blkio/posthorn-bench", f"{disk} {per_second}"
        group.mkdir(exist_ok=True)
        (group / "blkio.throttle.write_iops_device").write_text(limit)
    (group / "cgroup.procs").write_text(str(os.getpid()))


def disk_of(directory):
    """The numbers of the whole disk, `major:minor`: the throttle knows no partitions."""
    device = os.stat(directory).st_dev
    folder = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    if (folder / "partition").exists():
        folder = folder.parent
    return (folder / "dev").read_text().strip()
