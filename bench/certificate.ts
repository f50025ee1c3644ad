import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A certificate for 127.0.0.1, signed by itself. */
export interface Certificate {
  readonly cert: string
  readonly key: string
  /** Both in one file, as HAProxy wants them. */
  readonly bundle: string
}

/** Makes one with openssl: ECDSA on P-256, as most sites have them. */
export async function makeCertificate(folder: string): Promise<Certificate> {
  const [cert, key, bundle] = ['cert.pem', 'key.pem', 'bundle.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30']
  await promisify(execFile)('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert, ...subject])
  await writeFile(bundle, (await readFile(cert, 'utf8')) + (await readFile(key, 'utf8')))
  return { cert, key, bundle }
}
