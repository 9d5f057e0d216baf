/** The kernels for one instruction set, with their numbers as addresses and counts. */
#include <cstdint>

#include "bandpass.h"
#include "normalize.h"
#include "power.h"

namespace LEVEL {

/** One detector of each sample. */
struct Rows {
  const double *at[LANES];
};

/** The arguments of a call. */
struct Call {
  char *memory;
  const double *numbers;

  char *address(size_t i) const { return memory + count(i); }
  template <class Value>
  Value *table(size_t i) const {
    return reinterpret_cast<Value *>(address(i));
  }
  size_t count(size_t i) const { return size_t(numbers[i]); }
  Rows rows(size_t i) const {
    Rows rows;
    for (size_t lane = 0; lane < LANES; lane++) {
      rows.at[lane] = reinterpret_cast<const double *>(memory + table<uint32_t>(i)[lane]);
    }
    return rows;
  }
};

const Kernel kernels[KERNELS] = {
    {"gather", 3,
     [](char *memory, const double *numbers) {
       const Call call{memory, numbers};
       gather(call.rows(0).at, call.address(1), call.count(2));
     }},
    {"gatherExtended", 4,
     [](char *memory, const double *numbers) {
       const Call call{memory, numbers};
       gatherExtended(call.rows(0).at, call.address(1), call.count(2), call.count(3));
     }},
    {"bandpass", 5,
     [](char *memory, const double *numbers) {
       const Call call{memory, numbers};
       bandpass(call.address(0), call.count(1), call.count(2), call.table<double>(3), call.address(4));
     }},
    {"filterSpectrum", 7,
     [](char *memory, const double *numbers) {
       const Call call{memory, numbers};
       filterSpectrum(call.address(0), call.count(1), call.table<float>(2), call.table<float>(3),
                      call.table<float>(4), call.table<float>(5), call.address(6));
     }},
    {"computeMoments", 5,
     [](char *memory, const double *numbers) {
       const Call call{memory, numbers};
       computeMoments(call.address(0), call.count(1), call.address(2), numbers[3], call.address(4));
     }},
    {"storeFloat16", 5,
     [](char *memory, const double *numbers) {
       const Call call{memory, numbers};
       storeRows<short>(call.address(0), call.count(1), call.address(2), call.address(3), call.count(4));
     }},
    {"storeFloat32", 5,
     [](char *memory, const double *numbers) {
       const Call call{memory, numbers};
       storeRows<float>(call.address(0), call.count(1), call.address(2), call.address(3), call.count(4));
     }},
    {"computePower", 6,
     [](char *memory, const double *numbers) {
       const Call call{memory, numbers};
       computePower(call.address(0), call.count(1), call.table<double>(2), call.table<double>(3),
                    call.address(4), call.address(5));
     }},
    {"accumulate", 4,
     [](char *memory, const double *numbers) {
       const Call call{memory, numbers};
       accumulate(call.table<double>(0), call.table<double>(1), call.count(2), unsigned(numbers[3]));
     }},
};

}  // namespace LEVEL
