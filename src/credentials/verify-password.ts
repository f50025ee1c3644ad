import * as crypto from 'node:crypto'
import { compareSync } from 'bcryptjs'
import { md5Crypt } from './md5-crypt.ts'
import type { PasswordHash } from './password-hash.ts'
import { shaCrypt } from './sha-crypt.ts'

/** Whether a password belongs to a hash. It takes up to about a second, which is what makes guessing slow. */
export function verifyPassword(password: Buffer, hash: PasswordHash): boolean {
  switch (hash.kind) {
    case 'md5-crypt':
      return isSame(md5Crypt(password, hash.magic, hash.salt), hash.digest)
    case 'sha-crypt':
      return isSame(shaCrypt(password, hash.bits, hash.salt, hash.rounds), hash.digest)
    case 'bcrypt':
      return compareSync(password.toString(), hash.text)
    case 'argon2':
      return isSame(argon2(password, hash), hash.digest)
  }
}

function argon2(password: Buffer, hash: Extract<PasswordHash, { kind: 'argon2' }>): string {
  const { algorithm, memory, passes, parallelism, salt, digest } = hash
  const tagLength = Buffer.from(digest, 'base64').length
  const nonce = Buffer.from(salt, 'base64')
  const tag = crypto.argon2Sync(algorithm, { message: password, nonce, memory, passes, parallelism, tagLength })
  return tag.toString('base64').replace(/=+$/, '')
}

/** Takes the same time wherever the two differ. */
function isSame(computed: string, known: string): boolean {
  const [one, other] = [Buffer.from(computed), Buffer.from(known)]
  return one.length === other.length && crypto.timingSafeEqual(one, other)
}
