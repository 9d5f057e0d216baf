/** A number of bytes for a message: `50.5 MB`, `274 MB`, `3.4 GB`. */
export function formatBytes(bytes: number): string {
  const [value, unit] = bytes < 1e9 ? [bytes / 1e6, 'MB'] : [bytes / 1e9, 'GB'];
  return `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`;
}
