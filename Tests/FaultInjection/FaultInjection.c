// The header says what this does. Every function here takes the place of the C library's and makes
// its system call directly, so that the library itself can use files without being counted.
#define _GNU_SOURCE
#include "FaultInjection.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

// MARK: Settings

enum fault { NONE, KILL, KILL_AFTER, TORN, FAIL, SHORT, SIGNAL, STALL, DELAY_KILL };

// Written once, before the program starts.
static struct {
  pid_t process;  // the one that acts; 0: none does
  bool children;
  const char *path, *calls, *log;
  unsigned long at, count;
  enum fault fault;
  long argument;  // an error, a signal or a time
} settings;

static atomic_ulong counted;

static _Noreturn void refuse(const char *variable, const char *value) {
  fprintf(stderr, "FaultInjection: %s cannot be '%s'\n", variable, value);
  _exit(120);
}

static unsigned long whole_number(const char *variable, const char *value) {
  char *end;
  unsigned long number = strtoul(value, &end, 10);
  if (end == value || *end) refuse(variable, value);
  return number;
}

static void read_fault(const char *text) {
  static const struct {
    const char *name;
    enum fault fault;
    int error;
  } plain[] = {{"kill", KILL, 0},        {"kill-after", KILL_AFTER, 0}, {"torn", TORN, 0},
               {"enospc", FAIL, ENOSPC}, {"eio", FAIL, EIO},            {"short", SHORT, 0}};
  static const struct {
    const char *prefix;
    enum fault fault;
  } timed[] = {{"signal:", SIGNAL}, {"stall:", STALL}, {"delay-kill:", DELAY_KILL}};

  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    if (strcmp(text, plain[i].name) != 0) continue;
    settings.fault = plain[i].fault;
    settings.argument = plain[i].error;
    return;
  }
  for (size_t i = 0; i < sizeof timed / sizeof *timed; i++) {
    size_t length = strlen(timed[i].prefix);
    if (strncmp(text, timed[i].prefix, length) != 0) continue;
    settings.fault = timed[i].fault;
    settings.argument = (long)whole_number("TRAJLOOM_FAULT", text + length);
    return;
  }
  refuse("TRAJLOOM_FAULT", text);
}

// Whether `list`, separated by commas, has `word`.
static bool lists(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += length) {
    bool starts = at == list || at[-1] == ',';
    if (starts && (at[length] == ',' || at[length] == 0)) return true;
  }
  return false;
}

// Makes "a//b" "a/b", as the system writes the path of a descriptor.
static void squeeze_slashes(char *path) {
  char *end = path;
  for (const char *at = path; *at; at++)
    if (at[0] != '/' || at[1] != '/') *end++ = *at;
  *end = 0;
}

__attribute__((constructor)) static void read_settings(void) {
  const char *path = getenv("TRAJLOOM_FAULT_PATH");
  if (!path) return;
  static char squeezed[PATH_MAX];
  snprintf(squeezed, sizeof squeezed, "%s", path);
  squeeze_slashes(squeezed);
  settings.path = squeezed;
  settings.children = getenv("TRAJLOOM_FAULT_CHILDREN") != NULL;
  // A child that runs a program of its own comes through here too, and finds who was first.
  const char *owner = getenv("TRAJLOOM_FAULT_OWNER");
  char own[24];
  snprintf(own, sizeof own, "%ld", (long)getpid());
  if (owner && strcmp(owner, own) != 0 && !settings.children) return;
  setenv("TRAJLOOM_FAULT_OWNER", own, 1);

  settings.calls = getenv("TRAJLOOM_FAULT_CALLS");
  if (!settings.calls)
    settings.calls = "open,write,fsync,close,rename,link,unlink,rmdir,mkdir,truncate";
  settings.log = getenv("TRAJLOOM_FAULT_LOG");
  const char *at = getenv("TRAJLOOM_FAULT_AT"), *count = getenv("TRAJLOOM_FAULT_COUNT");
  settings.at = at ? whole_number("TRAJLOOM_FAULT_AT", at) : 0;
  settings.count = count ? whole_number("TRAJLOOM_FAULT_COUNT", count) : 1;
  const char *fault = getenv("TRAJLOOM_FAULT");
  if (fault) read_fault(fault);
  if (settings.fault == SIGNAL) {
    // A parent that started the program from a dispatch queue has left it with signals blocked.
    sigset_t signals;
    sigemptyset(&signals);
    if (sigaddset(&signals, (int)settings.argument) != 0) refuse("TRAJLOOM_FAULT", fault);
    pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
  }
  settings.process = getpid();
}

// MARK: Paths

// A path with room for the folder that it is relative to.
struct path {
  char text[2 * PATH_MAX];
};

static void path_of_link(const char *link, struct path *path) {
  long length = syscall(SYS_readlinkat, AT_FDCWD, link, path->text, PATH_MAX - 1);
  path->text[length < 0 ? 0 : length] = 0;
}

static void path_of_descriptor(int descriptor, struct path *path) {
  char link[40] = "/proc/self/cwd";
  if (descriptor != AT_FDCWD) snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  path_of_link(link, path);
}

static void path_at(int folder, const char *name, struct path *path) {
  path->text[0] = 0;
  if (name[0] != '/') {
    path_of_descriptor(folder, path);
    strcat(path->text, "/");
  }
  strncat(path->text, name, PATH_MAX - 1);
  squeeze_slashes(path->text);
}

// MARK: Faults

static _Noreturn void end_process(void) {
  for (;;) syscall(SYS_kill, getpid(), SIGKILL);
}

static void sleep_for(long seconds, long nanoseconds) {
  struct timespec rest = {seconds, nanoseconds};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) continue;
}

static void *end_later(void *unused) {
  (void)unused;
  sleep_for(settings.argument / 1000000, settings.argument % 1000000 * 1000);
  end_process();
}

static void start_ending(void) {
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // the program's signals are not for this thread
  if (pthread_create(&thread, NULL, end_later, NULL) != 0) end_process();
  pthread_detach(thread);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void log_call(unsigned long number, const char *name, const char *path) {
  if (!settings.log) return;
  char line[sizeof(struct path) * 2 + 64];
  int length = snprintf(line, sizeof line, "%lu %s %s\n", number, name, path);
  int mode = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
  int file = (int)syscall(SYS_openat, AT_FDCWD, settings.log, mode, 0644);
  syscall(SYS_write, file, line, length);
  syscall(SYS_close, file);
}

// Whether a call of this kind may count: asked first, as finding its path takes a system call.
static bool counts(const char *kind, const char *name) {
  return settings.process && (settings.children || getpid() == settings.process) &&
         (lists(settings.calls, kind) || lists(settings.calls, name));
}

// Counts a call on `path`, does what comes before it, and returns what is left to do.
static enum fault begin(const char *name, const char *path) {
  if (!strstr(path, settings.path)) return NONE;
  unsigned long number = atomic_fetch_add(&counted, 1) + 1;
  log_call(number, name, path);
  if (settings.at == 0 || number < settings.at) return NONE;
  if (settings.count > 0 && number - settings.at >= settings.count) return NONE;
  switch (settings.fault) {
    case KILL:
      end_process();
    case SIGNAL:
      syscall(SYS_kill, getpid(), settings.argument);
      return NONE;
    case STALL:
      sleep_for(settings.argument / 1000, settings.argument % 1000 * 1000000);
      return NONE;
    case DELAY_KILL:
      start_ending();
      return NONE;
    default:
      return settings.fault;
  }
}

// `begin` for a call by descriptor, by name, and by two names. None changes `errno`.
static enum fault begin_descriptor(const char *kind, const char *name, int descriptor) {
  if (!counts(kind, name)) return NONE;
  int error = errno;
  struct path path;
  path_of_descriptor(descriptor, &path);
  enum fault fault = begin(name, path.text);
  errno = error;
  return fault;
}

static enum fault begin_path(const char *kind, const char *name, int folder, const char *file) {
  if (!counts(kind, name)) return NONE;
  int error = errno;
  struct path path;
  path_at(folder, file, &path);
  enum fault fault = begin(name, path.text);
  errno = error;
  return fault;
}

static enum fault begin_paths(const char *kind, const char *name, int folder, const char *from,
                              int other, const char *to) {
  if (!counts(kind, name)) return NONE;
  int error = errno;
  struct path first, second;
  char both[sizeof first * 2 + 8];
  path_at(folder, from, &first);
  path_at(other, to, &second);
  snprintf(both, sizeof both, "%s -> %s", first.text, second.text);
  enum fault fault = begin(name, both);
  errno = error;
  return fault;
}

// The system call, and what its fault does to it.
static long perform(enum fault fault, long call, long a, long b, long c, long d, long e) {
  if (fault == TORN) end_process();
  if (fault == FAIL) {
    errno = (int)settings.argument;
    return -1;
  }
  long result = syscall(call, a, b, c, d, e);
  if (fault == KILL_AFTER) end_process();
  return result;
}

// `perform` for a read or write of `size` bytes.
static long transfer(enum fault fault, long call, int file, const void *bytes, size_t size,
                     off_t at) {
  if (fault == TORN) {
    syscall(call, file, bytes, size / 2, at);
    end_process();
  }
  if (fault == SHORT) size -= size / 2;
  return perform(fault, call, file, (long)bytes, (long)size, at, 0);
}

// MARK: What takes the place of the C library's functions

static int open_file(const char *name, int folder, const char *path, int flags, mode_t mode) {
  bool changes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
  // The kind "open" is also a function, which does not count for its name when it only reads.
  enum fault fault = changes ? begin_path("open", name, folder, path)
                             : begin_path("open-read", "open-read", folder, path);
  return (int)perform(fault, SYS_openat, folder, (long)path, flags, mode, 0);
}

// The mode is there only when a file may be made.
static mode_t mode_argument(int flags, va_list arguments) {
  bool makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
  return makes ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name)                                        \
  int name(const char *path, int flags, ...) {            \
    va_list arguments;                                    \
    va_start(arguments, flags);                           \
    mode_t mode = mode_argument(flags, arguments);        \
    va_end(arguments);                                    \
    return open_file(#name, AT_FDCWD, path, flags, mode); \
  }
#define OPENAT(name)                                       \
  int name(int folder, const char *path, int flags, ...) { \
    va_list arguments;                                     \
    va_start(arguments, flags);                            \
    mode_t mode = mode_argument(flags, arguments);         \
    va_end(arguments);                                     \
    return open_file(#name, folder, path, flags, mode);    \
  }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t mode) {
  return open_file("creat", AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

ssize_t write(int file, const void *bytes, size_t size) {
  return transfer(begin_descriptor("write", "write", file), SYS_write, file, bytes, size, 0);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
  return transfer(begin_descriptor("write", "pwrite", file), SYS_pwrite64, file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
  return transfer(begin_descriptor("write", "pwrite64", file), SYS_pwrite64, file, bytes, size, at);
}

ssize_t read(int file, void *bytes, size_t size) {
  return transfer(begin_descriptor("read", "read", file), SYS_read, file, bytes, size, 0);
}

ssize_t pread(int file, void *bytes, size_t size, off_t at) {
  return transfer(begin_descriptor("read", "pread", file), SYS_pread64, file, bytes, size, at);
}

ssize_t pread64(int file, void *bytes, size_t size, off64_t at) {
  return transfer(begin_descriptor("read", "pread64", file), SYS_pread64, file, bytes, size, at);
}

ssize_t writev(int file, const struct iovec *parts, int count) {
  enum fault fault = begin_descriptor("write", "writev", file);
  if ((fault != TORN && fault != SHORT) || count < 1 || count > IOV_MAX)
    return perform(fault, SYS_writev, file, (long)parts, count, 0, 0);
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  struct iovec kept[IOV_MAX];
  size_t rest = fault == TORN ? total / 2 : total - total / 2;
  for (int i = 0; i < count; i++) {
    kept[i] = parts[i];
    if (kept[i].iov_len > rest) kept[i].iov_len = rest;
    rest -= kept[i].iov_len;
  }
  long written = syscall(SYS_writev, file, kept, count);
  if (fault == TORN) end_process();
  return written;
}

int fsync(int file) {
  return (int)perform(begin_descriptor("fsync", "fsync", file), SYS_fsync, file, 0, 0, 0, 0);
}

int fdatasync(int file) {
  enum fault fault = begin_descriptor("fsync", "fdatasync", file);
  return (int)perform(fault, SYS_fdatasync, file, 0, 0, 0, 0);
}

int close(int file) {
  int error = errno;
  long flags = counts("close", "close") ? syscall(SYS_fcntl, file, F_GETFL) : -1;
  errno = error;
  bool changes = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
  enum fault fault = changes ? begin_descriptor("close", "close", file) : NONE;
  if (fault == FAIL) syscall(SYS_close, file);  // as Linux does when it reports an error
  return (int)perform(fault, SYS_close, file, 0, 0, 0, 0);
}

static int rename_file(const char *name, int folder, const char *from, int other, const char *to,
                       unsigned flags) {
  enum fault fault = begin_paths("rename", name, folder, from, other, to);
  return (int)perform(fault, SYS_renameat2, folder, (long)from, other, (long)to, flags);
}

int rename(const char *from, const char *to) {
  return rename_file("rename", AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int folder, const char *from, int other, const char *to) {
  return rename_file("renameat", folder, from, other, to, 0);
}

int renameat2(int folder, const char *from, int other, const char *to, unsigned flags) {
  return rename_file("renameat2", folder, from, other, to, flags);
}

int linkat(int folder, const char *from, int other, const char *to, int flags) {
  enum fault fault = begin_paths("link", "linkat", folder, from, other, to);
  return (int)perform(fault, SYS_linkat, folder, (long)from, other, (long)to, flags);
}

int link(const char *from, const char *to) {
  enum fault fault = begin_paths("link", "link", AT_FDCWD, from, AT_FDCWD, to);
  return (int)perform(fault, SYS_linkat, AT_FDCWD, (long)from, AT_FDCWD, (long)to, 0);
}

int symlinkat(const char *target, int folder, const char *path) {
  enum fault fault = begin_path("link", "symlinkat", folder, path);
  return (int)perform(fault, SYS_symlinkat, (long)target, folder, (long)path, 0, 0);
}

int symlink(const char *target, const char *path) {
  enum fault fault = begin_path("link", "symlink", AT_FDCWD, path);
  return (int)perform(fault, SYS_symlinkat, (long)target, AT_FDCWD, (long)path, 0, 0);
}

int unlinkat(int folder, const char *path, int flags) {
  const char *kind = flags & AT_REMOVEDIR ? "rmdir" : "unlink";
  enum fault fault = begin_path(kind, "unlinkat", folder, path);
  return (int)perform(fault, SYS_unlinkat, folder, (long)path, flags, 0, 0);
}

int unlink(const char *path) {
  enum fault fault = begin_path("unlink", "unlink", AT_FDCWD, path);
  return (int)perform(fault, SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0);
}

int rmdir(const char *path) {
  enum fault fault = begin_path("rmdir", "rmdir", AT_FDCWD, path);
  return (int)perform(fault, SYS_unlinkat, AT_FDCWD, (long)path, AT_REMOVEDIR, 0, 0);
}

int mkdirat(int folder, const char *path, mode_t mode) {
  enum fault fault = begin_path("mkdir", "mkdirat", folder, path);
  return (int)perform(fault, SYS_mkdirat, folder, (long)path, mode, 0, 0);
}

int mkdir(const char *path, mode_t mode) {
  enum fault fault = begin_path("mkdir", "mkdir", AT_FDCWD, path);
  return (int)perform(fault, SYS_mkdirat, AT_FDCWD, (long)path, mode, 0, 0);
}

static int truncate_descriptor(const char *name, int file, off_t size) {
  enum fault fault = begin_descriptor("truncate", name, file);
  return (int)perform(fault, SYS_ftruncate, file, size, 0, 0, 0);
}

int ftruncate(int file, off_t size) { return truncate_descriptor("ftruncate", file, size); }
int ftruncate64(int file, off64_t size) { return truncate_descriptor("ftruncate64", file, size); }

static int truncate_path(const char *name, const char *path, off_t size) {
  enum fault fault = begin_path("truncate", name, AT_FDCWD, path);
  return (int)perform(fault, SYS_truncate, (long)path, size, 0, 0, 0);
}

int truncate(const char *path, off_t size) { return truncate_path("truncate", path, size); }
int truncate64(const char *path, off64_t size) { return truncate_path("truncate64", path, size); }
