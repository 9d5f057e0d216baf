/** The kernels that this CPU can run, the fastest first, and the allocation of their memory. */
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "../../native/addon.h"
#include "kernel.h"

namespace {

constexpr size_t MOST_PARAMETERS = 7;

napi_value runKernel(napi_env env, napi_callback_info info) {
  napi_value arguments[1 + MOST_PARAMETERS];
  size_t count = 1 + MOST_PARAMETERS;
  void *data;
  napi_get_cb_info(env, info, &count, arguments, nullptr, &data);
  const Kernel &kernel = *static_cast<const Kernel *>(data);
  void *memory = nullptr;
  size_t length;
  bool good = count == 1 + kernel.parameters &&
              napi_get_arraybuffer_info(env, arguments[0], &memory, &length) == napi_ok;
  double numbers[MOST_PARAMETERS];
  for (size_t i = 0; good && i < kernel.parameters; i++) {
    good = napi_get_value_double(env, arguments[1 + i], &numbers[i]) == napi_ok;
  }
  if (good) kernel.run(static_cast<char *>(memory), numbers);
  else napi_throw_type_error(env, nullptr, kernel.name);
  return nullptr;
}

/**
 * Aligns memory for vector loads, which read whole cache lines. A huge page, where available, replaces many small
 * page lookups.
 */
constexpr size_t HUGE_PAGE = 2 << 20;

napi_value allocate(napi_env env, napi_callback_info info) {
  napi_value argument, buffer = nullptr;
  size_t count = 1;
  double bytes;
  napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr);
  if (napi_get_value_double(env, argument, &bytes) != napi_ok) {
    napi_throw_type_error(env, nullptr, "allocate");
    return nullptr;
  }
  const size_t size = (size_t(bytes) + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  void *memory = std::aligned_alloc(HUGE_PAGE, size);
  if (memory == nullptr) {
    napi_throw_error(env, "ENOMEM", "no memory for the kernels");
    return nullptr;
  }
  madvise(memory, size, MADV_HUGEPAGE);
  std::memset(memory, 0, size);
  const auto release = [](napi_env, void *data, void *) { std::free(data); };
  if (napi_create_external_arraybuffer(env, memory, size_t(bytes), release, nullptr, &buffer) != napi_ok) {
    std::free(memory);
    napi_throw_error(env, nullptr, "this Node takes no memory from an addon");
  }
  return buffer;
}

void addLevel(napi_env env, napi_value levels, const char *name, const Kernel (&kernels)[KERNELS]) {
  napi_value level, text;
  napi_create_object(env, &level);
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &text);
  napi_set_named_property(env, level, "name", text);
  for (const Kernel &kernel : kernels) addFunction(env, level, kernel.name, runKernel, &kernel);
  uint32_t length;
  napi_get_array_length(env, levels, &length);
  napi_set_element(env, levels, length, level);
}

/** Whether CPU and system support everything that -march=x86-64-v3 assumes. */
bool hasAvx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("lzcnt") &&
         __builtin_cpu_supports("movbe");
}

/** The same for -march=x86-64-v4. */
bool hasAvx512() {
  return hasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

}  // namespace

void exportKernels(napi_env env, napi_value exports) {
  napi_value levels;
  napi_create_array(env, &levels);
  if (hasAvx512()) addLevel(env, levels, "avx512", avx512::kernels);
  if (hasAvx2()) addLevel(env, levels, "avx2", avx2::kernels);
  napi_set_named_property(env, exports, "levels", levels);
  addFunction(env, exports, "allocate", allocate, nullptr);
}
