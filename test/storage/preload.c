/* A preloaded library. With REFUSE_LINK=ERRNO link() fails with that error, as on a file system without hard links. With
   KILL_RENAME=n the process is killed, and with PAUSE_RENAME=n it is stopped, at its n-th rename to a name below FOLDER
   that doesn't start with ".chirpline-". The file SYNC_LOG gets a line with the path of each file and folder that is synced. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int number(const char *name) {
  const char *text = getenv(name);
  return text == NULL ? -1 : atoi(text);
}

int link(const char *from, const char *to) {
  static int (*real)(const char *, const char *);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "link");
  errno = number("REFUSE_LINK");
  return errno > 0 ? -1 : real(from, to);
}

int rename(const char *from, const char *to) {
  static int (*real)(const char *, const char *);
  static int count;
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "rename");
  const char *slash = strrchr(to, '/');
  const char *folder = getenv("FOLDER");
  if (folder != NULL && strncmp(to, folder, strlen(folder)) == 0 && strncmp(slash + 1, ".chirpline-", 11) != 0) {
    int now = __sync_add_and_fetch(&count, 1);
    if (now == number("KILL_RENAME")) raise(SIGKILL);
    if (now == number("PAUSE_RENAME")) raise(SIGSTOP);
  }
  return real(from, to);
}

int fsync(int file) {
  static int (*real)(int);
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "fsync");
  const char *log = getenv("SYNC_LOG");
  if (log != NULL) {
    char name[64], path[4096];
    snprintf(name, sizeof name, "/proc/self/fd/%d", file);
    ssize_t length = readlink(name, path, sizeof path);
    FILE *lines = fopen(log, "a");
    fprintf(lines, "%.*s\n", (int)length, path);
    fclose(lines);
  }
  return real(file);
}
