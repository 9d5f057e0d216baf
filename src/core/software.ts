/**
 * Name and version of this program, as written into its outputs. Not read from package.json, which is missing in the bundle
 * of a function. A test compares the two.
 */
export const SOFTWARE = { name: 'chirpline', version: '0.1.0' };
