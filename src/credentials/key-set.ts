import { createPublicKey } from 'node:crypto'
import type { FileContent } from '../certificates/file-content.ts'
import { type PemBlock, pemBlocks } from '../certificates/pem.ts'
import { UnusableFile } from '../certificates/unusable-file.ts'
import type { KeySet, TokenKey } from '../runtime/credentials.ts'

/** Providers have a handful. */
const MOST_KEYS = 100
/** RFC 7518 §3.3: a shorter RSA key must not be used. */
const SHORTEST_RSA = 2048
/** What is verified with a longer one takes too long. */
const LONGEST_RSA = 8192
/** RFC 7518 §3.2: a secret is as long as the hash at least; of HS256, in bytes. */
const SHORTEST_SECRET = 32

const publicMembers = ['kty', 'kid', 'alg', 'use', 'n', 'e', 'crv', 'x', 'y'] as const

/** A set of keys that cannot be used; its message completes `expected …`. */
class UnusableKeys extends Error {}

/**
 * The public keys of a JSON Web Key Set (RFC 7517 §5). Keys of kinds that are not known here, or that do not verify signatures, are
 * left out, as is whatever is secret in a key.
 *
 * @param name where it comes from
 * @throws Error where there is no set, or none of its keys can be used
 */
export function parseKeySet(name: string, text: string): KeySet {
  const { keys } = asKeySet(text)
  if (keys.length > MOST_KEYS) throw new UnusableKeys(`expected at most ${MOST_KEYS} keys, found ${keys.length}`)
  const usable = keys.flatMap((key) => publicKeyOf(key) ?? [])
  if (usable.length === 0)
    throw new UnusableKeys(
      `expected a public key that verifies signatures (RSA, EC or Ed25519), found none among ${keys.length}`,
    )
  return { name, keys: usable }
}

/**
 * The keys of a file: a JSON Web Key Set, or PEM with public keys or certificates.
 *
 * @throws UnusableFile
 */
export function readKeySet({ path, bytes }: FileContent): KeySet {
  const text = Buffer.from(bytes).toString()
  try {
    return text.trimStart().startsWith('{') ? parseKeySet(path, text) : { name: path, keys: pemKeys(path, bytes) }
  } catch (error) {
    if (error instanceof UnusableKeys) throw new UnusableFile(path, error.message)
    throw error
  }
}

/**
 * The secret of a file, for tokens that both sides sign with it; one end of line does not count.
 *
 * @throws UnusableFile
 */
export function readTokenSecret({ path, bytes }: FileContent): KeySet {
  const secret = Buffer.from(bytes)
    .toString('latin1')
    .replace(/\r?\n$/, '')
  if (secret.length < SHORTEST_SECRET) {
    const hint = `make one with: openssl rand -base64 48 > ${path}`
    throw new UnusableFile(path, `expected a secret of at least ${SHORTEST_SECRET} bytes, found ${secret.length}`, hint)
  }
  if (secret.includes('-----BEGIN '))
    throw new UnusableFile(path, 'expected a secret, found PEM', 'a public key is no secret: name it as keys')
  return { name: path, keys: [{ kty: 'oct', k: Buffer.from(secret, 'latin1').toString('base64url') }] }
}

function asKeySet(text: string): { readonly keys: readonly unknown[] } {
  let set: unknown
  try {
    set = JSON.parse(text)
  } catch {
    throw new UnusableKeys('expected a JSON Web Key Set, found something that is not JSON')
  }
  if (typeof set === 'object' && set !== null && 'keys' in set && Array.isArray(set.keys)) return { keys: set.keys }
  // A single key is one in a set.
  if (typeof set === 'object' && set !== null && 'kty' in set) return { keys: [set] }
  throw new UnusableKeys('expected a JSON Web Key Set, { "keys": […] }, found other JSON')
}

/** Undefined for a key that is of no use. */
function publicKeyOf(key: unknown): TokenKey | undefined {
  if (typeof key !== 'object' || key === null) return undefined
  const found = key as Readonly<Record<string, unknown>>
  if (found.use !== undefined && found.use !== 'sig') return undefined
  const members = publicMembers.filter((member) => typeof found[member] === 'string')
  const known = Object.fromEntries(members.map((member) => [member, found[member]])) as unknown as TokenKey
  return isUsable(known) ? known : undefined
}

function isUsable(key: TokenKey): boolean {
  // A secret that others can read, too, verifies nothing.
  if (!['RSA', 'EC', 'OKP'].includes(key.kty)) return false
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = createPublicKey({ key: { ...key }, format: 'jwk' })
    if (asymmetricKeyType !== 'rsa') return asymmetricKeyType === 'ec' || asymmetricKeyType === 'ed25519'
    const length = asymmetricKeyDetails?.modulusLength ?? 0
    return length >= SHORTEST_RSA && length <= LONGEST_RSA
  } catch {
    return false
  }
}

function pemKeys(path: string, bytes: Uint8Array): TokenKey[] {
  const blocks = pemBlocks({ path, bytes })
  if (blocks.some(({ label }) => label.endsWith('PRIVATE KEY'))) {
    const hint = `keep it where tokens are signed, and write its public part: openssl pkey -in ${path} -pubout`
    throw new UnusableFile(path, 'expected public keys, found a private key', hint)
  }
  return blocks.map((block) => keyOfPem(path, block))
}

function keyOfPem(path: string, { label, text }: PemBlock): TokenKey {
  try {
    const key = publicKeyOf(createPublicKey(text).export({ format: 'jwk' }))
    if (key !== undefined) return key
  } catch {
    // Said below.
  }
  throw new UnusableFile(
    path,
    `expected an RSA key of ${SHORTEST_RSA} to ${LONGEST_RSA} bits, an EC key or Ed25519, found another ${label}`,
  )
}
