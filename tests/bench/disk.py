"""Where the servers keep their data: on a disk of one's choice.

Disks differ most in what they take in a second: rented volumes a few thousand writes, some disks
of a single machine a hundred thousand. What waits for its writes to be durable follows that, and
how many of them a sync is: a file system with a journal, as Debian's installer makes it, writes
more for a new file than one without. Both can be chosen: a number of writes a second, by the
kernel's own throttle (cgroups), and an ext4 with a journal in a file.
"""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

CGROUPS = pathlib.Path("/sys/fs/cgroup")
THROTTLE = "blkio.throttle.write_iops_device"
MEBIBYTE = bytes(1 << 20)
IMAGE_MEBIBYTES = 8192


def add_options(parser, keep=True):
    """The options of every measurement that writes."""
    parser.add_argument("--directory", default="/var/tmp", help="where both keep their data")
    parser.add_argument("--write-iops", type=int, metavar="N",
                        help="let the disk take N writes a second")
    parser.add_argument("--journal", action="store_true",
                        help="keep the data on an ext4 with a journal, in a file of 8 GiB")
    if keep:
        parser.add_argument("--keep", type=pathlib.Path, metavar="DIRECTORY",
                            help="keep their data here, or go on with what is here")
    parser.set_defaults(keep=None)


def in_words(options):
    """What was chosen, as the documents say it."""
    return (" on an ext4 with a journal in a file" if options.journal else "") + \
        (f", {options.write_iops} writes a second at most" if options.write_iops else "")


@contextlib.contextmanager
def data_directory(options):
    """A directory on the disk that the options describe; it is erased unless it is to be kept."""
    directory = options.keep or pathlib.Path(
        tempfile.mkdtemp(prefix="posthorn-bench-", dir=options.directory))
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)
    try:
        if options.journal:
            with journaled(directory, options.write_iops) as data:
                yield data
        else:
            if options.write_iops:
                limit_writes(directory, options.write_iops)
            yield directory
    finally:
        if not options.keep and not os.path.ismount(directory / "data"):
            shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def journaled(directory, write_iops):
    """An ext4 with a journal, in a file of `directory` that is made where it is missing."""
    image, data = directory / "disk.img", directory / "data"
    if not image.exists():
        make(image)
    data.mkdir(exist_ok=True)
    device = tool("losetup", "--direct-io=on", "--show", "--find", image)
    try:
        tool("mount", device, data)
        try:
            with limited(device, write_iops):
                yield data
        finally:
            # What still writes there holds it; nothing below is erased then.
            tool("umount", data)
    finally:
        tool("losetup", "--detach", device)


def make(image):
    # Written to its end, and not emptied by mkfs: a write must not be two because the file below
    # it grows.
    half = image.with_suffix(".half")
    with open(half, "wb") as file:
        for _ in range(IMAGE_MEBIBYTES):
            file.write(MEBIBYTE)
        os.fsync(file.fileno())
    options = "nodiscard,lazy_itable_init=0,lazy_journal_init=0"
    tool("mkfs.ext4", "-q", "-E", options, half)
    half.rename(image)


@contextlib.contextmanager
def limited(device, per_second):
    """Bounds all writes to `device`, also those of the journal, which the kernel makes itself."""
    throttle = CGROUPS / "blkio" / THROTTLE
    if per_second and not throttle.exists():
        raise SystemExit("the kernel bounds its own writes with cgroups of version 1 only")
    number = os.stat(device).st_rdev
    said = f"{os.major(number)}:{os.minor(number)}"
    if per_second:
        throttle.write_text(f"{said} {per_second}")
    try:
        yield
    finally:
        if per_second:
            throttle.write_text(f"{said} 0")


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
        (group / THROTTLE).write_text(limit)
    (group / "cgroup.procs").write_text(str(os.getpid()))


def disk_of(directory):
    """The numbers of the whole disk, `major:minor`: the throttle knows no partitions."""
    device = os.stat(directory).st_dev
    folder = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    if (folder / "partition").exists():
        folder = folder.parent
    return (folder / "dev").read_text().strip()


def tool(*words):
    """What a command printed; it has to succeed."""
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()
