/** Samples of a batch that a device gets at least: statistics of fewer are too noisy to normalize by. */
const LEAST_SHARE = 16;

/** The devices that share a batch of `size` samples. With fewer than two, one computes it whole. */
export function sharingDevices(devices: readonly string[], size: number): readonly string[] {
  return devices.slice(0, Math.floor(size / LEAST_SHARE));
}
