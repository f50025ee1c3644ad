import { canBeCertified } from './host.ts'
import type { Config } from './schema.ts'

const HTTP_PORT = 80
const HTTPS_PORT = 443

/** Settings of `acme` with which certificates cannot be obtained, or only in some ways: the consequence and the fix. */
export function acmeWarnings({ listeners, routes }: Config): string[] {
  const at = listeners.find(({ tls }) => tls?.acme !== undefined)
  const acme = at?.tls?.acme
  if (at === undefined || acme === undefined) return []
  const { challenges = ['http-01', 'tls-alpn-01'], dns, onDemand } = acme
  const plain = listeners.filter(({ tls }) => tls === undefined)
  const wildcards = [...new Set(routes.flatMap(({ hosts }) => hosts.filter((host) => host.startsWith('*.'))))]
  const patterns = [...new Set(routes.flatMap(({ hosts }) => hosts.filter((host) => !canBeCertified(host))))]
  const isHttp = challenges.includes('http-01')
  const left = dns === undefined ? 'only tls-alpn-01 is left' : 'only tls-alpn-01 and dns-01 are left'
  return [
    ...(isHttp && plain.length === 0
      ? [`acme: no listener is without tls, so http-01 cannot be answered and ${left}; add { port: 80 } to listeners`]
      : []),
    ...(isHttp && plain.length > 0 && !plain.some((each) => 'port' in each && each.port === HTTP_PORT)
      ? ['acme: authorities ask on port 80, and no listener without tls has it; something must forward port 80 to one']
      : []),
    ...(challenges.includes('tls-alpn-01') && 'port' in at && at.port !== HTTPS_PORT
      ? [
          `acme: authorities ask on port 443, and the listener has port ${at.port}; something must forward port 443 to it`,
        ]
      : []),
    ...(dns === undefined && onDemand === undefined
      ? wildcards.map((host) => `acme: a certificate for ${host} needs dns-01: set dns.command, or name the hosts`)
      : []),
    ...(onDemand === undefined
      ? patterns.map((host) => `acme: no certificate can be for ${host}: name the hosts, or set onDemand`)
      : []),
  ]
}
