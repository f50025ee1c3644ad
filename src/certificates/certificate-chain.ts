import { X509Certificate } from 'node:crypto'
import type { FileContent } from './file-content.ts'
import { pemBlocks } from './pem.ts'
import { UnusableFile } from './unusable-file.ts'

/** The certificates of a PEM file, in its order. */
export interface CertificateChain {
  readonly certificates: readonly X509Certificate[]
  /** The certificates alone, as PEM. */
  readonly text: string
}

/**
 * Reads the certificates of a PEM file.
 *
 * @throws UnusableFile if there is none, or one cannot be read
 */
export function readCertificates({ path, bytes }: Pick<FileContent, 'path' | 'bytes'>): CertificateChain {
  const blocks = pemBlocks({ path, bytes }).filter(({ label }) => /^(?:X509 |TRUSTED )?CERTIFICATE$/.test(label))
  if (blocks.length === 0) throw new UnusableFile(path, 'expected a certificate, found none')
  const certificates = blocks.map(({ text }, index) => {
    try {
      return new X509Certificate(text)
    } catch (error) {
      const which = blocks.length === 1 ? 'one' : `number ${index + 1}`
      const message = `expected certificates, found ${which} that cannot be read: ${(error as Error).message}`
      throw new UnusableFile(path, message)
    }
  })
  return { certificates, text: blocks.map(({ text }) => text).join('') }
}
