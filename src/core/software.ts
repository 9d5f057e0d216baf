/**
 * Name and version of this program, as written into what it makes. Not read from package.json, which isn't there in
 * the bundle of a function; a test compares the two.
 */
export const SOFTWARE = { name: 'chirpline', version: '0.1.0' };
