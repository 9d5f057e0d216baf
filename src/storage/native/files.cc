/**
 * The two operations on every raw file: listing it and reading it. Each is one call here, and four or more from JavaScript. Both
 * return undefined in any unusual case. The caller then falls back to Node's calls, which handle the case or report the
 * error.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "../../native/addon.h"

namespace {

constexpr size_t PATH_LIMIT = 4096;
constexpr size_t ETAG_LIMIT = 64;

/** Closes the file at the end of the scope. */
struct File {
  int number;
  ~File() {
    if (number >= 0) close(number);
  }
};

/** False unless the value is a string that fits and contains no zero byte. */
bool takeString(napi_env env, napi_value value, char *text, size_t limit) {
  size_t length;
  return napi_get_value_string_utf8(env, value, text, limit, &length) == napi_ok && length + 1 < limit &&
         std::strlen(text) == length;
}

/** A regular file whose etag numbers are below 2^63. JavaScript formats larger ones, and times before 1970, differently. */
bool isOrdinary(const struct stat &status) {
  constexpr time_t LATEST = 9'000'000'000;
  return S_ISREG(status.st_mode) && status.st_mtim.tv_sec >= 0 && status.st_mtim.tv_sec < LATEST &&
         status.st_ino >> 63 == 0;
}

/** The parts of a file's etag; see fileEtag in ../file/file-listing.ts. */
struct Version {
  unsigned long long size, time, inode;

  explicit Version(const struct stat &status)
      : size(status.st_size),
        time(status.st_mtim.tv_sec * 1000000000ull + status.st_mtim.tv_nsec),
        inode(status.st_ino) {}

  void write(char (&etag)[ETAG_LIMIT]) const {
    std::snprintf(etag, sizeof etag, "%llx-%llx-%llx", size, time, inode);
  }
};

/**
 * readFile(path, etag, memory: Uint8Array): reads the start of the regular file with this etag ('': any) into the memory and
 * returns the number of bytes read.
 */
napi_value readFile(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  size_t count = 3;
  char path[PATH_LIMIT], wanted[ETAG_LIMIT], etag[ETAG_LIMIT];
  void *memory;
  size_t length;
  napi_typedarray_type type;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  if (!takeString(env, arguments[0], path, sizeof path) || !takeString(env, arguments[1], wanted, sizeof wanted) ||
      napi_get_typedarray_info(env, arguments[2], &type, &length, &memory, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    return nullptr;
  }
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  const File file{open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  struct stat status;
  if (file.number < 0 || fstat(file.number, &status) != 0 || !isOrdinary(status)) return nullptr;
  if (wanted[0] != '\0') {
    Version(status).write(etag);
    if (std::strcmp(etag, wanted) != 0) return nullptr;
  }
  const size_t most = std::min(length, size_t(status.st_size));
  size_t filled = 0;
  while (filled < most) {
    const ssize_t taken = pread(file.number, static_cast<char *>(memory) + filled, most - filled, filled);
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0) return nullptr;
    if (taken == 0) break;
    filled += taken;
  }
  napi_value result;
  return napi_create_double(env, double(filled), &result) == napi_ok ? result : nullptr;
}

struct Entry {
  std::string name;
  Version version;
};

/** The files of a folder in the byte order of their names. False unless the folder holds only regular files. */
bool listEntries(const char *path, std::vector<Entry> &entries) {
  DIR *folder = opendir(path);
  if (folder == nullptr) return false;
  bool plain = true;
  for (;;) {
    errno = 0;
    const dirent *found = readdir(folder);
    if (found == nullptr) {
      plain = errno == 0;
      break;
    }
    if (std::strcmp(found->d_name, ".") == 0 || std::strcmp(found->d_name, "..") == 0) continue;
    struct stat status;
    plain = found->d_type == DT_REG && fstatat(dirfd(folder), found->d_name, &status, 0) == 0 &&
            isOrdinary(status);
    if (!plain) break;
    entries.push_back({found->d_name, Version(status)});
  }
  closedir(folder);
  std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) { return a.name < b.name; });
  return plain;
}

/** listFolder(path): { names, etags, sizes } of a folder that holds only files. Names and etags are joined by zero bytes. */
napi_value listFolder(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  char path[PATH_LIMIT];
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  std::vector<Entry> entries;
  if (!takeString(env, argument, path, sizeof path) || !listEntries(path, entries)) return nullptr;
  std::string names, etags;
  char etag[ETAG_LIMIT];
  for (const Entry &entry : entries) {
    if (&entry != &entries.front()) {
      names += '\0';
      etags += '\0';
    }
    names += entry.name;
    entry.version.write(etag);
    etags += etag;
  }
  napi_value result, nameText, etagText, buffer, sizes;
  void *numbers;
  // Too long for one string, or out of memory: Node's calls take the names one by one.
  if (napi_create_object(env, &result) != napi_ok ||
      napi_create_string_utf8(env, names.data(), names.size(), &nameText) != napi_ok ||
      napi_create_string_latin1(env, etags.data(), etags.size(), &etagText) != napi_ok ||
      napi_create_arraybuffer(env, entries.size() * sizeof(double), &numbers, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_float64_array, entries.size(), buffer, 0, &sizes) != napi_ok) {
    return nullptr;
  }
  for (size_t i = 0; i < entries.size(); i++) static_cast<double *>(numbers)[i] = double(entries[i].version.size);
  napi_set_named_property(env, result, "names", nameText);
  napi_set_named_property(env, result, "etags", etagText);
  napi_set_named_property(env, result, "sizes", sizes);
  return result;
}

}  // namespace

void exportFiles(napi_env env, napi_value exports) {
  addFunction(env, exports, "readFile", readFile, nullptr);
  addFunction(env, exports, "listFolder", listFolder, nullptr);
}
