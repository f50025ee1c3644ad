/** What a client says of itself (RFC 7617): bytes, which are UTF-8 by custom. */
export interface BasicCredentials {
  readonly user: Buffer
  readonly password: Buffer
}

/** A password takes time by its length. libcrypt allows no longer ones either. */
const LONGEST_PASSWORD = 512

const COLON = 0x3a

/** The user and the password in a field Authorization; undefined if it has none, or what no password can be. */
export function basicCredentials(field: string): BasicCredentials | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(field)?.[1]
  if (encoded === undefined) return undefined
  const bytes = Buffer.from(encoded, 'base64')
  const colon = bytes.indexOf(COLON)
  if (colon < 0 || bytes.length - colon > LONGEST_PASSWORD + 1) return undefined
  // RFC 7617 §2. To crypt(3), a zero would end the password.
  if (bytes.some((byte) => byte < 0x20 || byte === 0x7f)) return undefined
  return { user: bytes.subarray(0, colon), password: bytes.subarray(colon + 1) }
}
