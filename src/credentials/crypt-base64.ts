const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/**
 * The digest as crypt(3) writes it: the bytes at each three indices are a number, whose 6-bit digits are written from the lowest on.
 *
 * @param order indices of the digest, in groups of three; the last group may be shorter
 */
export function cryptBase64(digest: Uint8Array, order: readonly number[]): string {
  let text = ''
  for (let at = 0; at < order.length; at += 3) {
    const group = order.slice(at, at + 3)
    let number = group.reduce((sum, index) => (sum << 8) | digest[index]!, 0)
    for (let digits = group.length + 1; digits > 0; digits--) {
      text += ALPHABET[number & 0x3f]
      number >>= 6
    }
  }
  return text
}
