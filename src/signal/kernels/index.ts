/** What ../vectors.ts calls. Addresses are bytes; the memory's layout is the caller's. */
export { bandpass, gather, gatherExtended } from './bandpass';
export { accumulate, computeMoments, storeFloat16, storeFloat32 } from './normalize';
export { computePower, filterSpectrum } from './transform';
