/* Disk faults for one process: preloaded into the server, it intercepts its calls on the files below FAULT_DIR.
 *
 * Failures: the FAULT_AT-th of the calls in FAULT_CALLS (and, with FAULT_FOREVER, all that follow) fails with FAULT_ERRNO,
 * or never returns with FAULT_HANG. With FAULT_TORN a write that fails has written half. If FAULT_ARM names a file, calls
 * count only once it exists.
 *
 * Recording: with FAULT_RECORD every change is appended to that file once it is done, in an order in which the changes
 * could have happened, so that the state of the disk at any moment can be rebuilt. A sync covers everything that was
 * recorded when it began.
 *
 * All numbers in records are little-endian: { u8 kind, u64 inode, u64 a, u64 b, u32 length, bytes }. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE, SYNC, CREATE, RENAME, UNLINK, DIRECTORY };

#define FDS 4096
static struct { int known; int directory; uint64_t inode; } files[FDS];

static const char *dir, *calls, *arm;
static size_t dir_length;
static long at;
static int forever, hang, torn, error_code, record = -1;
static atomic_long count;
static atomic_int armed;
static atomic_ullong recorded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...) \
    static type (*real_##name)(__VA_ARGS__); \
    if (!real_##name) real_##name = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static int really_open(const char *path, int flags, mode_t mode) {
    REAL(int, open64, const char *, int, ...);
    return real_open64(path, flags, mode);
}

static ssize_t really_write(int fd, const void *bytes, size_t length) {
    REAL(ssize_t, write, int, const void *, size_t);
    return real_write(fd, bytes, length);
}

__attribute__((constructor)) static void start(void) {
    dir = getenv("FAULT_DIR");
    if (!dir) return;
    dir_length = strlen(dir);
    calls = getenv("FAULT_CALLS");
    arm = getenv("FAULT_ARM");
    at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : 0;
    error_code = getenv("FAULT_ERRNO") ? atoi(getenv("FAULT_ERRNO")) : EIO;
    forever = getenv("FAULT_FOREVER") != NULL;
    hang = getenv("FAULT_HANG") != NULL;
    torn = getenv("FAULT_TORN") != NULL;
    const char *path = getenv("FAULT_RECORD");
    if (path) record = really_open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

static int ours(const char *path) {
    return dir && path && strncmp(path, dir, dir_length) == 0;
}

static int file(int fd) {
    return fd >= 0 && fd < FDS && files[fd].known;
}

/* Whether this call must fail. */
static int strikes(const char *call) {
    if (!calls || !at) return 0;
    const char *found = strstr(calls, call);
    size_t length = strlen(call);
    while (found && !((found == calls || found[-1] == ',') && (found[length] == ',' || !found[length])))
        found = strstr(found + 1, call);
    if (!found) return 0;
    if (arm && !atomic_load(&armed)) {
        if (access(arm, F_OK)) return 0;
        atomic_store(&armed, 1);
    }
    long now = atomic_fetch_add(&count, 1) + 1;
    if (now != at && !(forever && now > at)) return 0;
    while (hang) pause();
    errno = error_code;
    return 1;
}

static void put(uint8_t kind, uint64_t inode, uint64_t a, uint64_t b, const void *bytes, uint32_t length) {
    if (record < 0) return;
    uint8_t head[29];
    head[0] = kind;
    memcpy(head + 1, &inode, 8);
    memcpy(head + 9, &a, 8);
    memcpy(head + 17, &b, 8);
    memcpy(head + 25, &length, 4);
    int saved = errno;
    struct iovec parts[2] = { { head, sizeof head }, { (void *)bytes, length } };
    pthread_mutex_lock(&lock);
    if (writev(record, parts, 2) != (ssize_t)(sizeof head + length)) abort();
    atomic_fetch_add(&recorded, sizeof head + length);
    pthread_mutex_unlock(&lock);
    errno = saved;
}

/* The end of the record now. An earlier process may have started it. */
static uint64_t end(void) {
    struct stat status;
    return record >= 0 && !fstat(record, &status) ? (uint64_t)status.st_size : 0;
}

static int opened(int fd, const char *path, int existed, int flags) {
    struct stat status;
    if (fd < 0 || fd >= FDS || !ours(path) || fstat(fd, &status)) return fd;
    files[fd].inode = status.st_ino;
    files[fd].directory = S_ISDIR(status.st_mode);
    files[fd].known = 1;
    if (!existed) put(CREATE, status.st_ino, 0, 0, path, strlen(path));
    else if (flags & O_TRUNC) put(TRUNCATE, status.st_ino, 0, 0, NULL, 0);
    return fd;
}

static int open_as(const char *path, int flags, mode_t mode) {
    if (ours(path) && (flags & O_ACCMODE) != O_RDONLY && strikes("open")) return -1;
    int existed = !ours(path) || access(path, F_OK) == 0;
    return opened(really_open(path, flags, mode), path, existed, flags);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_as(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return open_as(path, flags, mode);
}

int close(int fd) {
    REAL(int, close, int);
    if (fd >= 0 && fd < FDS) files[fd].known = 0;
    return real_close(fd);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!file(fd)) return really_write(fd, bytes, length);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    if (strikes("write")) {
        int saved = errno;
        if (torn && length > 1 && really_write(fd, bytes, length / 2) > 0)
            put(WRITE, files[fd].inode, offset, 0, bytes, length / 2);
        errno = saved;
        return -1;
    }
    ssize_t wrote = really_write(fd, bytes, length);
    if (wrote > 0) put(WRITE, files[fd].inode, offset, 0, bytes, wrote);
    return wrote;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    if (!file(fd)) return real_pwrite64(fd, bytes, length, offset);
    if (strikes("write")) {
        int saved = errno;
        if (torn && length > 1 && real_pwrite64(fd, bytes, length / 2, offset) > 0)
            put(WRITE, files[fd].inode, offset, 0, bytes, length / 2);
        errno = saved;
        return -1;
    }
    ssize_t wrote = real_pwrite64(fd, bytes, length, offset);
    if (wrote > 0) put(WRITE, files[fd].inode, offset, 0, bytes, wrote);
    return wrote;
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
    REAL(ssize_t, pread64, int, void *, size_t, off64_t);
    if (file(fd) && strikes("read")) return -1;
    return real_pread64(fd, bytes, length, offset);
}

static int synced(int fd, int (*sync)(int)) {
    if (!file(fd)) return sync(fd);
    if (strikes("sync")) return -1;
    uint64_t covered = end();
    int done = sync(fd);
    if (!done) put(SYNC, files[fd].inode, covered, files[fd].directory, NULL, 0);
    return done;
}

int fsync(int fd) {
    REAL(int, fsync, int);
    return synced(fd, real_fsync);
}

int fdatasync(int fd) {
    REAL(int, fdatasync, int);
    return synced(fd, real_fdatasync);
}

/* Passes pages to the disk, which need not keep them: not a sync. */
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    REAL(int, sync_file_range, int, off64_t, off64_t, unsigned);
    if (file(fd) && strikes("range")) return -1;
    return real_sync_file_range(fd, offset, length, flags);
}

int ftruncate64(int fd, off64_t length) {
    REAL(int, ftruncate64, int, off64_t);
    if (file(fd) && strikes("truncate")) return -1;
    int done = real_ftruncate64(fd, length);
    if (!done && file(fd)) put(TRUNCATE, files[fd].inode, length, 0, NULL, 0);
    return done;
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    if (!ours(from)) return real_rename(from, to);
    if (strikes("rename")) return -1;
    int done = real_rename(from, to);
    if (!done) {
        char names[2 * PATH_MAX];
        size_t first = strlen(from) + 1, second = strlen(to);
        memcpy(names, from, first);
        memcpy(names + first, to, second);
        put(RENAME, 0, 0, 0, names, first + second);
    }
    return done;
}

int unlink(const char *path) {
    REAL(int, unlink, const char *);
    if (ours(path) && strikes("unlink")) return -1;
    int done = real_unlink(path);
    if (!done && ours(path)) put(UNLINK, 0, 0, 0, path, strlen(path));
    return done;
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    int done = real_mkdir(path, mode);
    struct stat status;
    if (!done && ours(path) && !stat(path, &status)) put(DIRECTORY, status.st_ino, 0, 0, path, strlen(path));
    return done;
}
