/** Text of untrusted input for messages and files: shortened and escaped. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}

/** Longer text that may contain untrusted names, as at most 160 printable ASCII characters. */
export function printable(text: string): string {
  return text.slice(0, 160).replace(/[^ -~]/g, '?');
}
