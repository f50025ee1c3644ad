import type { FileContent } from './file-content.ts'
import { UnusableFile } from './unusable-file.ts'

/** A block of a PEM file (RFC 7468). */
export interface PemBlock {
  /** Such as `CERTIFICATE`. */
  readonly label: string
  /** The whole block, its first and last line included. */
  readonly text: string
}

/**
 * The blocks of a PEM file; text around them is ignored.
 *
 * @throws UnusableFile if there is none, or one of them is cut off
 */
export function pemBlocks({ path, bytes }: Pick<FileContent, 'path' | 'bytes'>): PemBlock[] {
  if (bytes.length === 0) throw new UnusableFile(path, 'expected PEM, found an empty file')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  const blocks: PemBlock[] = []
  let end = 0
  for (;;) {
    const begin = text.indexOf('-----BEGIN ', end)
    if (begin < 0) break
    const label = /^-----BEGIN ([^\r\n]*?)-----/.exec(text.slice(begin, begin + 100))?.[1]
    const last = `-----END ${label}-----`
    const at = label === undefined ? -1 : text.indexOf(last, begin)
    if (at < 0 || label === undefined)
      throw new UnusableFile(
        path,
        `expected whole PEM blocks, found ${label ?? 'one'} without its end`,
        'it is cut off',
      )
    end = at + last.length
    blocks.push({ label, text: `${text.slice(begin, end)}\n` })
  }
  if (blocks.length > 0) return blocks
  throw isDer(bytes)
    ? new UnusableFile(path, 'expected PEM, found DER', `convert it: ${conversion(path)}`)
    : new UnusableFile(path, 'expected PEM, found no line -----BEGIN …-----')
}

/** Whether the bytes begin as a sequence of ASN.1 does that is as long as they are (X.690, 8.1). */
function isDer(bytes: Uint8Array): boolean {
  return bytes[0] === 0x30 && (bytes[1]! >= 0x80 || bytes[1] === bytes.length - 2)
}

function conversion(path: string): string {
  return /key/i.test(path)
    ? `openssl pkey -inform der -in ${path} -out key.pem`
    : `openssl x509 -inform der -in ${path} -out certificate.pem`
}
