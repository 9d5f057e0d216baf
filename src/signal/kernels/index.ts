/** The functions that ../engines/vectors.ts calls. Addresses are bytes. The caller lays out the memory. */
export { bandpass, gather, gatherExtended } from './bandpass-kernel';
export { accumulate, computeMoments, storeFloat16, storeFloat32 } from './normalize-kernel';
export { computePower, filterSpectrum } from './transform';
