import type { Hsts } from '../config/hsts.ts'
import type { Listener as ConfiguredListener } from '../config/listener.ts'
import type { ListenerTls as ConfiguredListenerTls } from '../config/listener-tls.ts'
import type { Upstream as ConfiguredUpstream } from '../config/upstream.ts'
import type { Listener, Upstream } from '../runtime/snapshot.ts'
import type { ListenerTls, TlsVersion } from '../runtime/tls-settings.ts'
import type { TlsMaterial } from './tls/tls-material.ts'

const HTTP_PORT = 80

const SUITES_13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']

/**
 * The profiles of Mozilla's guideline "Server Side TLS", version 5.7. Its three suites with finite-field DHE are left out: Node.js
 * offers these only with parameters of one's own, and every client that knows one of them knows ECDHE.
 */
const profiles: Readonly<
  Record<ConfiguredListenerTls['profile'], { minVersion: TlsVersion; suites12: readonly string[] }>
> = {
  intermediate: {
    minVersion: 'TLSv1.2',
    suites12: [
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-RSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-RSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-CHACHA20-POLY1305',
      'ECDHE-RSA-CHACHA20-POLY1305',
    ],
  },
  modern: { minVersion: 'TLSv1.3', suites12: [] },
}

/** @param standardRedirect where requests on port 80 are redirected to if the listener says nothing else */
export function compileListener(
  { tls, redirectTo: written, ...rest }: ConfiguredListener,
  material: TlsMaterial,
  standardRedirect: Listener['redirectTo'],
): Listener {
  if (tls !== undefined) return { ...rest, tls: compileListenerTls(tls, material) }
  const isHttpPort = 'port' in rest && rest.port === HTTP_PORT
  const redirectTo = written ?? (isHttpPort ? standardRedirect : undefined)
  return redirectTo === undefined || redirectTo === 'off' ? rest : { ...rest, redirectTo }
}

/** Where certificates are obtained by ACME, requests without TLS are redirected to the listener that has them. */
export function standardRedirectOf(listeners: readonly ConfiguredListener[]): Listener['redirectTo'] {
  return listeners.flatMap((each) => (each.tls?.acme !== undefined && 'port' in each ? { port: each.port } : []))[0]
}

function compileListenerTls(tls: ConfiguredListenerTls, { authorities, origins }: TlsMaterial): ListenerTls {
  const { minVersion, suites12 } = profiles[tls.profile]
  const { acme, clientCertificates, hsts } = tls
  const obtained = acme === undefined ? [] : origins.filter(({ source }) => source === 'acme')
  return {
    certificates: [
      ...(tls.certificates ?? []).map(({ cert }) => cert),
      ...obtained.map(({ certificate }) => certificate.name),
    ],
    ...(acme?.onDemand !== undefined && { isOnDemand: true }),
    unknownNames: tls.unknownNames,
    protocols: tls.protocols,
    minVersion: tls.minVersion ?? minVersion,
    ciphers: tls.ciphers === undefined ? [...SUITES_13, ...suites12].join(':') : withSuites13(tls.ciphers),
    ...(clientCertificates !== undefined && {
      clientCertificates: {
        ca: authorities.get(clientCertificates.ca) ?? '',
        isRequired: clientCertificates.mode === 'required',
      },
    }),
    handshakeTimeout: tls.handshakeTimeout,
    ...(hsts !== undefined && { strictTransportSecurity: formatHsts(hsts) }),
  }
}

/** Without one of its suites in the list, Node.js would not offer TLS 1.3. */
function withSuites13(ciphers: string): string {
  return ciphers.includes('TLS_') ? ciphers : [...SUITES_13, ciphers].join(':')
}

function formatHsts({ maxAge, includeSubDomains, preload }: Hsts): string {
  return [
    `max-age=${Math.floor(maxAge / 1000)}`,
    ...(includeSubDomains ? ['includeSubDomains'] : []),
    ...(preload ? ['preload'] : []),
  ].join('; ')
}

/** How connections to servers are made, in the fields that a Snapshot has for it. */
export function compileServerProtocol(
  { protocol, tls }: ConfiguredUpstream,
  { authorities, clientCertificates }: TlsMaterial,
): Pick<Upstream, 'protocol' | 'tls'> {
  const own = tls?.cert === undefined ? undefined : clientCertificates.get(tls.cert)
  return {
    ...(protocol !== undefined && protocol !== 'http1' && { protocol }),
    ...(tls !== undefined && {
      tls: {
        ...(tls.ca !== undefined && { ca: authorities.get(tls.ca) ?? '' }),
        ...(tls.serverName !== undefined && { serverName: tls.serverName }),
        verify: tls.verify,
        ...(own !== undefined && { client: { chain: own.chain, key: own.key } }),
      },
    }),
  }
}
