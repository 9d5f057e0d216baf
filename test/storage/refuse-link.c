/* Preloaded: a file system without hard links. REFUSE_LINK is the errno that link() fails with. At its n-th rename to a
   name below FOLDER that doesn't start with ".chirpline-" the process is killed with KILL_RENAME=n, and stopped with
   PAUSE_RENAME=n. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static int number(const char *name) {
  const char *text = getenv(name);
  return text == NULL ? -1 : atoi(text);
}

int link(const char *from, const char *to) {
  (void)from, (void)to;
  errno = number("REFUSE_LINK");
  return -1;
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
