import { z } from 'zod'
import { nodeTls } from '../../runtime/node-tls.ts'
import { InvalidValue } from '../error.ts'
import { Duration, settings, text, uniqueList } from '../field.ts'
import { FilePath } from '../file-path.ts'
import { Acme } from './acme.ts'
import { Hsts } from './hsts.ts'

/** The schema of a listener's `tls`. See docs/tls.md. */

const CertificateFiles = settings(
  {
    cert: FilePath.describe('The file with the certificate and, behind it, the certificates of its issuers, as PEM.'),
    key: FilePath.describe('The file with its private key, as PEM.'),
  },
  '{ cert: site.pem, key: site.key }',
)

/** The files of one certificate. */
export type CertificateFiles = z.output<typeof CertificateFiles>

const ClientCertificates = settings(
  {
    ca: FilePath.describe('The file with the certificates of the authorities that clients need one of, as PEM.'),
    mode: z
      .enum(['required', 'optional'])
      .prefault('required')
      .describe('required: a client without a certificate is refused. optional: it is served all the same.'),
  },
  '{ ca: clients.pem }',
)

/** Refuses what OpenSSL does not know at all. It ignores single names that it does not know. */
function parseCiphers(written: string): string {
  const { createSecureContext } = nodeTls()
  try {
    createSecureContext({ ciphers: written, minVersion: 'TLSv1.2' })
  } catch {
    throw new InvalidValue('cipher suites that OpenSSL knows', 'leave it out for the suites of the profile')
  }
  return written
}

export const ListenerTls = settings(
  {
    certificates: z
      .exactOptional(
        z
          .array(CertificateFiles, 'a list such as [{ cert: site.pem, key: site.key }]')
          .min(1, 'at least one certificate')
          .max(10_000, 'at most 10000 certificates'),
      )
      .describe(
        'The certificates. Each client gets one that covers the name that it asks for. The first one is the default.',
      ),
    acme: z
      .exactOptional(Acme)
      .describe("Obtains certificates for the hosts of all routes, and renews them. Default: the files' alone."),
    protocols: uniqueList(z.enum(['h2', 'http/1.1']))
      .prefault(['h2', 'http/1.1'])
      .describe('The protocols that are offered, the preferred one first.'),
    profile: z
      .enum(['intermediate', 'modern'])
      .prefault('intermediate')
      .describe("Mozilla's recommendation for versions and cipher suites. modern: TLS 1.3 only."),
    minVersion: z
      .exactOptional(z.enum(['TLSv1.2', 'TLSv1.3']))
      .describe('The oldest version of TLS that clients may use. Default: that of the profile.'),
    ciphers: z
      .exactOptional(text(parseCiphers, 'a list of cipher suites'))
      .describe("OpenSSL's list of cipher suites, instead of the profile's."),
    clientCertificates: z
      .exactOptional(ClientCertificates)
      .describe('Asks clients for certificates (mTLS). Default: they are not asked.'),
    unknownNames: z
      .enum(['default', 'refuse'])
      .prefault('default')
      .describe(
        'What a client gets that asks for a name which no certificate covers: the default certificate, or none.',
      ),
    handshakeTimeout: Duration.prefault('10s').describe('The maximum time for the handshake. 0: no limit.'),
    hsts: z
      .exactOptional(Hsts)
      .describe('Strict-Transport-Security in every response: true, or settings. Default: none.'),
    ticketKeys: z
      .exactOptional(FilePath)
      .describe(
        'A file with 48 random bytes, or these in base64: the key of session tickets, if replicas share it. Default: a random key, another one each day.',
      ),
  },
  '{ certificates: [{ cert: site.pem, key: site.key }] }',
)
  .check(({ value: { certificates, acme }, issues }) => {
    if (certificates !== undefined || acme !== undefined) return
    const params = { hint: 'name files, or have certificates obtained by acme: { email: … }' }
    issues.push({ code: 'custom', message: 'certificates or acme', path: ['certificates'], input: undefined, params })
  })
  .check(({ value: { profile, minVersion }, issues }) => {
    if (profile !== 'modern' || minVersion !== 'TLSv1.2') return
    const params = { hint: 'leave it out, or write profile: intermediate' }
    const message = 'TLSv1.3, because profile is modern'
    issues.push({ code: 'custom', message, path: ['minVersion'], input: minVersion, params })
  })

export type ListenerTls = z.output<typeof ListenerTls>
