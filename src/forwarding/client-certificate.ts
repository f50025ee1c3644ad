import type { Scratch } from '../transport/scratch.ts'
import type { ClientCertificate } from '../transport/tls-facts.ts'

/** The fields by which servers, and conditions of routes, know a client's certificate; in requests from clients they end here. */
const fields: readonly (readonly [name: string, value: (certificate: ClientCertificate) => string])[] = [
  ['X-Client-Cert-Subject', ({ subject }) => subject],
  ['X-Client-Cert-Issuer', ({ issuer }) => issuer],
  ['X-Client-Cert-Serial', ({ serial }) => serial],
  ['X-Client-Cert-Fingerprint', ({ fingerprint }) => fingerprint],
  ['X-Client-Cert-Not-After', ({ notAfter }) => notAfter],
]

const byName = new Map(fields.map(([name, value]) => [name.toLowerCase(), value]))

/** Whether a field, by its lower-case name, could only describe a client's certificate. */
export function describesCertificate(name: string): boolean {
  return name === 'x-client-cert' || name.startsWith('x-client-cert-')
}

/** The value of the field with that lower-case name; undefined if it says nothing. */
export function certificateField(name: string, certificate: ClientCertificate | undefined): string | undefined {
  return certificate === undefined ? undefined : byName.get(name)?.(certificate)
}

export function writeCertificate(out: Scratch, certificate: ClientCertificate): void {
  for (const [name, value] of fields) out.text(`${name}: ${value(certificate)}\r\n`)
}
