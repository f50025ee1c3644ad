import type { Listener as ConfiguredListener } from '../config/listener.ts'
import { formatHsts } from '../config/tls/hsts.ts'
import type { ListenerTls as ConfiguredListenerTls } from '../config/tls/listener-tls.ts'
import { offerOf } from '../config/tls/tls-profile.ts'
import type { Upstream as ConfiguredUpstream } from '../config/upstream.ts'
import type { Listener, Upstream } from '../runtime/snapshot.ts'
import type { ListenerTls } from '../runtime/tls-settings.ts'
import type { TlsMaterial } from './tls/tls-material.ts'

/** @param name by which routes know it; undefined if none does */
export function compileListener(
  { tls, redirectTo, name: _, ...settings }: ConfiguredListener,
  material: TlsMaterial,
  name?: string,
): Listener {
  const rest = { ...settings, ...(name !== undefined && { name }) }
  if (tls !== undefined) return { ...rest, tls: compileListenerTls(tls, material) }
  return redirectTo === undefined || redirectTo === 'off' ? rest : { ...rest, redirectTo }
}

function compileListenerTls(tls: ConfiguredListenerTls, { authorities, origins }: TlsMaterial): ListenerTls {
  const { minVersion, suites13, suites12 } = offerOf(tls)
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
    minVersion,
    ciphers: [...suites13, ...suites12].join(':'),
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
