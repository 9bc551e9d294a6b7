// A library to preload into a program (LD_PRELOAD) so that one of its file operations fails, tears,
// stalls, or is the last thing that the process does. There is nothing to call; all is environment:
//
//   TRAJLOOM_FAULT_PATH   only calls on a path that contains this text count, by name or by
//                         descriptor, and either path of a call with two. Unset: nothing counts.
//                         Symbolic links in names are not followed; "//" is as good as "/".
//   TRAJLOOM_FAULT_CALLS  which calls count, separated by commas: a kind (below) or the name of one
//                         function. Unset: every kind that can change files.
//   TRAJLOOM_FAULT_AT     the number of the counted call, from 1, which the fault meets.
//                         Unset: none.
//   TRAJLOOM_FAULT_COUNT  how many calls in a row it meets: 1 when unset, 0 for all from there on.
//   TRAJLOOM_FAULT        what happens (below).
//   TRAJLOOM_FAULT_LOG    a file that gets one line "number name path" for each counted call,
//                         before the call and its fault. Two paths are written "from -> to".
//   TRAJLOOM_FAULT_CHILDREN  set: what the program starts does the same, each process counting for
//                         itself. Unset: it runs as if nothing were preloaded.
//
// Kinds that change files:
//   open      open, open64, openat, openat64, creat, when they may create or write
//   write     write, writev, pwrite, pwrite64
//   fsync     fsync, fdatasync, also of a folder
//   close     close of a descriptor that may write
//   rename    rename, renameat, renameat2
//   link      link, linkat, symlink, symlinkat
//   unlink    unlink, unlinkat
//   rmdir     rmdir, and unlinkat of a folder
//   mkdir     mkdir, mkdirat
//   truncate  truncate, truncate64, ftruncate, ftruncate64
// Kinds that count only when named:
//   read      read, pread, pread64
//   open-read the functions of "open" when they only read
//
// Faults:
//   kill              the process is killed (SIGKILL) before the call
//   kill-after        and after it
//   torn              half of the bytes are written, then the process is killed; otherwise as kill
//   enospc, eio       the call does nothing and fails with that error (a close still closes)
//   short             half of the bytes, rounded up, are written or read, which is no error
//   signal:NUMBER     the process gets the signal, then the call is done
//   stall:MILLIS      the call is done after so many milliseconds
//   delay-kill:MICROS the call is done, and the process killed so many microseconds after its start
//
// What the C library does inside itself (fopen, mkstemp) and copies within the kernel (sendfile,
// copy_file_range) are not seen.
#pragma once
