import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { ApplicationProtocol, ListenerTls } from '../../runtime/tls-settings.ts'
import type { ClientCertificate, TlsFacts } from '../../transport/tls-facts.ts'
import { covers, type HostCertificates } from './certificate-table.ts'

/** What the handshake of a client has settled. */
export class TlsConnection implements TlsFacts {
  readonly version: string
  readonly cipher: string
  readonly serverName: string
  readonly isResumed: boolean
  readonly protocol: ApplicationProtocol | ''
  readonly clientCertificate: ClientCertificate | undefined
  readonly responseFields: string
  readonly #certificates: HostCertificates
  /** Whether clients are known by certificates, so that one connection serves one host. */
  readonly #isBound: boolean

  constructor(
    socket: TLSSocket,
    serverName: string,
    certificates: HostCertificates,
    settings: ListenerTls,
    clientCertificate: X509Certificate | undefined,
  ) {
    this.version = socket.getProtocol() ?? ''
    this.cipher = socket.getCipher()?.name ?? ''
    this.serverName = serverName
    this.isResumed = socket.isSessionReused()
    this.protocol = (socket.alpnProtocol || '') as ApplicationProtocol | ''
    this.clientCertificate = clientCertificate === undefined ? undefined : described(clientCertificate)
    const hsts = settings.strictTransportSecurity
    this.responseFields = hsts === undefined ? '' : `Strict-Transport-Security: ${hsts}\r\n`
    this.#certificates = certificates
    this.#isBound = settings.clientCertificates !== undefined
  }

  covers(host: string): boolean {
    if (host === this.serverName || host === '' || this.serverName === '') return true
    return !this.#isBound && covers(this.#certificates, host.startsWith('[') ? host.slice(1, -1) : host)
  }
}

function described(certificate: X509Certificate): ClientCertificate {
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    serial: certificate.serialNumber.toLowerCase(),
    notAfter: certificate.validToDate.toISOString().replace('.000', ''),
  }
}

/**
 * A name in the form of RFC 4514. Node.js gives one line for each part, the least specific first, in which special characters are
 * escaped, but not those that are not ASCII.
 */
function distinguishedName(lines: string | undefined): string {
  const parts = (lines ?? '').split('\n').map((part) => part.replaceAll(' + ', '+'))
  return parts
    .reverse()
    .join(',')
    .replace(/[^ -~]/gu, asHexadecimal)
}

function asHexadecimal(character: string): string {
  return Buffer.from(character).toString('hex').toUpperCase().replace(/../g, '\\$&')
}
