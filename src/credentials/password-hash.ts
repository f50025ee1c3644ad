import * as crypto from 'node:crypto'

/** The hash of a password, as a password file has it. */
export type PasswordHash =
  | { readonly kind: 'md5-crypt'; readonly magic: '$apr1$' | '$1$'; readonly salt: string; readonly digest: string }
  | {
      readonly kind: 'sha-crypt'
      readonly bits: 256 | 512
      readonly rounds: number
      readonly salt: string
      readonly digest: string
    }
  | { readonly kind: 'bcrypt'; readonly text: string }
  | {
      readonly kind: 'argon2'
      readonly algorithm: 'argon2d' | 'argon2i' | 'argon2id'
      /** In KiB. */
      readonly memory: number
      readonly passes: number
      readonly parallelism: number
      /** Both in base64. */
      readonly salt: string
      readonly digest: string
    }

/** A hash that is not understood, is too easily guessed, or would take too long to compute. Its message never shows the hash. */
export class UnusableHash extends Error {
  /** How to fix it. */
  readonly hint: string

  constructor(message: string, hint: string) {
    super(message)
    this.hint = hint
  }
}

/** What is computed for one request is bounded: about a second each. */
const MOST_ROUNDS = 1_000_000
const HIGHEST_COST = 14
const MOST_MEMORY = 256 * 1024
const MOST_PASSES = 16
const MOST_LANES = 16

const BETTER = 'write it again with: htpasswd -B FILE USER'

const md5Pattern = /^(?<magic>\$apr1\$|\$1\$)(?<salt>[./0-9A-Za-z]{1,8})\$(?<digest>[./0-9A-Za-z]{22})$/
const shaPattern =
  /^\$(?<type>[56])\$(?:rounds=(?<rounds>\d{1,9})\$)?(?<salt>[^$:\s]{0,16})\$(?<digest>[./0-9A-Za-z]+)$/
const bcryptPattern = /^\$2[aby]\$(?<cost>\d\d)\$[./0-9A-Za-z]{53}$/
const argon2Pattern =
  /^\$(?<algorithm>argon2(?:id|i|d))\$v=19\$m=(?<memory>\d{1,9}),t=(?<passes>\d{1,9}),p=(?<lanes>\d{1,4})\$(?<salt>[+/0-9A-Za-z]{11,86})\$(?<digest>[+/0-9A-Za-z]{16,172})$/

/** @throws UnusableHash */
export function parsePasswordHash(text: string): PasswordHash {
  if (text.startsWith('$apr1$') || text.startsWith('$1$')) return md5Hash(text)
  if (text.startsWith('$5$') || text.startsWith('$6$')) return shaHash(text)
  if (text.startsWith('$2')) return bcryptHash(text)
  if (text.startsWith('$argon2')) return argon2Hash(text)
  throw notSupported(text)
}

function md5Hash(text: string): PasswordHash {
  const { magic, salt, digest } = groupsOf(md5Pattern, text, 'an MD5 hash (apr1)')
  return { kind: 'md5-crypt', magic: magic as '$1$', salt: salt!, digest: digest! }
}

function shaHash(text: string): PasswordHash {
  const { type, rounds, salt, digest } = groupsOf(shaPattern, text, 'a SHA-2 hash of crypt')
  const bits = type === '5' ? 256 : 512
  if (digest!.length !== (bits === 256 ? 43 : 86)) throw damaged('a SHA-2 hash of crypt')
  const wanted = rounds === undefined ? 5000 : Number(rounds)
  if (wanted > MOST_ROUNDS) throw tooCostly(`rounds=${wanted}`, `at most ${MOST_ROUNDS}`)
  // Fewer are taken for 1000, as crypt(3) does.
  return { kind: 'sha-crypt', bits, rounds: Math.max(1000, wanted), salt: salt!, digest: digest! }
}

function bcryptHash(text: string): PasswordHash {
  const { cost } = groupsOf(bcryptPattern, text, 'a bcrypt hash')
  if (Number(cost) > HIGHEST_COST) throw tooCostly(`the cost ${Number(cost)}`, `at most ${HIGHEST_COST}`)
  if (Number(cost) < 4) throw damaged('a bcrypt hash')
  return { kind: 'bcrypt', text }
}

function argon2Hash(text: string): PasswordHash {
  if (!('argon2Sync' in crypto))
    throw new UnusableHash(
      `expected a hash that this Node.js knows, found one by Argon2 (${process.version} has none)`,
      'use Node.js 24.7 or newer, or htpasswd -B',
    )
  const { algorithm, memory, passes, lanes, salt, digest } = groupsOf(argon2Pattern, text, 'an Argon2 hash')
  const hash = {
    kind: 'argon2',
    algorithm: algorithm as 'argon2id',
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(lanes),
    salt: salt!,
    digest: digest!,
  } as const
  if (hash.memory > MOST_MEMORY) throw tooCostly(`m=${hash.memory}`, `at most ${MOST_MEMORY}`)
  if (hash.passes > MOST_PASSES) throw tooCostly(`t=${hash.passes}`, `at most ${MOST_PASSES}`)
  if (hash.parallelism > MOST_LANES) throw tooCostly(`p=${hash.parallelism}`, `at most ${MOST_LANES}`)
  // RFC 9106 §3.1.
  if (hash.passes < 1 || hash.parallelism < 1 || hash.memory < 8 * hash.parallelism) throw damaged('an Argon2 hash')
  return hash
}

function groupsOf(pattern: RegExp, text: string, what: string): Readonly<Record<string, string | undefined>> {
  const groups = pattern.exec(text)?.groups
  if (groups === undefined) throw damaged(what)
  return groups
}

function damaged(what: string): UnusableHash {
  return new UnusableHash(`expected ${what}, found one that is cut off or damaged`, BETTER)
}

function tooCostly(found: string, most: string): UnusableHash {
  return new UnusableHash(`expected a hash that is computed within about a second (${most}), found ${found}`, BETTER)
}

/** Names what the hash is, without showing it: it may be a password. */
function notSupported(text: string): UnusableHash {
  const expected = 'expected a hash by bcrypt, Argon2, SHA-2 crypt or MD5 (apr1)'
  if (text === '') return new UnusableHash(`${expected}, found none`, BETTER)
  if (/^\{S?SHA(?:256|512)?\}/.test(text))
    return new UnusableHash(`${expected}, found a fast one (SHA), which is guessed too easily`, BETTER)
  if (text.startsWith('$')) return new UnusableHash(`${expected}, found another kind`, BETTER)
  if (/^[./0-9A-Za-z]{13}$/.test(text))
    return new UnusableHash(`${expected}, found one of the old crypt (DES), or a plain password`, BETTER)
  return new UnusableHash(`${expected}, found a plain password`, BETTER)
}
