import { hash } from 'node:crypto'
import { cryptBase64 } from './crypt-base64.ts'

const ROUNDS = 1000
const ORDER = [0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5, 11]

/**
 * The digest of a password by MD5 crypt, which htpasswd writes by default; Poul-Henning Kamp's algorithm, as in Apache's apr_md5.c.
 *
 * @param magic `$apr1$`, or `$1$`
 */
export function md5Crypt(password: Buffer, magic: string, salt: string): string {
  const saltBytes = Buffer.from(salt, 'latin1')
  const inner = md5(password, saltBytes, password)
  const parts = [password, Buffer.from(magic, 'latin1'), saltBytes]
  for (let left = password.length; left > 0; left -= inner.length) parts.push(inner.subarray(0, left))
  // As the original does: its first letter, or a zero.
  for (let bits = password.length; bits > 0; bits >>= 1)
    parts.push((bits & 1) === 1 ? Buffer.alloc(1) : password.subarray(0, 1))
  let digest = md5(...parts)
  for (let round = 0; round < ROUNDS; round++) {
    const isOdd = (round & 1) === 1
    digest = md5(
      isOdd ? password : digest,
      round % 3 === 0 ? NOTHING : saltBytes,
      round % 7 === 0 ? NOTHING : password,
      isOdd ? digest : password,
    )
  }
  return cryptBase64(digest, ORDER)
}

const NOTHING = Buffer.alloc(0)

function md5(...parts: readonly Buffer[]): Buffer {
  return hash('md5', Buffer.concat(parts), 'buffer')
}
