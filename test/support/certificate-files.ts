import { X509Certificate } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pem } from './certificates.ts'

/** Writes a certificate and its key as `NAME.pem` and `NAME.key`, each at once or not at all, as ACME clients do. */
export async function writePair(folder: string, name: string, { cert, key }: Pem): Promise<void> {
  for (const [file, text] of [
    [`${name}.key`, key],
    [`${name}.pem`, cert],
  ] as const) {
    await writeFile(join(folder, `${file}.new`), text, { mode: 0o600 })
    await rename(join(folder, `${file}.new`), join(folder, file))
  }
}

/** The serial number of the certificate, as TLS clients show it. */
export function serialOfPem({ cert }: Pem): string {
  return new X509Certificate(cert).serialNumber
}
