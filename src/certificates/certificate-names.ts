import type { X509Certificate } from 'node:crypto'
import { parseIpAddress } from '../runtime/ip-address.ts'

/**
 * The hosts that a certificate covers (RFC 6125): lower case, `*.example.org` for every name one label below it, and IP
 * addresses in their canonical form. Without a subjectAltName the common name, which only old clients accept.
 */
export function hostsOf({ subjectAltName, subject }: X509Certificate): string[] {
  const hosts = (subjectAltName ?? '').split(', ').flatMap((name) => {
    const [, kind, value = ''] = /^(DNS|IP Address):(.*)$/.exec(name) ?? []
    if (kind === 'DNS') return value.toLowerCase()
    return kind === undefined ? [] : (parseIpAddress(value)?.text ?? [])
  })
  const commonName = subjectAltName === undefined ? attribute(subject, 'CN') : undefined
  return commonName === undefined ? [...new Set(hosts)] : [commonName.toLowerCase()]
}

/** Who has issued it, in few words: the common name, or the organisation. */
export function issuerOf({ issuer }: X509Certificate): string {
  return attribute(issuer, 'CN') ?? attribute(issuer, 'O') ?? issuer.replaceAll('\n', ', ')
}

function attribute(name: string | undefined, type: string): string | undefined {
  return name
    ?.split('\n')
    .find((line) => line.startsWith(`${type}=`))
    ?.slice(type.length + 1)
}
