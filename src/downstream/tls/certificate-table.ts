import { isIP } from 'node:net'
import { isDigit } from '../../http1/bytes.ts'
import type { Certificate } from '../../runtime/tls-settings.ts'

/** The certificates for a host, at most one of each type: what a client is shown depends on the keys that it can use. */
export interface HostCertificates {
  readonly ecdsa: Certificate | undefined
  readonly rsa: Certificate | undefined
}

/** Finds the certificates for a host: of those that name it, else of those whose wildcard covers it, the first of each type. */
export class CertificateTable {
  /** The first certificate, and one of the other type for the same host; undefined if there is no certificate. */
  readonly standard: HostCertificates | undefined
  /** Whether some are for IP addresses. */
  readonly hasAddresses: boolean
  readonly #byHost = new Map<string, HostCertificates>()

  constructor(certificates: readonly Certificate[]) {
    let hasAddresses = false
    for (const certificate of certificates) {
      const alone = onlyCertificate(certificate)
      for (const host of certificate.hosts) {
        const before = this.#byHost.get(host)
        this.#byHost.set(host, before === undefined ? alone : joined(before, alone))
        hasAddresses ||= mayBeAddress(host) && isIP(host) > 0
      }
    }
    this.hasAddresses = hasAddresses
    const first = certificates[0]
    if (first !== undefined) this.standard = joined(onlyCertificate(first), this.#byHost.get(first.hosts[0] ?? ''))
  }

  /** @param host in lower case, or an IP address */
  find(host: string): HostCertificates | undefined {
    const exact = this.#byHost.get(host)
    const wildcard = this.#byHost.get(wildcardFor(host))
    return exact === undefined ? wildcard : joined(exact, wildcard)
  }
}

/** Whether one of the two covers that host. */
export function covers({ ecdsa, rsa }: HostCertificates, host: string): boolean {
  return isAmong(ecdsa?.hosts ?? [], host) || isAmong(rsa?.hosts ?? [], host)
}

function isAmong(hosts: readonly string[], host: string): boolean {
  return hosts.includes(host) || hosts.includes(wildcardFor(host))
}

/** `*.example.org` for `www.example.org`: a wildcard stands for one label (RFC 6125 §6.4.3). */
function wildcardFor(host: string): string {
  return `*${host.slice(host.indexOf('.'))}`
}

export function onlyCertificate(certificate: Certificate): HostCertificates {
  const isEcdsa = certificate.keyType === 'ecdsa'
  return { ecdsa: isEcdsa ? certificate : undefined, rsa: isEcdsa ? undefined : certificate }
}

/** The first one's certificates, and the other's where the first has none. */
function joined(first: HostCertificates | undefined, other: HostCertificates | undefined): HostCertificates {
  return { ecdsa: first?.ecdsa ?? other?.ecdsa, rsa: first?.rsa ?? other?.rsa }
}

/** Names end in a letter. Asked first since there may be 10,000 of them, and `isIP` is slow. */
function mayBeAddress(host: string): boolean {
  return isDigit(host.charCodeAt(host.length - 1)) || host.includes(':')
}
