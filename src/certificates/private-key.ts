import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { FileContent } from './file-content.ts'
import { pemBlocks } from './pem.ts'
import { UnusableFile } from './unusable-file.ts'

/** A private key and its PEM block. */
export interface PrivateKey {
  readonly key: KeyObject
  readonly type: 'ecdsa' | 'rsa'
  readonly text: string
}

/** As OpenSSL names them. */
const curves: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
/** OpenSSL refuses shorter ones, too. */
const SHORTEST_RSA = 2048
const NO_OTHER = 'browsers accept no other'

/**
 * Reads the private key of a PEM file, which may hold its certificate, too.
 *
 * @throws UnusableFile if there is none, it needs a password, or its kind is of no use to browsers
 */
export function readPrivateKey({ path, bytes }: FileContent): PrivateKey {
  const block = pemBlocks({ path, bytes }).find(({ label }) => label.endsWith('PRIVATE KEY'))
  if (block === undefined) throw new UnusableFile(path, 'expected a private key, found none')
  if (block.label.startsWith('ENCRYPTED') || /^Proc-Type:.*ENCRYPTED/m.test(block.text)) {
    const hint = `take the password off, and protect the file: openssl pkey -in ${path} -out key.pem`
    throw new UnusableFile(path, 'expected a key without a password, found one with a password', hint)
  }
  const key = keyOf(path, block.text)
  return { key, type: typeOf(path, key), text: block.text }
}

function typeOf(path: string, { asymmetricKeyType: kind, asymmetricKeyDetails }: KeyObject): PrivateKey['type'] {
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails ?? {}
  switch (kind) {
    case 'ec':
      if (namedCurve !== undefined && curves.has(namedCurve)) return 'ecdsa'
      throw new UnusableFile(path, `expected a key on P-256, P-384 or P-521, found ${namedCurve}`, NO_OTHER)
    case 'rsa':
    case 'rsa-pss':
      if (modulusLength >= SHORTEST_RSA) return 'rsa'
      throw new UnusableFile(path, `expected a key of ${SHORTEST_RSA} bits or more, found ${modulusLength}`, NO_OTHER)
    default:
      throw new UnusableFile(path, `expected a key of type ECDSA or RSA, found ${kind}`, NO_OTHER)
  }
}

function keyOf(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch (error) {
    throw new UnusableFile(path, `expected a private key, found one that cannot be read: ${(error as Error).message}`)
  }
}
