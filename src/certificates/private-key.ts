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
  const kind = key.asymmetricKeyType
  if (kind === 'ec') return { key, type: 'ecdsa', text: block.text }
  if (kind === 'rsa' || kind === 'rsa-pss') return { key, type: 'rsa', text: block.text }
  throw new UnusableFile(path, `expected a key of type ECDSA or RSA, found ${kind}`, 'browsers accept no other')
}

function keyOf(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch (error) {
    throw new UnusableFile(path, `expected a private key, found one that cannot be read: ${(error as Error).message}`)
  }
}
