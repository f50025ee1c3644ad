/** What may stand in a path as it is (RFC 3986 §3.3), besides letters and digits. */
const PATH = "-._~!$&'()*+,;=:@/"

const isPlain = new Uint8Array(256)
for (let code = 0; code < 128; code++) {
  if (/[A-Za-z0-9]/.test(String.fromCharCode(code))) isPlain[code] = 1
}
for (const character of PATH) isPlain[character.charCodeAt(0)] = 1

/** A path in normal form, one character a byte, as it is written in a target: percent-encoded. */
export function escapedPath(path: string): string {
  let plain = 0
  while (plain < path.length && isPlain[path.charCodeAt(plain) & 0xff] === 1) plain++
  if (plain === path.length) return path
  let escaped = path.slice(0, plain)
  for (let at = plain; at < path.length; at++) {
    const code = path.charCodeAt(at) & 0xff
    escaped += isPlain[code] === 1 ? path[at] : `%${code.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return escaped
}
