#pragma once
#include <cstddef>

/**
 * One of the functions that Kernels in ../engines/kernel-api.ts declares, on a block of LANES samples: float32 and
 * float64 points both have one lane per sample. Its numbers are addresses, relative to the start of the memory, and
 * counts. The caller guarantees that they are within the memory.
 */
struct Kernel {
  const char *name;
  size_t parameters;
  void (*run)(char *memory, const double *numbers);
};

constexpr size_t LANES = 8;
constexpr size_t KERNELS = 9;

/** The kernels for CPUs with AVX2 and with AVX-512: kernels.cc, compiled for each. */
namespace avx2 {
extern const Kernel kernels[KERNELS];
}
namespace avx512 {
extern const Kernel kernels[KERNELS];
}
