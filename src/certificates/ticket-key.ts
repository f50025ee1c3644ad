import type { FileContent } from './file-content.ts'
import { UnusableFile } from './unusable-file.ts'

/** What Node.js takes: a name, an HMAC key and an AES key of 16 bytes each. */
export const TICKET_KEY_BYTES = 48

/**
 * Reads the key of session tickets: 48 bytes, or these in base64.
 *
 * @throws UnusableFile
 */
export function readTicketKey({ path, bytes }: FileContent): Uint8Array {
  if (bytes.length === TICKET_KEY_BYTES) return bytes
  const text = Buffer.from(bytes).toString('latin1').trim()
  const decoded = /^[\w+/-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
  if (decoded?.length === TICKET_KEY_BYTES) return decoded
  const found = `${decoded?.length ?? bytes.length} bytes${decoded === undefined ? '' : ' in base64'}`
  const message = `expected ${TICKET_KEY_BYTES} random bytes, or these in base64, found ${found}`
  throw new UnusableFile(path, message, `make them with: openssl rand ${TICKET_KEY_BYTES} > ${path}`)
}
