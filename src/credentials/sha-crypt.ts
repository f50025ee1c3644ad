import { hash } from 'node:crypto'
import { cryptBase64 } from './crypt-base64.ts'

const ORDER_256 = [
  0, 10, 20, 21, 1, 11, 12, 22, 2, 3, 13, 23, 24, 4, 14, 15, 25, 5, 6, 16, 26, 27, 7, 17, 18, 28, 8, 9, 19, 29, 31, 30,
]
const ORDER_512 = [
  0, 21, 42, 22, 43, 1, 44, 2, 23, 3, 24, 45, 25, 46, 4, 47, 5, 26, 6, 27, 48, 28, 49, 7, 50, 8, 29, 9, 30, 51, 31, 52,
  10, 53, 11, 32, 12, 33, 54, 34, 55, 13, 56, 14, 35, 15, 36, 57, 37, 58, 16, 59, 17, 38, 18, 39, 60, 40, 61, 19, 62,
  20, 41, 63,
]

/** The digest of a password by SHA crypt (Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512"). */
export function shaCrypt(password: Buffer, bits: 256 | 512, salt: string, rounds: number): string {
  const sha = (...parts: readonly Buffer[]) => hash(`sha${bits}`, Buffer.concat(parts), 'buffer')
  const saltBytes = Buffer.from(salt, 'latin1')
  const inner = sha(password, saltBytes, password)
  const parts = [password, saltBytes, filled(inner, password.length)]
  for (let left = password.length; left > 0; left >>= 1) parts.push((left & 1) === 1 ? inner : password)
  let digest = sha(...parts)
  const ofPassword = filled(sha(...Array<Buffer>(password.length).fill(password)), password.length)
  const ofSalt = filled(sha(...Array<Buffer>(16 + digest[0]!).fill(saltBytes)), saltBytes.length)
  for (let round = 0; round < rounds; round++) {
    const isOdd = (round & 1) === 1
    digest = sha(
      isOdd ? ofPassword : digest,
      round % 3 === 0 ? NOTHING : ofSalt,
      round % 7 === 0 ? NOTHING : ofPassword,
      isOdd ? digest : ofPassword,
    )
  }
  return cryptBase64(digest, bits === 256 ? ORDER_256 : ORDER_512)
}

const NOTHING = Buffer.alloc(0)

/** So many bytes of the digest, which is repeated. */
function filled(digest: Buffer, length: number): Buffer {
  return Buffer.alloc(length, digest)
}
